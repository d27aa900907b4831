import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedTarget, type TestTarget } from '../../../test/fixtures/scripted-target.ts';
import { type ConnectorScript, type Handler, RpcFailure } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { PROBE_READER } from './catalogues.ts';

const TOOLS = [{ name: 'a' }];
const silent: Handler = () => undefined;

const started = (script: ConnectorScript): TestTarget => {
  const one = scriptedTarget({ eras: 'apart', speaks: ['modern'], tools: TOOLS, ...script });
  one.target.start();
  return one;
};
const known = ({ target }: TestTarget): string[] | undefined =>
  target.catalogues.known('tools', PROBE_READER)?.items.map(({ key }) => key);
const methods = ({ connector }: TestTarget): string[] => connector.wire.received.map(({ method }) => method);
const filters = ({ connector }: TestTarget): unknown[] =>
  connector.wire.of('subscriptions/listen').map(({ params }) => params['notifications']);

describe('a modern server', () => {
  it('is listened to before its lists are read, for what it says it announces', async () => {
    const one = started({
      capabilities: { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true } },
    });
    await one.target.ensure();
    assert.deepEqual(methods(one).slice(0, 3), ['server/discover', 'subscriptions/listen', 'tools/list']);
    assert.deepEqual(filters(one), [{ toolsListChanged: true }]);
    assert.deepEqual([one.target.state.kind, one.target.era, known(one)], ['up', 'modern', ['a']]);
    await one.target.close();
    assert.equal(one.ports.clock.waiting, 0);
  });

  it('that announces nothing is not listened to', async () => {
    const one = started({ capabilities: { tools: {} } });
    await one.target.ensure();
    assert.deepEqual(methods(one), ['server/discover', 'tools/list']);
  });

  it('says that a list has changed, which is read anew and told on', async () => {
    const one = started({});
    await one.target.ensure();
    one.changes.length = 0;
    one.connector.script.tools = [{ name: 'b' }];
    one.connector.wire.say({ method: 'notifications/tools/list_changed' });
    await settled();
    assert.deepEqual(known(one), ['b']);
    assert.ok(one.changes.includes('tools'));
  });

  it('that does not acknowledge, or refuses, comes up nevertheless', async () => {
    const mute = started({ on: { 'subscriptions/listen': silent } });
    await mute.ports.clock.advance(1999);
    assert.equal(mute.target.state.kind, 'starting');
    await mute.ports.clock.advance(2);
    assert.equal(mute.target.state.kind, 'up');
    const refusing = started({
      on: {
        'subscriptions/listen': () => {
          throw new RpcFailure(-32601, 'Method not found');
        },
      },
    });
    await refusing.target.ensure();
    await refusing.ports.clock.advance(200_000);
    assert.equal(refusing.connector.wire.of('subscriptions/listen').length, 1, 'it is not asked again');
    for (const one of [mute, refusing]) {
      await one.target.close();
      assert.equal(one.ports.clock.waiting, 0);
    }
  });

  it('whose stream ends is listened to again, and what it may have said meanwhile is made up for', async () => {
    const one = started({});
    await one.target.ensure();
    one.connector.script.tools = [{ name: 'b' }];
    const { wire } = one.connector;
    wire.end(Number((await wire.next('subscriptions/listen')).id));
    await one.ports.clock.advance(1000);
    assert.equal(wire.of('subscriptions/listen').length, 2);
    assert.deepEqual(known(one), ['b']);
  });

  it('is listened to over each new connection, and over the old one no more', async () => {
    const one = started({});
    await one.target.ensure();
    one.connector.wire.lose();
    await one.ports.clock.advance(510);
    assert.deepEqual([one.connector.wires.length, filters(one).length], [2, 1]);
    const [first] = one.connector.wires;
    await one.ports.clock.advance(60_000);
    assert.equal(first?.of('subscriptions/listen').length, 1);
    await one.target.close();
    assert.equal(one.ports.clock.waiting, 0);
  });

  it('of which everyone shares the connection is asked for what anyone subscribes to', async () => {
    const one = started({ lifecycle: 'shared', capabilities: { resources: { subscribe: true } } });
    await one.target.ensure();
    assert.deepEqual(filters(one), []);
    const [ann, ben] = [{}, {}];
    one.target.interest.subscribe('file:///a', ann);
    one.target.interest.subscribe('file:///a', ben);
    await settled();
    one.target.interest.subscribe('file:///b', ben);
    await settled();
    assert.deepEqual(filters(one), [
      { resourceSubscriptions: ['file:///a'] },
      { resourceSubscriptions: ['file:///a', 'file:///b'] },
    ]);
    one.connector.wire.say({ method: 'notifications/resources/updated', params: { uri: 'file:///a' } });
    assert.deepEqual(one.notifications, ['notifications/resources/updated']);
    one.target.abandon(ben);
    await settled();
    assert.deepEqual(filters(one).at(-1), { resourceSubscriptions: ['file:///a'] });
    one.connector.wire.lose();
    await one.ports.clock.advance(510);
    assert.deepEqual(filters(one), [{ resourceSubscriptions: ['file:///a'] }], 'a new connection');
    assert.ok(!methods(one).includes('resources/subscribe'));
  });
});

describe('a server that changes its era', () => {
  it('to legacy is met there as soon as it refuses the probe, and nobody sees it down', async () => {
    const one = started({});
    await one.target.ensure();
    one.connector.script.speaks = ['legacy'];
    one.connector.script.on = {
      'tools/list': ({ wire, id, params }) => {
        if (!('_meta' in params)) return { tools: TOOLS };
        wire.error(id, -32022, 'Unsupported protocol version');
        return undefined;
      },
    };
    one.target.suspect();
    await one.ports.clock.advance(0);
    assert.deepEqual([one.target.state.kind, one.target.era], ['up', 'legacy']);
    assert.ok(!one.ports.logged.some(({ message }) => message === 'target is down'));
    await one.target.close();
    assert.equal(one.ports.clock.waiting, 0);
  });

  it('to modern is met there when it has forgotten the session', async () => {
    const one = started({ speaks: ['legacy'] });
    await one.target.ensure();
    one.connector.script.speaks = ['modern'];
    one.connector.script.on = {
      'tools/list': ({ wire, id }) => {
        if (wire.options.era === 'modern') return { tools: TOOLS };
        wire.end(Number(id), new GatewayError('UPSTREAM_SESSION_LOST', 'unknown session'));
        return undefined;
      },
    };
    one.target.suspect();
    await one.ports.clock.advance(0);
    assert.deepEqual([one.target.state.kind, one.target.era], ['up', 'modern']);
  });
});
