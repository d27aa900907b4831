import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  memberOf,
  type Response,
  type SessionWorld,
  sessionOver,
} from '../../../test/fixtures/scripted-session.ts';
import type { ConnectorScript, Handler } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { McpGate, McpGuard } from '../../core/guard.ts';
import { exposeName } from '../view/naming.ts';
import { Shown } from './shown.ts';

const echo: Handler = ({ params, wire }) => ({
  called: params['name'] ?? params['uri'],
  by: wire.options.purpose,
});
const server = (...names: string[]): ConnectorScript => ({
  tools: names.map((name) => ({ name })),
  prompts: names.map((name) => ({ name: `p_${name}` })),
  on: { 'tools/call': echo, 'prompts/get': echo },
});

const names = ({ result }: Response, member = 'tools'): string[] =>
  (result?.[member] as { name: string }[] | undefined)?.map(({ name }) => name) ?? [];
const failure = ({ error }: Response): string => `${error?.data?.code} ${error?.message}`;

const initialized = ({ protocolVersion }: Readonly<Record<string, unknown>>): object => ({
  protocolVersion,
  capabilities: { tools: {} },
  serverInfo: { name: 'slow', version: '1' },
});

/** Two servers, of which `dead` refuses connections, or never answers them. */
async function withDead(
  how: 'refuses' | 'hangs',
  failureMode: 'failOpen' | 'failClosed',
): Promise<SessionWorld> {
  const hangs = { initialize: () => undefined };
  const scripts = { alive: server('a'), dead: { ...server('b'), ...(how === 'hangs' ? { on: hangs } : {}) } };
  const world = await sessionOver(scripts, { plan: { failureMode } });
  if (how === 'refuses') {
    const { connector } = world.targets['dead'] as SessionWorld['targets'][string];
    connector.refusal = new GatewayError('UPSTREAM_CONNECT', 'refused');
    connector.wire.lose();
    await world.ports.clock.advance(60_000);
  } else await world.ports.clock.advance(1001);
  return world;
}

/** The answer, with the clock moved until it is there. */
async function eventually<T>(world: SessionWorld, answer: Promise<T>): Promise<T> {
  let over = false;
  void answer.finally(() => {
    over = true;
  });
  for (let waited = 0; !over && waited < 20_000; waited += 100) await world.ports.clock.advance(100);
  return answer;
}

describe('rules about tools', () => {
  it('know the annotations of a server alone before anybody has read its list', async () => {
    const annotations = { destructiveHint: true };
    const seen: unknown[] = [];
    const guard: McpGuard = {
      key: 'watching',
      judge: ({ item }) => {
        seen.push(item?.annotations());
        return { allowed: true };
      },
      shows: () => true,
    };
    const script = { tools: [{ name: 'drop', annotations }], on: { 'tools/call': echo } };
    const { call } = await sessionOver({ one: script }, { plan: { guard } });
    await call('tools/call', { name: 'drop' });
    // One that is not listed has none; its server is the judge of whether there is such a tool.
    await call('tools/call', { name: 'other' });
    assert.deepEqual(seen, [annotations, undefined]);
  });
});

describe('limits on lists', () => {
  const counting = (counted: string[]): McpGate => ({
    enter: ({ method }) => {
      counted.push(method);
      return undefined;
    },
  });

  it('are passed before any server is asked', async () => {
    const refusing: McpGate = { enter: () => Promise.reject(new GatewayError('RATE_LIMITED', 'too often')) };
    const hanging = { ...server('a'), on: { initialize: () => undefined } };
    const world = await sessionOver({ one: hanging, two: server('b') }, { plan: { gate: refusing } });
    assert.equal(failure(await world.call('tools/list')), 'RATE_LIMITED too often');
  });

  it('count a list once that is passed on to the one server there is', async () => {
    const [all, one]: [string[], string[]] = [[], []];
    const script = { tools: [{ name: 'a' }], on: { 'prompts/list': () => ({ prompts: [] }) } };
    const world = await sessionOver({ one: script }, { plan: { gate: counting(all) } });
    const { target } = world.targets['one'] as SessionWorld['targets'][string];
    const members = [memberOf(target, { gate: counting(one) })];
    world.session.rebase(world.viewOf([], { gate: counting(all), members }));
    assert.deepEqual((await world.call('prompts/list')).result, { prompts: [] });
    assert.deepEqual([all, one], [['prompts/list'], ['prompts/list']]);
  });

  it('count a subscription to a modern server, which hears of it in another way', async () => {
    const counted: string[] = [];
    const script: ConnectorScript = { tools: [{ name: 'a' }], eras: 'apart', speaks: ['modern'] };
    const { call } = await sessionOver({ one: script }, { plan: { gate: counting(counted) } });
    await call('resources/subscribe', { uri: 'file:///a' });
    assert.deepEqual(counted, ['resources/subscribe']);
  });
});

