import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { handshake } from '../../../test/fixtures/scripted-link.ts';
import {
  type ConnectorScript,
  type Handler,
  RpcFailure,
  ScriptedConnector,
} from '../../../test/fixtures/scripted-wire.ts';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { LinkWithInfo } from '../link/opened.ts';
import type { Era } from '../revisions.ts';
import { Eras } from './eras.ts';

const silent: Handler = () => undefined;
const refusing = (status: number): Handler => {
  return () => {
    throw failure(status);
  };
};
const failure = (upstreamStatus: number): GatewayError =>
  upstreamStatus === 401
    ? new GatewayError('UPSTREAM_CHALLENGE', 'HTTP 401', { http: 401 })
    : new GatewayError('UPSTREAM_STATUS', `HTTP ${upstreamStatus}`, { data: { upstreamStatus } });

class World {
  readonly ports = testPorts();
  readonly ended = new Cancel();
  readonly connector: ScriptedConnector;
  readonly eras: Eras;
  suspicions = 0;

  constructor(script: ConnectorScript) {
    this.connector = new ScriptedConnector(script);
    this.eras = new Eras({
      connector: this.connector,
      name: 'one',
      connectMs: 1000,
      ports: this.ports,
      ended: this.ended,
      version: '1.2.3',
      suspect: () => {
        this.suspicions += 1;
      },
    });
  }

  static http(script: ConnectorScript = {}): World {
    return new World({ tools: [], ...script, eras: 'apart', cancelsByClosing: true });
  }

  static stdio(script: ConnectorScript = {}): World {
    return new World({ tools: [], ...script, eras: 'together', relates: false });
  }

  probe(): Promise<LinkWithInfo> {
    return this.eras.probe(handshake(this.connector, this.ports).events);
  }

  session(era: Era): Promise<LinkWithInfo> {
    const { identity, events, headers, maxQuestions } = handshake(this.connector, this.ports);
    return this.eras.session({ identity, events, headers, purpose: 'session', maxQuestions }, era);
  }

  /** Era and greetings of each wire, oldest first: `modern: server/discover`. */
  get wires(): string[] {
    return this.connector.wires.map(({ options, received }) =>
      [`${options.era}:`, ...received.map(({ method }) => method)].join(' '),
    );
  }
}

const LEGACY = 'legacy: initialize notifications/initialized';
const MODERN = 'modern: server/discover';

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: GatewayError) => `${error.code} ${error.message}`,
  );
}

