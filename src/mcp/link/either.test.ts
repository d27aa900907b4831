import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callOver, handshake, type TestCall } from '../../../test/fixtures/scripted-link.ts';
import {
  type ConnectorScript,
  type Handler,
  ScriptedConnector,
} from '../../../test/fixtures/scripted-wire.ts';
import { settled, type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import { type Found, openEither } from './either.ts';

const silent: Handler = () => undefined;
const DISCOVERED = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } };
const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  serverInfo: { name: 'x', version: '1' },
};

class Opening {
  readonly ports: TestPorts = testPorts();
  readonly ended = new Cancel();
  readonly connector: ScriptedConnector;
  readonly opened: Promise<Found>;
  /** The era, and whether the server was silent; or the code and message of the error. */
  state = 'waiting';

  constructor(script: ConnectorScript) {
    this.connector = new ScriptedConnector({ relates: false, ...script });
    const { era: _, ...options } = handshake(this.connector, this.ports);
    this.opened = openEither({ ...options, ended: this.ended, patienceMs: 300 });
    this.opened.then(
      ({ open, silent: kept }) => {
        this.state = `${open.link.era}${kept ? ' silent' : ''}`;
      },
      (error: unknown) => {
        this.state = error instanceof GatewayError ? `${error.code} ${error.message}` : String(error);
      },
    );
  }

  get sent(): string[] {
    return this.connector.wire.received.map(({ method }) => method);
  }
}

async function calls(opening: Opening): Promise<TestCall> {
  const call = callOver((await opening.opened).open.link, 'a');
  const { wire } = opening.connector;
  wire.result((await wire.next('tools/call')).id, { n: 1 });
  await call.outcome;
  return call;
}

describe('over one wire', () => {
  it('a modern server is discovered, and nothing else is said', async () => {
    const opening = new Opening({ speaks: ['modern', 'legacy'], tools: [] });
    const { open } = await opening.opened;
    assert.deepEqual([opening.state, opening.sent], ['modern', ['server/discover']]);
    assert.equal(open.info.version, '2026-07-28');
    assert.equal(open.envelope?.info?.toString(), '{"name":"t"}');
    assert.equal((await calls(opening)).state, 'result {"n":1}');
    await open.link.close();
    assert.equal(opening.ports.clock.waiting, 0);
  });

  it('a server that refuses the question is introduced to at once', async () => {
    const opening = new Opening({ tools: [] });
    const { open } = await opening.opened;
    assert.deepEqual(
      [opening.state, opening.sent],
      ['legacy', ['server/discover', 'initialize', 'notifications/initialized']],
    );
    assert.deepEqual([open.envelope, opening.connector.wire.version], [undefined, '2025-11-25']);
    assert.equal((await calls(opening)).state, 'result {"n":1}');
    await open.link.close();
    assert.equal(opening.ports.clock.waiting, 0);
  });

  it('an answer that is no discovery is a refusal', async () => {
    const opening = new Opening({ on: { 'server/discover': () => ({}) } });
    await opening.opened;
    assert.equal(opening.state, 'legacy');
  });

  it('a server that keeps silent is introduced to after a while, and is not told that it was asked in vain', async () => {
    const opening = new Opening({ on: { 'server/discover': silent } });
    await opening.ports.clock.advance(299);
    assert.deepEqual(opening.sent, ['server/discover']);
    await opening.ports.clock.advance(2);
    await settled();
    assert.equal(opening.state, 'legacy silent');
    assert.deepEqual(opening.sent, ['server/discover', 'initialize', 'notifications/initialized']);
    const { wire } = opening.connector;
    wire.result(wire.received[0]?.id, DISCOVERED);
    assert.equal((await calls(opening)).state, 'result {"n":1}', 'a late answer is nobody’s');
    assert.equal((await opening.opened).open.link.era, 'legacy');
    await (await opening.opened).open.link.close();
    assert.equal(opening.ports.clock.waiting, 0);
  });

  it('a server that is slow to start decides with its first good answer', async () => {
    const both = { 'server/discover': silent, initialize: silent };
    const modern = new Opening({ on: both });
    await modern.ports.clock.advance(400);
    const { wire } = modern.connector;
    assert.deepEqual(modern.sent, ['server/discover', 'initialize']);
    wire.error(wire.received[1]?.id, -32022, 'Unsupported protocol version');
    await settled();
    assert.equal(modern.state, 'waiting');
    wire.result(wire.received[0]?.id, DISCOVERED);
    await modern.opened;
    assert.equal(modern.state, 'modern');
    assert.equal((await calls(modern)).state, 'result {"n":1}');
    assert.deepEqual(modern.sent.slice(2), ['tools/call'], 'nothing is said about the other greeting');

    const legacy = new Opening({ on: both });
    await legacy.ports.clock.advance(400);
    const wire2 = legacy.connector.wire;
    wire2.error(wire2.received[0]?.id, -32601, 'Method not found');
    await settled();
    assert.equal(legacy.state, 'waiting', 'the refusal alone decides nothing');
    wire2.result(wire2.received[1]?.id, INITIALIZED);
    await legacy.opened;
    assert.equal(legacy.state, 'legacy');
  });

  it('a modern server that was introduced to as well may have taken that as the choice: another wire is opened', async () => {
    const opening = new Opening({ on: { 'server/discover': silent, initialize: silent } });
    await opening.ports.clock.advance(400);
    const [wire] = opening.connector.wires;
    wire?.result(wire.received[0]?.id, DISCOVERED);
    const { open } = await opening.opened;
    assert.deepEqual([opening.state, open.info.version], ['modern', '2026-07-28']);
    assert.deepEqual(
      opening.connector.wires.map(({ closed, received }) => [closed, received.length]),
      [
        [true, 2],
        [false, 0],
      ],
    );
    assert.equal((await calls(opening)).state, 'result {"n":1}');
    await open.link.close();
    assert.equal(opening.ports.clock.waiting, 0);
  });

  it('a server that refuses initialize may still be discovered', async () => {
    const opening = new Opening({ speaks: [], on: { 'server/discover': silent } });
    await opening.ports.clock.advance(400);
    assert.equal(opening.state, 'waiting');
    opening.connector.wire.result(opening.connector.wire.received[0]?.id, DISCOVERED);
    await opening.opened;
    assert.equal(opening.state, 'modern');
  });
});

