// How the gateway ends: calls in flight are answered, streams do not hold it, and no child is left.
// needs: ps
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import { McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { McpSseClient } from '../fixtures/mcp-sse.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { groupOf, running } from '../fixtures/processes.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

/** Less than the gateway gives calls in flight (60 s): what holds it longer fails the test. */
const WITHIN = { timeout: 45_000 };
const HELD: readonly Step[] = [
  { do: 'hold', key: 'k' },
  { do: 'result', result: text('done') },
];

function text(value: string) {
  return { content: [{ type: 'text', text: value }] };
}

interface Stage {
  readonly gateway: GatewayProcess;
  readonly server: RawServer;
  client(): Promise<McpHttpClient>;
  /** Lets every held call go on, past the gateway. */
  release(): Promise<void>;
}

async function stage(t: TestContext, more: readonly object[] = []): Promise<Stage> {
  const server = await startRawServer();
  t.after(() => server.close());
  const targets = [{ name: 'web', mcp: { host: server.url } }, ...more];
  const gateway = await startGateway({ mcp: { targets, prefixMode: 'always' } });
  t.after(() => gateway.stop());
  const open = async (url: string): Promise<McpHttpClient> => {
    const opened = await McpHttpClient.open(url);
    t.after(() => opened.close());
    return opened;
  };
  const client = () => open(gateway.url);
  const release = async (): Promise<void> => {
    const direct = await open(server.url);
    await direct.script([
      { do: 'release', key: 'k' },
      { do: 'result', result: text('') },
    ]);
  };
  return { gateway, server, client, release };
}

/** A call that the upstream holds, and that is known to have reached it. In an array: awaiting this must not await it. */
async function held({ server }: Stage, begin: () => Promise<Message>): Promise<[Promise<Message>]> {
  const calls = () => server.control.received().filter(({ method }) => method === 'tools/call').length;
  const before = calls();
  const call = begin();
  await until(() => calls() > before, 'the call reaches the upstream');
  return [call];
}

async function exitOf(gateway: GatewayProcess): Promise<number | string | undefined> {
  await until(() => gateway.exitCode() !== undefined, 'the gateway ends');
  return gateway.exitCode();
}

function refuses(gateway: GatewayProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(
    `${signal}: nobody new is let in, the call in flight is answered, then the gateway ends with 0`,
    WITHIN,
    async (t) => {
      const world = await stage(t);
      const { gateway, release } = world;
      const client = await world.client();
      const [call] = await held(world, () => client.script(HELD, 'web_script'));
      process.kill(gateway.pid, signal);
      await until(() => refuses(gateway), 'the port is closed');
      assert.equal(gateway.exitCode(), undefined);
      await release();
      assert.equal(textOf(await call), 'done');
      assert.equal(await exitOf(gateway), 0);
    },
  );
}

test(
  'a call in flight on an event stream, and one of the old transport, are answered before the end',
  WITHIN,
  async (t) => {
    const world = await stage(t);
    const { gateway, release } = world;
    const client = await world.client();
    const old = await McpSseClient.open(gateway.url.replace(/mcp$/, 'sse'));
    t.after(() => old.close());
    const told: readonly Step[] = [{ do: 'log', data: 'begun' }, ...HELD];
    const stream = await client.stream(
      client.message('tools/call', { name: 'web_script', arguments: { steps: told } }),
    );
    await stream.method('notifications/message');
    const [call] = await held(world, () => old.script(HELD, 'web_script'));
    process.kill(gateway.pid, 'SIGTERM');
    await until(() => refuses(gateway), 'the port is closed');
    await release();
    assert.equal(textOf(await stream.message(({ result }) => result !== undefined)), 'done');
    assert.equal(textOf(await call), 'done');
    assert.equal((await stream.ended).whole, true);
    assert.equal(await exitOf(gateway), 0);
  },
);

test('streams that only listen do not hold the end', WITHIN, async (t) => {
  const { gateway, client } = await stage(t, [{ name: 'child', stdio: stdioTarget() }]);
  const listening = await (await client()).listen();
  const idle = await client();
  await idle.call('child_echo', {});
  const old = await McpSseClient.open(gateway.url.replace(/mcp$/, 'sse'));
  t.after(() => old.close());
  process.kill(gateway.pid, 'SIGTERM');
  assert.equal((await listening.ended).whole, true);
  assert.equal((await old.stream.ended).whole, true);
  assert.equal(await exitOf(gateway), 0);
});

test('no child is left, be it deaf to every request to leave', WITHIN, async (t) => {
  const mark = `mark-${randomUUID()}`;
  const { gateway, client } = await stage(t, [
    { name: 'plain', stdio: stdioTarget({ name: mark }) },
    {
      name: 'deaf',
      stdio: stdioTarget({ name: mark, stdio: { ignoreEnd: true, ignoreSigterm: true, grandchild: true } }),
    },
    { name: 'shared', stdio: { ...stdioTarget({ name: mark }), lifecycle: 'shared' } },
  ]);
  const session = await client();
  for (const name of ['plain', 'deaf', 'shared']) await session.call(`${name}_echo`);
  const children = await running(mark);
  // Two exclusive ones each have the probe, the session's child and a spare.
  assert.equal(children.length, 7);
  process.kill(gateway.pid, 'SIGTERM');
  assert.equal(await exitOf(gateway), 0);
  assert.deepEqual((await Promise.all(children.map(groupOf))).flat(), []);
});

test('a second signal ends it at once', WITHIN, async (t) => {
  const world = await stage(t);
  const { gateway } = world;
  const client = await world.client();
  const [call] = await held(world, () => client.script(HELD, 'web_script'));
  const cut = assert.rejects(call);
  process.kill(gateway.pid, 'SIGTERM');
  await until(() => refuses(gateway), 'the port is closed');
  process.kill(gateway.pid, 'SIGINT');
  assert.equal(await exitOf(gateway), 1);
  await cut;
});

test('a gateway that is still starting its targets ends as cleanly', WITHIN, async (t) => {
  const mark = `mark-${randomUUID()}`;
  const mute = stdioTarget({ name: mark, silent: ['initialize'], stdio: { ignoreEnd: true } });
  const targets = [{ name: 'mute', stdio: mute, connectTimeout: '60s' }];
  const config = { statsAddr: 'off', adminAddr: 'off' };
  const started = launch(['-f', '-'], { stdin: 'pipe' });
  started.child.stdin?.end(JSON.stringify({ config, mcp: { port: 0, targets } }));
  t.after(() => started.stop());
  await until(async () => (await running(mark)).length > 0, 'the child has begun');
  process.kill(started.pid, 'SIGTERM');
  await until(() => started.exitCode() !== undefined, 'the gateway ends');
  assert.equal(started.exitCode(), 0, started.tail());
  assert.deepEqual(await running(mark), []);
});