describe('the probe over HTTP', () => {
  it('discovers a modern server, also one that speaks both', async () => {
    for (const speaks of [['modern'], ['legacy', 'modern']] as const) {
      const world = World.http({ speaks });
      assert.equal((await world.probe()).link.era, 'modern');
      assert.deepEqual(world.wires, [MODERN]);
      assert.equal(world.eras.speaks('modern'), true);
    }
  });

  it('initializes with a server that refuses the question, in whatever way', async () => {
    const ways: Handler[] = [
      ...[400, 404, 405, 406, 415, 401, 403, 500, 503].map(refusing),
      () => {
        throw new RpcFailure(-32601, 'Method not found');
      },
      () => ({ supportedVersions: ['2025-11-25'] }),
      ({ wire, id }) => void wire.end(Number(id)),
    ];
    for (const way of ways) {
      const world = World.http({ on: { 'server/discover': way } });
      assert.equal((await world.probe()).link.era, 'legacy');
      assert.deepEqual(world.wires, [MODERN, LEGACY]);
      assert.equal(world.connector.wires[0]?.closed, true);
      assert.deepEqual([world.eras.speaks('legacy'), world.eras.speaks('modern')], [true, false]);
    }
  });

  it('initializes with a server that hangs on the question, within the same deadline', async () => {
    const world = World.http({ on: { 'server/discover': silent } });
    const probed = world.probe();
    await world.ports.clock.advance(299);
    assert.deepEqual(world.wires, [MODERN]);
    await world.ports.clock.advance(2);
    assert.equal((await probed).link.era, 'legacy');
    const mute = World.http({ on: { 'server/discover': silent, initialize: silent } });
    const failed = code(mute.probe());
    await mute.ports.clock.advance(1000);
    assert.match(await failed, /^UPSTREAM_TIMEOUT .* did not complete initialize within 700 ms/);
    assert.equal(mute.ports.clock.waiting, 0);
  });

  it('does not knock twice where nobody is', async () => {
    const world = World.http();
    world.connector.refusal = new GatewayError('UPSTREAM_CONNECT', 'refused');
    assert.equal(await code(world.probe()), 'UPSTREAM_CONNECT refused');
    assert.equal(world.connector.opened, 1);
  });

  it('fails with what says more: a login and trouble before a refusal, else what initialize met', async () => {
    const cases: [number, number, string][] = [
      [404, 404, 'UPSTREAM_STATUS HTTP 404'],
      [401, 401, 'UPSTREAM_CHALLENGE HTTP 401'],
      [401, 400, 'UPSTREAM_CHALLENGE HTTP 401'],
      [503, 400, 'UPSTREAM_STATUS HTTP 503'],
      [400, 401, 'UPSTREAM_CHALLENGE HTTP 401'],
      [400, 503, 'UPSTREAM_STATUS HTTP 503'],
    ];
    for (const [discover, initialize, expected] of cases) {
      const world = World.http({
        on: { 'server/discover': refusing(discover), initialize: refusing(initialize) },
      });
      assert.equal(await code(world.probe()), expected, `${discover} then ${initialize}`);
      assert.ok(world.connector.wires.every(({ closed }) => closed));
    }
  });

  it('finds out anew at each connection', async () => {
    const world = World.http({ speaks: ['modern'] });
    await world.probe();
    world.connector.script.speaks = ['legacy'];
    assert.equal((await world.probe()).link.era, 'legacy');
    assert.equal(world.eras.speaks('modern'), false);
    world.connector.script.speaks = ['modern'];
    assert.equal((await world.probe()).link.era, 'modern');
    assert.equal(world.eras.speaks('legacy'), false);
  });
});

describe('the probe of a child', () => {
  const dies: Handler = ({ wire }) => void wire.lose(new GatewayError('PROCESS_EXIT', 'died'));

  it('finds out over one wire', async () => {
    for (const [speaks, era, wires] of [
      [['modern', 'legacy'], 'modern', [MODERN]],
      [['legacy'], 'legacy', ['modern: server/discover initialize notifications/initialized']],
    ] as const) {
      const world = World.stdio({ speaks });
      assert.equal((await world.probe()).link.era, era);
      assert.deepEqual(world.wires, wires);
    }
  });

  it('that dies of the question is started again, and not asked again as long as initialize works', async () => {
    const world = World.stdio({ on: { 'server/discover': dies } });
    assert.equal((await world.probe()).link.era, 'legacy');
    assert.deepEqual(world.wires, [MODERN, LEGACY]);
    assert.equal((await world.probe()).link.era, 'legacy');
    assert.deepEqual(world.wires, [MODERN, LEGACY, LEGACY]);
    world.connector.script.speaks = ['modern'];
    assert.match(await code(world.probe()), /refused initialize/);
    world.connector.script.on = {};
    assert.equal((await world.probe()).link.era, 'modern');
  });

  it('that keeps silent is not asked again as long as initialize works', async () => {
    const world = World.stdio({ on: { 'server/discover': silent } });
    const first = world.probe();
    await world.ports.clock.advance(301);
    assert.equal((await first).link.era, 'legacy');
    assert.equal((await world.probe()).link.era, 'legacy');
    assert.equal(world.wires[1], LEGACY);
  });

  it('that dies of everything fails with its end', async () => {
    const world = World.stdio({ on: { 'server/discover': dies, initialize: dies } });
    assert.equal(await code(world.probe()), 'PROCESS_EXIT died');
    assert.deepEqual(world.wires, [MODERN, 'legacy: initialize']);
    assert.equal(await code(world.probe()), 'PROCESS_EXIT died');
    assert.equal(world.connector.opened, 4, 'its death said nothing about eras');
  });

  it('that cannot be started is not started twice', async () => {
    const world = World.stdio();
    world.connector.refusal = new GatewayError('PROCESS_START', 'not found');
    assert.equal(await code(world.probe()), 'PROCESS_START not found');
    assert.equal(world.connector.opened, 1);
  });
});