describe('the list of those who show the same', () => {
  it('is fetched with that, although the client shows something else meanwhile', async () => {
    const as = (org: string) =>
      new Shown('ann', new Map([['one', { headers: ['x-org', org], personal: false }]]));
    const script: ConnectorScript = { ...server('a'), takesHeaders: true };
    const world = await sessionOver({ one: script }, { options: { shown: as('a') } });
    const { connector } = world.targets['one'] as SessionWorld['targets'][string];
    let connect = (): void => {};
    connector.delay = new Promise((resolve) => {
      connect = resolve;
    });
    const listed = world.call('tools/list');
    await settled();
    world.session.renew(as('b'));
    connect();
    await listed;
    const asked = connector.wires.flatMap((wire) =>
      wire.options.purpose === 'session' ? wire.of('tools/list') : [],
    );
    assert.deepEqual(
      asked.map(({ outgoing }) => outgoing.client),
      [['x-org', 'a']],
    );
  });
});

describe('merged lists', () => {
  it('show what every target offers, under its name', async () => {
    const { call } = await sessionOver({ one: server('a', 'b'), two: server('a') });
    assert.deepEqual(names(await call('tools/list')), ['one_a', 'one_b', 'two_a']);
    assert.deepEqual(names(await call('prompts/list'), 'prompts'), ['one_p_a', 'one_p_b', 'two_p_a']);
    assert.deepEqual((await call('resources/list')).result, { resources: [] });
    assert.deepEqual((await call('resources/templates/list')).result, { resourceTemplates: [] });
  });

  it('are fetched at the same time', async () => {
    const silent = { ...server('a'), on: { 'tools/list': () => undefined } };
    const world = await sessionOver({ one: silent, two: silent });
    const asked = Object.values(world.targets).map(({ connector }) => connector.wire.of('tools/list').length);
    assert.deepEqual(asked, [1, 1]);
  });

  it('have no cursors', async () => {
    const { call } = await sessionOver({ one: server('a'), two: server('b') });
    assert.match(failure(await call('tools/list', { cursor: 'x' })), /^INVALID_PARAMS unknown cursor/);
  });

  it('of a single target without such a list are asked for there', async () => {
    const on = { 'prompts/list': () => ({ prompts: [{ name: 'unannounced' }] }) };
    const { call } = await sessionOver({ one: { tools: [], on } });
    assert.deepEqual(names(await call('prompts/list'), 'prompts'), ['unannounced']);
    const several = await sessionOver({ one: { tools: [], on }, two: { tools: [] } });
    assert.deepEqual(names(await several.call('prompts/list'), 'prompts'), []);
  });
});

