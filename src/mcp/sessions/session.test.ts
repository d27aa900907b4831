import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Response, type SessionWorld, sessionOver } from '../../../test/fixtures/scripted-session.ts';
import { scriptedTarget, type TestTarget } from '../../../test/fixtures/scripted-target.ts';
import type { ConnectorScript, Handler, ScriptedWire } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';

const silent: Handler = () => undefined;
const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({}) } };

const target = (world: SessionWorld, name: string): TestTarget => world.targets[name] as TestTarget;
const linkTo = (world: SessionWorld, name: string): ScriptedWire => {
  const wire = target(world, name).connector.wires.findLast(({ options }) => options.purpose === 'session');
  assert.ok(wire, `no link to ${name}`);
  return wire;
};
const heard = (world: SessionWorld): unknown[] => world.heard.map(({ method, params }) => params ?? method);
const failure = ({ error }: Response): string => `${error?.data?.code} ${error?.message}`;

describe('changed lists', () => {
  it('are told once when several change together', async () => {
    const world = await sessionOver({ one: TOOL, two: TOOL });
    world.listen();
    for (const kind of ['tools', 'resources', 'templates', 'tools'] as const) world.session.listChanged(kind);
    await world.ports.clock.advance(49);
    assert.deepEqual(world.heard, []);
    await world.ports.clock.advance(1);
    world.session.listChanged('prompts');
    await world.ports.clock.advance(50);
    assert.deepEqual(heard(world), [
      'notifications/tools/list_changed',
      'notifications/resources/list_changed',
      'notifications/prompts/list_changed',
    ]);
  });

  it('are told to a client that listens only later', async () => {
    const world = await sessionOver({ one: TOOL });
    world.session.listChanged('tools');
    await world.ports.clock.advance(1000);
    world.listen();
    world.listen();
    assert.deepEqual(heard(world), ['notifications/tools/list_changed']);
  });

  it('are not told after the end', async () => {
    const world = await sessionOver({ one: TOOL });
    world.listen();
    world.session.listChanged('tools');
    await world.session.close();
    await world.ports.clock.advance(1000);
    assert.deepEqual(world.heard, []);
  });
});

describe('a new configuration', () => {
  it('ends links to targets that are gone, keeps the others, and is told', async () => {
    const world = await sessionOver({ one: TOOL, two: { ...TOOL, on: { 'tools/call': silent } } });
    world.listen();
    await world.call('tools/call', { name: 'one_a' });
    const pending = world.call('tools/call', { name: 'two_a' });
    await settled();
    const [kept, gone] = [linkTo(world, 'one'), linkTo(world, 'two')];
    world.session.rebase(world.viewOf([target(world, 'one')], { prefixMode: 'always' }));
    assert.match(failure(await pending), /^TARGET_REMOVED target "two"/);
    assert.deepEqual([kept.closed, gone.closed], [false, true]);
    await world.ports.clock.advance(50);
    assert.equal(world.heard.length, 3);
    assert.deepEqual((await world.call('tools/call', { name: 'one_a' })).result, {});
    assert.equal(linkTo(world, 'one'), kept);
  });

  it('that shows the same is not told', async () => {
    const world = await sessionOver({ one: TOOL, two: TOOL });
    world.listen();
    world.session.rebase(world.viewOf(Object.values(world.targets)));
    await world.ports.clock.advance(1000);
    assert.deepEqual(world.heard, []);
  });

  it('with another server under the same name shows nothing of the old one', async () => {
    const world = await sessionOver({ one: TOOL, two: TOOL });
    await world.call('tools/call', { name: 'one_a' });
    linkTo(world, 'one').say({ method: 'notifications/tools/list_changed' });
    await world.call('tools/list');
    const fresh = scriptedTarget({ tools: [{ name: 'new' }] }, { name: 'one', ports: world.ports });
    fresh.target.start();
    world.session.rebase(world.viewOf([fresh, target(world, 'two')]));
    const { result } = await world.call('tools/list');
    assert.deepEqual(result, { tools: [{ name: 'one_new' }, { name: 'two_a' }] });
  });
});