describe('a session', () => {
  it('with a modern server says nothing before its first call', async () => {
    const world = World.http({ speaks: ['modern'] });
    const { info } = await world.probe();
    const session = await world.session('modern');
    assert.deepEqual([session.link.era, session.info, world.wires[1]], ['modern', info, 'modern:']);
    assert.equal(session.envelope?.info?.toString(), '{"name":"t"}');
  });

  it('is in the era of the client where the server speaks both, and in the other where it does not', async () => {
    for (const make of [World.http, World.stdio]) {
      for (const speaks of [['legacy'], ['modern'], ['modern', 'legacy']] as const) {
        for (const wanted of ['legacy', 'modern'] as const) {
          const world = make({ speaks });
          await world.probe();
          const session = await world.session(wanted);
          const expected = (speaks as readonly Era[]).includes(wanted) ? wanted : speaks[0];
          assert.equal(session.link.era, expected, `${wanted} client, server of ${speaks.join(' and ')}`);
        }
      }
    }
  });

  it('learns once whether a modern server speaks legacy too', async () => {
    const world = World.http({ speaks: ['modern'] });
    await world.probe();
    await world.session('legacy');
    await world.session('legacy');
    assert.deepEqual(world.wires.slice(1), ['legacy: initialize', 'modern:', 'modern:']);
  });

  it('is told of a login that is wanted, and of trouble, instead of meeting the other era', async () => {
    for (const [status, expected] of [
      [401, 'UPSTREAM_CHALLENGE HTTP 401'],
      [503, 'UPSTREAM_STATUS HTTP 503'],
    ] as const) {
      const world = World.http({ speaks: ['legacy'] });
      await world.probe();
      world.connector.script.on = { initialize: refusing(status) };
      assert.equal(await code(world.session('legacy')), expected);
      assert.equal(world.suspicions, 0);
    }
  });

  it('meets the other era when what was known is no longer so, and the probe is told', async () => {
    const world = World.http({ speaks: ['legacy'] });
    await world.probe();
    world.connector.script.speaks = ['modern'];
    assert.equal((await world.session('legacy')).link.era, 'modern');
    assert.equal(world.suspicions, 1);

    const back = World.http({ speaks: ['modern'] });
    await back.probe();
    const session = await back.session('modern');
    back.connector.script.speaks = ['legacy'];
    const { wire } = back.connector;
    const call = code(session.link.call(callOf('tools/call')));
    wire.error((await wire.next('tools/call')).id, -32022, 'Unsupported protocol version');
    assert.match(await call, /^UPSTREAM_SESSION_LOST/);
    assert.equal(back.suspicions, 1);
    assert.equal((await back.session('modern')).link.era, 'legacy');
  });

  it('is in the era of the client again when the probe has shown that one refusal was about something else', async () => {
    const world = World.http({ speaks: ['modern', 'legacy'] });
    const probe = await world.probe();
    const session = await world.session('modern');
    const call = code(session.link.call(callOf('tools/call')));
    const { wire } = world.connector;
    wire.end(Number((await wire.next('tools/call')).id), failure(400));
    assert.match(await call, /^UPSTREAM_SESSION_LOST/);
    assert.deepEqual([world.suspicions, world.eras.speaks('modern')], [1, false]);
    world.eras.listed({ ...probe, info: { ...probe.info, capabilities: {} } });
    assert.equal(world.eras.speaks('modern'), false, 'it was asked for no list');
    world.eras.listed(probe);
    assert.equal((await world.session('modern')).link.era, 'modern');
  });

  it('begins in the era of its client while nothing is known', async () => {
    const legacy = World.http({ speaks: ['legacy', 'modern'] });
    assert.equal((await legacy.session('legacy')).link.era, 'legacy');
    assert.deepEqual(legacy.wires, [LEGACY]);
    const modern = World.http({ speaks: ['legacy'] });
    assert.equal((await modern.session('modern')).link.era, 'legacy');
    assert.deepEqual(modern.wires, [MODERN, LEGACY]);
  });

  it('waits for a verdict that is on its way', async () => {
    const world = World.http({ speaks: ['modern'], on: { 'server/discover': silent } });
    const probing = code(world.probe());
    const session = world.session('legacy');
    await settled();
    assert.deepEqual(world.wires, [MODERN]);
    world.connector.script.on = {};
    await world.ports.clock.advance(301);
    assert.match(await probing, /refused initialize/);
    assert.equal((await session).link.era, 'modern');
  });

  it('with a transport that is older than the modern era is a legacy one', async () => {
    const world = new World({ tools: [] });
    await world.probe();
    assert.equal((await world.session('modern')).link.era, 'legacy');
    assert.deepEqual(world.wires, [LEGACY, LEGACY]);
  });

  it('introduces a modern client to a legacy server in the newest legacy revision', async () => {
    const world = World.http({ speaks: ['legacy'] });
    await world.probe();
    const { identity, events, headers } = handshake(world.connector, world.ports);
    const modern = { ...identity, version: '2026-07-28', capabilities: Buffer.from('{"sampling":{}}') };
    await world.eras.session(
      { identity: modern, events, headers, purpose: 'session', maxQuestions: 4 },
      'modern',
    );
    const { protocolVersion, capabilities } = world.connector.wire.of('initialize')[0]?.params ?? {};
    assert.deepEqual([protocolVersion, capabilities], ['2025-11-25', { sampling: {} }]);
  });
});