describe('a target that is down', () => {
  it('fails a merged list that is to be complete, and is named', async () => {
    for (const how of ['refuses', 'hangs'] as const) {
      const world = await withDead(how, 'failClosed');
      const answer = await eventually(world, world.call('tools/list'));
      assert.match(failure(answer), /target "dead"/, how);
    }
  });

  it('is left out where that is allowed, within its deadline', async () => {
    for (const how of ['refuses', 'hangs'] as const) {
      const world = await withDead(how, 'failOpen');
      assert.deepEqual(names(await eventually(world, world.call('tools/list'))), ['alive_a'], how);
    }
  });

  it('that answers initialize and nothing else holds the list for one deadline, not for several', async () => {
    for (const failureMode of ['failOpen', 'failClosed'] as const) {
      const slow: ConnectorScript = {
        ...server('b'),
        on: {
          initialize: ({ wire, params }) =>
            wire.options.purpose === 'probe' ? initialized(params) : undefined,
          'tools/list': ({ wire }) => (wire.options.purpose === 'probe' ? { tools: [] } : undefined),
        },
      };
      const world = await sessionOver(
        { alive: server('a'), slow },
        { plan: { failureMode }, options: { capabilityKey: 'mine' } },
      );
      const listed = world.call('tools/list');
      await settled();
      await world.ports.clock.advance(900);
      const { connector } = world.targets['slow'] as SessionWorld['targets'][string];
      const [begin] = connector.wire.of('initialize');
      assert.ok(begin);
      begin.wire.result(begin.id, initialized(begin.params));
      await settled(10);
      assert.equal(connector.wire.of('tools/list').length, 1);
      await world.ports.clock.advance(100);
      const answer = await Promise.race([listed, settled(20)]);
      assert.ok(answer, 'the list still waits');
      if (failureMode === 'failOpen') assert.deepEqual(names(answer), ['alive_a']);
      else assert.match(failure(answer), /^UPSTREAM_TIMEOUT target "slow": .* 1000 ms/);
    }
  });

  it('fails the list even then when no target is left', async () => {
    const world = await sessionOver(
      { one: { on: { initialize: () => undefined } } },
      { plan: { failureMode: 'failOpen' } },
    );
    assert.match(
      failure(await eventually(world, world.call('tools/list'))),
      /^UPSTREAM_TIMEOUT target "one"/,
    );
  });

  it('keeps no call to another target waiting', async () => {
    for (const how of ['refuses', 'hangs'] as const) {
      for (const mode of ['failOpen', 'failClosed'] as const) {
        const world = await withDead(how, mode);
        // Whatever the other target is doing: waiting, connecting, just given up.
        for (let waited = 0; waited < 5000; waited += 333) {
          await world.ports.clock.advance(333);
          const answers = [
            await Promise.race([world.call('tools/call', { name: 'alive_a' }), settled(20)]),
            await Promise.race([world.call('prompts/get', { name: 'alive_p_a' }), settled(20)]),
          ];
          const called = answers.map((answer) => answer?.result?.['called']);
          assert.deepEqual(called, ['a', 'p_a'], `${how} ${mode} ${waited}`);
        }
      }
    }
  });

  it('is named when its tools are called', async () => {
    const closed = await withDead('refuses', 'failClosed');
    const answer = await eventually(closed, closed.call('tools/call', { name: 'dead_b' }));
    assert.match(failure(answer), /^UPSTREAM_CONNECT target "dead": refused/);
    const open = await withDead('refuses', 'failOpen');
    const unknown = await eventually(open, open.call('tools/call', { name: 'dead_b' }));
    assert.match(failure(unknown), /^UNKNOWN_ITEM Unknown tool: dead_b \(not reachable: dead\)/);
    assert.equal(unknown.error?.code, -32602);
  });
});