describe('a server that cannot be greeted', () => {
  it('is refused with what it said to initialize', async () => {
    const opening = new Opening({ speaks: [] });
    await opening.opened.catch(() => undefined);
    assert.equal(
      opening.state,
      'UPSTREAM_PROTOCOL the upstream refused initialize: Unsupported protocol version',
    );
    assert.equal(opening.connector.wire.closed, true);
    assert.equal(opening.ports.clock.waiting, 0);
  });

  it('is given up at the deadline when it keeps silent on everything', async () => {
    const opening = new Opening({ on: { 'server/discover': silent, initialize: silent } });
    await opening.ports.clock.advance(1001);
    await settled();
    assert.match(opening.state, /^UPSTREAM_TIMEOUT .* did not complete initialize within 1000 ms/);
    assert.equal(opening.connector.wire.closed, true);
    assert.equal(opening.ports.clock.waiting, 0);
  });

  it('fails with its end when it ends, whatever it was asked', async () => {
    const ended = new GatewayError('PROCESS_EXIT', 'it left');
    for (const [left, method] of [
      ['at once', 'server/discover'],
      ['later', 'initialize'],
    ] as const) {
      const opening = new Opening({ on: { [method]: ({ wire }) => void wire.lose(ended) } });
      await opening.opened.catch(() => undefined);
      assert.equal(opening.state, 'PROCESS_EXIT it left', left);
      assert.equal(opening.ports.clock.waiting, 0);
    }
  });

  it('is let go when its owner ends', async () => {
    const opening = new Opening({ on: { 'server/discover': silent, initialize: silent } });
    await opening.ports.clock.advance(400);
    opening.ended.cancel(new GatewayError('TARGET_REMOVED', 'gone'));
    await settled();
    assert.equal(opening.state, 'TARGET_REMOVED gone');
    assert.equal(opening.connector.wire.closed, true);
    assert.equal(opening.ports.clock.waiting, 0);
  });
});