describe('what a server says of itself', () => {
  it('is asked for once in the era that the probe does not speak, and the connection is closed', async () => {
    const world = World.http({ speaks: ['modern', 'legacy'] });
    const { info } = await world.probe();
    const infos = await Promise.all([world.eras.infoAs('legacy', info), world.eras.infoAs('legacy', info)]);
    infos.push(await world.eras.infoAs('legacy', info));
    assert.deepEqual(
      infos.map(({ era, version }) => [era, version]),
      Array(3).fill(['legacy', '2025-11-25']),
    );
    assert.deepEqual(world.wires, [MODERN, LEGACY]);
    assert.deepEqual([world.connector.wire.closed, world.connector.wire.options.purpose], [true, 'probe']);
    assert.equal(await world.eras.infoAs('modern', info), info);
  });

  it('is what the probe heard where the server does not speak the era, or cannot be asked now', async () => {
    for (const [initialize, asked] of [
      [400, 1],
      [503, 2],
    ] as const) {
      const world = World.http({ speaks: ['modern'], on: { initialize: refusing(initialize) } });
      const { info } = await world.probe();
      assert.equal(await world.eras.infoAs('legacy', info), info);
      assert.equal(await world.eras.infoAs('legacy', info), info);
      assert.equal(world.wires.filter((wire) => wire.startsWith('legacy')).length, asked);
    }
  });

  it('is what the one connection heard where it serves everyone', async () => {
    const world = World.stdio({ speaks: ['modern', 'legacy'], lifecycle: 'shared' });
    const { info } = await world.probe();
    assert.equal(await world.eras.infoAs('legacy', info), info);
    assert.equal(world.connector.opened, 1);
  });
});

function callOf(method: string) {
  return {
    method,
    name: undefined,
    write: (id: number) => Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}`),
    progressToken: undefined,
    peer: undefined,
    cancel: new Cancel(),
    deadline: { ms: 1000, maxMs: 1000 },
    headers: undefined,
  };
}