describe('a name', () => {
  it('leads to its target, with the name that target knows', async () => {
    const { call } = await sessionOver({ one: server('a'), two: server('a', 'odd name') });
    assert.equal((await call('tools/call', { name: 'two_a' })).result?.['called'], 'a');
    const [, , odd] = names(await call('tools/list'));
    assert.equal((await call('tools/call', { name: odd })).result?.['called'], 'odd name');
  });

  it('that nobody offers is unknown, also when it looks like one that is split at the prefix', async () => {
    const { call } = await sessionOver({ one: server('a'), two: server('b') });
    for (const name of ['one_b', 'a', 'one_', 'three_a', '', 'constructor'])
      assert.equal(failure(await call('tools/call', { name })), `UNKNOWN_ITEM Unknown tool: ${name}`);
    assert.match(failure(await call('prompts/get', { name: 'x' })), /Unknown prompt: x/);
  });

  it('of a single target is for that target to judge, unless its tools are curated', async () => {
    const plain = await sessionOver({ one: server('a') });
    assert.equal((await plain.call('tools/call', { name: 'hidden' })).result?.['called'], 'hidden');
    const { targets, viewOf, session, call } = plain;
    const [one] = Object.values(targets);
    assert.ok(one);
    const member = viewOf([one]).members[0];
    assert.ok(member);
    session.rebase(viewOf([one], { members: [{ ...member, curation: { exclude: ['a'] } }] }));
    for (const name of ['a', 'hidden'])
      assert.match(failure(await call('tools/call', { name })), /^UNKNOWN_ITEM/);
    assert.equal((await call('prompts/get', { name: 'hidden' })).result?.['called'], 'hidden');
  });

  it('of a single target goes there without waiting for its list, unless it may stand for another', async () => {
    const long = 'x'.repeat(80);
    let mine = false;
    const world = await sessionOver(
      {
        one: {
          ...server(long, 'a'),
          on: { 'tools/call': echo, 'tools/list': () => (mine ? undefined : { tools: [{ name: long }] }) },
        },
      },
      { options: { capabilityKey: 'mine' } },
    );
    mine = true;
    const answer = await Promise.race([world.call('tools/call', { name: 'a' }), settled(20)]);
    assert.equal(answer?.result?.['called'], 'a');
    const { connector } = world.targets['one'] as SessionWorld['targets'][string];
    assert.equal(connector.wire.of('tools/list').length, 0, 'nobody asked for the list');
    const shortened = world.call('tools/call', { name: exposeName(long, { prefix: '', limit: 64 }) });
    await settled(10);
    const [asked] = connector.wire.of('tools/list');
    asked?.wire.result(asked.id, { tools: [{ name: long }] });
    assert.equal((await shortened).result?.['called'], long);
  });

  it('that two targets claim leads nowhere, and says what to do', async () => {
    const { call } = await sessionOver(
      { one: server('a'), two: server('a') },
      { plan: { prefixMode: 'never' } },
    );
    assert.deepEqual(names(await call('tools/list')), []);
    assert.match(
      failure(await call('tools/call', { name: 'a' })),
      /two targets offer it: give them a prefix or rename/,
    );
  });

  it('may be called before its list was ever asked for, also by a client whose list is its own', async () => {
    const { call } = await sessionOver(
      { one: server('a'), two: server('b') },
      { options: { capabilityKey: 'mine' } },
    );
    assert.deepEqual((await call('tools/call', { name: 'two_b' })).result, { called: 'b', by: 'session' });
  });
});

describe('a link whose lists have changed by themselves', () => {
  it('has lists of its own from then on, and others do not see them', async () => {
    let own = false;
    const one: ConnectorScript = {
      ...server('a'),
      on: {
        'tools/call': echo,
        'tools/list': ({ wire }) => ({
          tools: own && wire.options.purpose === 'session' ? [{ name: 'mine' }] : [{ name: 'a' }],
        }),
      },
    };
    const world = await sessionOver({ one, two: server('b') });
    world.listen();
    await world.call('tools/call', { name: 'one_a' });
    own = true;
    const { connector, target } = world.targets['one'] as SessionWorld['targets'][string];
    connector.wire.say({ method: 'notifications/tools/list_changed' });
    await world.ports.clock.advance(60);
    assert.deepEqual(world.heard, [{ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }]);
    assert.deepEqual(names(await world.call('tools/list')), ['one_mine', 'two_b']);
    assert.deepEqual(names(await world.call('tools/list')), ['one_mine', 'two_b']);
    assert.equal(connector.wire.of('tools/list').length, 1, 'the own list is kept');
    assert.equal((await world.call('tools/call', { name: 'one_mine' })).result?.['called'], 'mine');
    assert.deepEqual(target.offers().tools, 1);
    connector.wire.lose();
    assert.deepEqual(
      names(await world.call('tools/list')),
      ['one_a', 'two_b'],
      'a new link begins like any other',
    );
  });
});
