import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackendWorld } from '../../../test/fixtures/mcp-backend.ts';
import type { ConnectorScript } from '../../../test/fixtures/scripted-wire.ts';
import { textOf } from '../../../test/fixtures/test-exchange.ts';
import { STANDARD_LIMITS } from '../../core/limits.ts';

const target = (name: string, scripted: string, more: object = {}): object => ({ name, scripted, ...more });

describe('a reload', () => {
  it('keeps the servers and sessions whose configuration is the same, whatever else changes', async () => {
    const world = new BackendWorld();
    await world.apply({ targets: [target('one', 'x'), target('two', 'y')] });
    const token = await world.begin();
    await world.call(token, 'tools/call', { name: 'one_a' });
    const [one] = world.made;
    const wires = one?.connector.wires.length;
    await world.apply(
      {
        targets: [target('one', 'x', { callTimeout: 5, tools: { exclude: ['b'] } })],
        failureMode: 'failOpen',
      },
      { policies: { cors: { allowOrigins: ['*'] } } },
    );
    assert.equal(world.made.length, 2);
    assert.deepEqual([one?.connector.closed, one?.connector.wires.length], [false, wires]);
    assert.deepEqual((await world.call(token, 'tools/call', { name: 'a' })).result, {});
    assert.equal(one?.connector.wires.length, wires, 'the session keeps its link');
    assert.equal(world.made[1]?.connector.closed, true);
  });

  it('makes a server anew when what it is made from changes: itself, its name, its connect timeout', async () => {
    const world = new BackendWorld();
    await world.apply({ targets: [target('one', 'x')] });
    for (const changed of [
      target('one', 'x2'),
      target('other', 'x2'),
      target('other', 'x2', { connectTimeout: 77 }),
    ]) {
      const before = world.made.length;
      await world.apply({ targets: [changed] });
      assert.equal(world.made.length, before + 1);
      assert.equal(world.made[before - 1]?.connector.closed, true);
    }
    await world.apply({ targets: [target('other', 'x2')], connectTimeout: 77 });
    assert.equal(world.made.length, 4, 'where the timeout is written does not matter');
  });

  it('shows the new view to sessions that go on', async () => {
    const world = new BackendWorld();
    await world.apply({ targets: [target('one', 'x')] });
    const token = await world.begin();
    assert.deepEqual((await world.call(token, 'tools/list')).result, { tools: [{ name: 'a' }] });
    await world.apply({
      targets: [target('one', 'x', { tools: { rename: { a: 'b' } } }), target('two', 'y')],
    });
    assert.deepEqual((await world.call(token, 'tools/list')).result, {
      tools: [{ name: 'one_b' }, { name: 'two_a' }],
    });
    await world.apply({ targets: [target('one', 'x')], prefixMode: 'always', nameLimit: 16 });
    assert.deepEqual((await world.call(token, 'tools/list')).result, { tools: [{ name: 'one_a' }] });
  });

  it('changes what holds for sessions: how many there may be, and how long they may be idle', async () => {
    const world = new BackendWorld();
    const config = { targets: [target('one', 'x')] };
    await world.apply(config);
    const token = await world.begin();
    await world.apply(config, { settings: { maxSessions: 1, sessionTtlMs: 1000 } });
    await assert.rejects(world.begin(), /holds 1 sessions already/);
    assert.deepEqual((await world.call(token, 'ping')).result, {});
    await world.ports.clock.advance(1300);
    await world.begin();
  });

  it('changes limits for what goes on: endpoints, servers, children', async () => {
    const world = new BackendWorld();
    const config = { targets: [target('one', 'x')] };
    await world.apply(config);
    const token = await world.begin();
    const { limits } = world.made[0]?.deps ?? {};
    assert.equal(limits?.messageBytes, STANDARD_LIMITS.upstreamMessage);
    const lower = { ...STANDARD_LIMITS, requestBody: 200, upstreamMessage: 2000, children: 3 };
    await world.apply(config, { settings: { limits: lower } });
    assert.deepEqual([limits?.messageBytes, limits?.children], [2000, 3]);
    assert.equal(world.made.length, 1);
    assert.deepEqual((await world.call(token, 'ping')).result, {});
  });

  it('that takes the backend away ends its sessions and lets go of everything', async () => {
    const world = new BackendWorld();
    await world.apply({ targets: [target('one', 'x')] });
    const token = await world.begin();
    await world.apply({ targets: [target('one', 'x')] }, { key: 'another' });
    assert.match((await world.call(token, 'ping')).error?.message ?? '', /Session not found/);
    await world.end();
    assert.equal(world.left, 0);
    assert.ok(world.made.every(({ connector }) => connector.closed));
    assert.equal(world.ports.clock.waiting, 0);
  });
});

describe('targets', () => {
  it('of the same name and making are one, however often they are named', async () => {
    const world = new BackendWorld();
    await world.apply({ targets: [target('one', 'x')] });
    await world.apply({ targets: [target('one', 'x')] }, { key: 'another' });
    assert.equal(world.made.length, 1);
  });

  it('are given their policies and deadlines', async () => {
    const world = new BackendWorld();
    await world.apply(
      { targets: [target('one', 'x')], connection_timeout_ms: 1234 },
      { policies: { backendTLS: { x: 1 } } },
    );
    const [one] = world.made;
    assert.deepEqual([one?.deps.name, one?.deps.timeouts.connectMs], ['one', 1234]);
    assert.deepEqual(one?.deps.backend.policies, { backendTLS: { x: 1 } });
  });

  it('may be written as a bare host', async () => {
    const world = new BackendWorld();
    await world.apply({ targets: [{ name: 'one', host: 'http://127.0.0.1:1/mcp' }] });
    assert.equal(world.made[0]?.text, 'http://127.0.0.1:1/mcp');
  });
});

describe('deadlines of calls', () => {
  const silent: ConnectorScript = {
    tools: [{ name: 'a' }, { name: 'slow' }],
    on: { 'tools/call': () => undefined },
  };

  it('are those of the tool, the target, the backend, in this order', async () => {
    for (const [config, tool, ms] of [
      [{ targets: [target('one', 'x')] }, 'a', 30_000],
      [{ targets: [target('one', 'x')], tool_call_timeout_ms: 4000 }, 'a', 4000],
      [{ targets: [target('one', 'x')], tool_call_timeout_ms: 4000, callTimeout: '3s' }, 'a', 3000],
      [{ targets: [target('one', 'x', { callTimeout: '2s' })], callTimeout: '3s' }, 'a', 2000],
      [
        { targets: [target('one', 'x', { callTimeout: '2s', toolTimeouts: { slow: '1m' } })] },
        'slow',
        60_000,
      ],
    ] as const) {
      const world = new BackendWorld(silent);
      await world.apply(config);
      const token = await world.begin();
      const call = world.post(
        { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } },
        { 'mcp-session-id': token },
      );
      await world.ports.clock.advance(ms + 10);
      assert.match(await textOf(await call), new RegExp(`within ${ms} ms`), JSON.stringify(config));
    }
  });
});