describe('what a server says by itself', () => {
  it('reaches the client that listens', async () => {
    const world = await sessionOver({ one: TOOL, two: TOOL });
    await world.call('tools/call', { name: 'one_a' });
    const link = linkTo(world, 'one');
    link.say({ method: 'notifications/message', params: { level: 'debug', data: 'unheard' } });
    world.listen();
    link.say({ method: 'notifications/message', params: { level: 'debug', data: 'heard' } });
    link.say({ method: 'notifications/vendor', params: { x: 1 } });
    link.say({ method: 'notifications/resources/updated', params: {} });
    assert.deepEqual(heard(world), [{ level: 'debug', data: 'heard' }, { x: 1 }]);
  });

  it('over a shared link reaches each client as far as it wants it', async () => {
    const world = await sessionOver({ one: { ...TOOL, resources: [], lifecycle: 'shared' }, two: TOOL });
    world.listen();
    const { target: one, connector } = target(world, 'one');
    one.watch({
      changed() {},
      up() {},
      notification: (from, message) => world.session.fromShared(from, message),
    });
    await world.call('logging/setLevel', { level: 'warning' });
    await world.call('resources/subscribe', { uri: 'one+x:1' });
    for (const level of ['info', 'error'])
      connector.wire.say({ method: 'notifications/message', params: { level, data: level } });
    for (const uri of ['x:1', 'x:2'])
      connector.wire.say({ method: 'notifications/resources/updated', params: { uri } });
    assert.deepEqual(heard(world), [{ level: 'error', data: 'error' }, { uri: 'one+x:1' }]);
  });
});

describe("a client's notifications", () => {
  it('about roots go to every open link, others only where there is one server', async () => {
    const several = await sessionOver({ one: TOOL, two: TOOL });
    await several.call('tools/call', { name: 'one_a' });
    several.say({ method: 'notifications/roots/list_changed' });
    several.say({ method: 'notifications/vendor' });
    several.say({ method: 'notifications/initialized' });
    const methods = (world: SessionWorld): string[] =>
      linkTo(world, 'one')
        .received.map(({ method }) => method)
        .filter((method) => method.startsWith('notifications/'));
    assert.deepEqual(methods(several), ['notifications/initialized', 'notifications/roots/list_changed']);
    assert.equal(target(several, 'two').connector.wires.length, 1, 'no link is opened for it');
    const single = await sessionOver({ one: TOOL });
    await single.call('tools/call', { name: 'a' });
    single.say({ method: 'notifications/vendor', params: { x: 1 } });
    assert.deepEqual(methods(single), ['notifications/initialized', 'notifications/vendor']);
  });

  it('are nothing else: a request without an id reaches no server', async () => {
    const world = await sessionOver({ one: TOOL });
    await world.call('tools/call', { name: 'a' });
    for (const method of ['tools/call', 'resources/read', 'vendor/do', 'notifications'])
      world.say({ method, params: { name: 'a' } });
    assert.deepEqual(
      linkTo(world, 'one').received.map(({ method }) => method),
      ['initialize', 'notifications/initialized', 'tools/call'],
    );
  });

  it('about roots do not go to a modern server, which asks for roots when it needs them', async () => {
    const world = await sessionOver({ one: { ...TOOL, eras: 'apart', speaks: ['modern'] } });
    await world.call('tools/call', { name: 'a' });
    world.say({ method: 'notifications/roots/list_changed' });
    world.say({ method: 'notifications/vendor' });
    const told = target(world, 'one').connector.wires.flatMap(({ received }) =>
      received.map(({ method }) => method).filter((method) => method.startsWith('notifications/')),
    );
    assert.deepEqual(told, ['notifications/vendor']);
  });
});

