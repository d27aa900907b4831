import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder, until } from '../../../test/fixtures/child-host.ts';
import { ask, code, ECHO, NOTHING, open, Reader, World } from '../../../test/fixtures/stdio-target.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import { stdioTarget } from './index.ts';

test('a command that cannot be started rejects the opening with a remedy', async (t) => {
  const world = new World(t);
  await assert.rejects(
    open(world.connector({ cmd: 'uvx-that-is-not-there' })),
    (error) =>
      code('PROCESS_START')(error) && /command not found on PATH: uvx-that/.test((error as Error).message),
  );
  const script = join(temporaryFolder(t), 'script');
  await writeFile(script, '#!/no/such/interpreter\n', { mode: 0o755 });
  await assert.rejects(open(world.connector({ cmd: script })), code('PROCESS_START'));
});

test('a cancelled opening starts nothing', async (t) => {
  const world = new World(t);
  const cancel = new Cancel();
  cancel.cancel(new GatewayError('CANCELLED', 'gone'));
  const opening = world
    .node(ECHO)
    .open({ events: new Reader(), headers: [], cancel, purpose: 'session', era: 'legacy' });
  await assert.rejects(opening, code('CANCELLED'));
  assert.equal(world.host.count, 0);
});

test('the lifecycle decides whether a session can be resumed', (t) => {
  const world = new World(t);
  const session = world.node(ECHO);
  const shared = world.node(ECHO, { lifecycle: 'shared' });
  assert.deepEqual([session.lifecycle, session.resumable], ['session', false]);
  assert.deepEqual([shared.lifecycle, shared.resumable], ['shared', true]);
});

test('closing the connector tells its sessions that the target is gone', async (t) => {
  const world = new World(t);
  const connector = world.node(ECHO);
  const { reader } = await open(connector);
  await connector.close();
  assert.equal(reader.closings[0]?.code, 'TARGET_REMOVED');
  assert.equal(world.host.count, 0);
  await assert.rejects(open(connector), code('TARGET_REMOVED'));
  connector.warm?.();
  assert.equal(world.host.count, 0);
});

test('the host is shared by all targets and ends with the last', async (t) => {
  const world = new World(t);
  const [first, second] = [world.node(ECHO), world.node(ECHO)];
  const { wire, reader } = await open(second);
  await first.close();
  await ask(wire, reader);
  await second.close();
  await assert.rejects(open(world.node(ECHO)), code('SHUTTING_DOWN'));
});

test('only what a running child depends on is part of the identity', () => {
  const config = stdioTarget.schema.parse({
    cmd: 'npx',
    args: ['-y', 'x'],
    env: { A: '1' },
    cwd: '/',
    warm: 2,
  });
  assert.deepEqual(stdioTarget.identity(config, { backendTLS: {} }), {
    cmd: 'npx',
    args: ['-y', 'x'],
    env: { A: '1' },
    clearEnv: false,
    cwd: '/',
    lifecycle: 'session',
    warm: 2,
  });
});

test('200 children opened and closed leave neither descriptors nor processes behind', {
  skip: process.platform !== 'linux' && 'counts /proc/self/fd',
}, async (t) => {
  const world = new World(t);
  const connector = world.connector({ cmd: 'cat', warm: 2 });
  const session = async (): Promise<void> => {
    const { wire, reader } = await open(connector);
    await wire.send(Buffer.from('{"id":1}'), NOTHING);
    assert.equal(await reader.next(), '{"id":1}');
    await wire.close();
  };
  await session();
  await until(() => world.host.count <= 2, 'only spares are left');
  const descriptors = readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 20 }, session));
  assert.ok(world.host.count <= 2);
  await until(
    () => readdirSync('/proc/self/fd').length <= descriptors,
    'descriptors return to where they were',
  );
  await connector.close();
  assert.equal(world.host.count, 0);
  assert.deepEqual(childPids(), []);
});

/** Pids of this process's children, zombies included. */
function childPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(process.pid);
      } catch {
        return false;
      }
    })
    .map(Number);
}
