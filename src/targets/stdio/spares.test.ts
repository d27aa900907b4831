import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { childPorts, temporaryFolder, until } from '../../../test/fixtures/child-host.ts';
import { ask, ECHO, NOTHING, open, Reader, World } from '../../../test/fixtures/stdio-target.ts';
import type { Clock } from '../../core/ports.ts';
import { ChildWire } from './wire.ts';

test('a session takes the child that was warmed, and another is warmed in its place', async (t) => {
  const world = new World(t);
  const connector = world.node(`console.log('{"pid":' + process.pid + '}');${ECHO}`);
  connector.warm?.();
  assert.equal(world.host.count, 1);
  const first = await open(connector);
  assert.equal(world.host.count, 2);
  const { pid } = JSON.parse(await first.reader.next());
  assert.equal((await ask(first.wire, first.reader)).pid, pid);
  await connector.close();
  assert.equal(world.host.count, 0);
});

test('what a spare said before it was taken is not lost', async (t) => {
  const world = new World(t);
  const wire = new ChildWire({
    log: world.ports.log,
    spoke: () => undefined,
    start: (events) =>
      world.host.spawn(
        {
          name: 'x',
          cmd: '/bin/sh',
          args: ['-c', 'echo \'{"early":1}\''],
          env: {},
          clearEnv: false,
          cwd: undefined,
        },
        events,
      ),
  });
  await wire.child.exited;
  const reader = new Reader();
  wire.attach(reader);
  assert.equal(await reader.next(), '{"early":1}');
  assert.equal(reader.closings[0]?.code, 'PROCESS_EXIT');
});

test('a probe has a child of its own', async (t) => {
  const world = new World(t);
  const connector = world.node(ECHO);
  connector.warm?.();
  const probe = await open(connector, 'probe');
  const session = await open(connector);
  assert.equal(world.host.count, 3);
  assert.notEqual((await ask(probe.wire, probe.reader)).pid, (await ask(session.wire, session.reader)).pid);
});

test('without warm, and when shared, no child waits', async (t) => {
  for (const config of [{ warm: 0 }, { lifecycle: 'shared' }]) {
    const world = new World(t);
    const connector = world.node(ECHO, config);
    connector.warm?.();
    const { wire, reader } = await open(connector, 'probe');
    await ask(wire, reader);
    assert.equal(world.host.count, 1);
    await connector.close();
  }
});

test('a crash loop ends the warming until the command has worked for a session', async (t) => {
  const clock = new ManualClock();
  const world = new World(t, { ...childPorts(), clock });
  const crash = join(temporaryFolder(t), 'crash');
  const script = `[ -e ${crash} ] && exit 1; while read line; do echo "$line"; done`;
  await writeFile(crash, '');
  const connector = world.connector({ cmd: '/bin/sh', args: ['-c', script] });
  connector.warm?.();
  for (let death = 1; death < 5; death += 1) await until(() => clock.run(), `back-off after death ${death}`);
  await until(() => world.host.count === 0, 'the last spare is gone');
  assert.equal(clock.run(), false, 'no further attempt is planned');
  connector.warm?.();
  assert.equal(world.host.count, 0, 'asking again changes nothing');
  await rm(crash);
  const { wire, reader } = await open(connector);
  assert.equal(world.host.count, 1, 'no spare before the command has worked');
  await wire.send(Buffer.from('{"ok":1}'), NOTHING);
  await reader.next();
  assert.equal(world.host.count, 2);
});

class ManualClock implements Clock {
  #planned: (() => void)[] = [];
  now = (): number => 0;
  monotonic = (): number => 0;

  after(_ms: number, run: () => void): { cancel(): void } {
    this.#planned.push(run);
    const cancel = (): void => {
      this.#planned = this.#planned.filter((other) => other !== run);
    };
    return { cancel };
  }

  every(): { cancel(): void } {
    throw new Error('not used');
  }

  /** Runs what is planned; false when nothing is. */
  run(): boolean {
    const planned = this.#planned.splice(0);
    for (const run of planned) run();
    return planned.length > 0;
  }
}