describe('questions of servers', () => {
  const asking: ConnectorScript = {
    ...TOOL,
    on: {
      'tools/call': ({ wire, id }) => {
        wire.say({ id: 0, method: 'roots/list' }, Number(id));
        return undefined;
      },
    },
  };

  it('outside of any call go to the stream of a client that listens', async () => {
    const capabilities = new Set(['roots']);
    const world = await sessionOver({ one: TOOL, two: TOOL }, { options: { capabilities } });
    await world.call('tools/call', { name: 'one_a' });
    const link = linkTo(world, 'one');
    link.say({ id: 5, method: 'roots/list' });
    await settled();
    assert.match(JSON.stringify(link.of('')[0]?.message), /"id":5,"error":.*not listening/);
    world.listen();
    link.say({ id: 6, method: 'roots/list' });
    const [question] = world.heard;
    world.say({ id: question?.['id'], result: { roots: [] } });
    await settled();
    assert.deepEqual(link.of('')[1]?.message, { jsonrpc: '2.0', id: 6, result: { roots: [] } });
  });

  it('end with the session', async () => {
    const world = await sessionOver({ one: asking }, { options: { capabilities: new Set(['roots']) } });
    void world.call('tools/call', { name: 'a' });
    await settled();
    await world.session.close();
    assert.equal(world.session.asks.size, 0);
  });
});

describe('the end of a session', () => {
  it('answers every call, closes every link, and leaves no timer', async () => {
    const hanging = { ...TOOL, on: { 'tools/call': silent } };
    const world = await sessionOver({ one: hanging, two: hanging });
    world.listen();
    const calls = ['one_a', 'two_a'].map((name) => world.call('tools/call', { name }));
    await settled();
    await world.session.close();
    for (const call of calls) assert.match(failure(await call), /^SESSION_UNKNOWN/);
    assert.deepEqual([linkTo(world, 'one').closed, linkTo(world, 'two').closed], [true, true]);
    assert.match(failure(await world.call('tools/call', { name: 'one_a' })), /^SESSION_UNKNOWN/);
    await Promise.all(Object.values(world.targets).map(({ target: each }) => each.close()));
    assert.equal(world.ports.clock.waiting, 0);
  });

  it('is not held up by a link that is still being opened for longer than that takes', async () => {
    const world = await sessionOver({ one: TOOL });
    const { connector } = target(world, 'one');
    connector.delay = new Promise(() => {});
    const call = world.call('tools/call', { name: 'a' });
    await settled();
    const closed = world.session.close();
    await world.ports.clock.advance(1001);
    await closed;
    assert.match(failure(await call), /^(?:UPSTREAM_TIMEOUT|SESSION_UNKNOWN)/);
  });
});

describe('listening', () => {
  const speaking = { ...TOOL, takesHeaders: true };

  it('opens the links of servers that speak by themselves, and their streams; the end of it closes the streams', async () => {
    const world = await sessionOver({ one: speaking, two: TOOL });
    world.listen();
    await settled();
    assert.equal(linkTo(world, 'one').listening, true);
    assert.equal(target(world, 'two').connector.wires.length, 1, 'a child is only started by a call');
    world.session.setOutlet(undefined);
    assert.equal(linkTo(world, 'one').listening, false);
    await world.call('tools/call', { name: 'two_a' });
    assert.equal(linkTo(world, 'two').listening, false);
    world.listen();
    assert.deepEqual([linkTo(world, 'one').listening, linkTo(world, 'two').listening], [true, true]);
  });

  it('goes on over a new link when the old one is lost', async () => {
    const world = await sessionOver({ one: speaking });
    world.listen();
    await settled();
    const before = linkTo(world, 'one');
    before.lose();
    await world.ports.clock.advance(1000);
    assert.notEqual(linkTo(world, 'one'), before);
    assert.equal(linkTo(world, 'one').listening, true);
  });

  it('lets a call wait for the stream only so long, and a stream that fails harms nobody', async () => {
    const world = await sessionOver({ one: TOOL, two: TOOL });
    await world.call('tools/call', { name: 'one_a' });
    linkTo(world, 'one').heard = new Promise(() => {});
    world.listen();
    const call = world.call('tools/call', { name: 'one_a' });
    await world.ports.clock.advance(1999);
    assert.equal(linkTo(world, 'one').of('tools/call').length, 1);
    await world.ports.clock.advance(1);
    assert.deepEqual((await call).result, {});
    await world.call('tools/call', { name: 'two_a' });
    linkTo(world, 'two').heard = Promise.reject(new Error('no stream'));
    world.listen();
    assert.deepEqual((await world.call('tools/call', { name: 'two_a' })).result, {});
  });
});
