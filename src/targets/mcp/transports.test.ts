import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptedUpstream } from '../../../test/fixtures/scripted-upstream.ts';
import { FakeClock } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Wire } from '../../mcp/definition.ts';
import type { Era } from '../../mcp/revisions.ts';
import { HttpWire } from './http-wire.ts';
import { ModernHttpWire } from './modern-http-wire.ts';
import { McpTransports } from './transports.ts';

const refusal = (upstreamStatus: number): GatewayError =>
  new GatewayError('UPSTREAM_STATUS', `HTTP ${upstreamStatus}`, { data: { upstreamStatus } });

class World {
  readonly transports = new McpTransports();
  readonly upstream = new ScriptedUpstream();

  open(era: Era): Wire | Promise<Wire> {
    const options = {
      upstream: this.upstream.http,
      url: new URL('http://upstream.example/mcp'),
      fixed: [],
      headers: [],
      clock: new FakeClock(),
      maxMessage: 1000,
      events: { message() {}, closed() {} },
    };
    return this.transports.open(options, { era, cancel: new Cancel() });
  }

  legacy(): Wire {
    const wire = this.open('legacy');
    assert.ok(wire instanceof HttpWire);
    return wire;
  }

  /** Settles to the wire, or to what its opening failed with. */
  async overSse(reply: (upstream: ScriptedUpstream) => void): Promise<Wire | GatewayError> {
    const opening = Promise.resolve(this.open('legacy'));
    reply(this.upstream);
    return opening.catch((error: GatewayError) => error);
  }
}

const accepts = ({ last }: ScriptedUpstream): void => {
  last.stream();
  last.write('event: endpoint\ndata: /message?sessionId=1\n\n');
};

test('each era has a wire of its own', () => {
  const world = new World();
  assert.ok(world.open('modern') instanceof ModernHttpWire);
  assert.ok(world.open('legacy') instanceof HttpWire);
  assert.deepEqual([world.transports.eras, world.transports.relates], ['apart', true]);
});

test('a server that refuses the POST of initialize is met over the old transport from then on', async () => {
  for (const status of [400, 404, 405]) {
    const world = new World();
    assert.equal(world.transports.another(refusal(status), world.legacy()), true);
    assert.equal(world.transports.relates, false);
    for (const again of [1, 2]) {
      const wire = await world.overSse(accepts);
      assert.ok(!(wire instanceof GatewayError), `${status}, ${again}`);
      assert.deepEqual([world.upstream.last.request.method, wire.relates], ['GET', false]);
      await wire.close();
    }
    assert.ok(world.open('modern') instanceof ModernHttpWire);
  }
});

test('other failures of a POST are no reason to try the old transport', () => {
  const world = new World();
  const failures = [401, 403, 406, 500, 503].map(refusal);
  failures.push(
    new GatewayError('UPSTREAM_PROTOCOL', 'refused initialize'),
    new GatewayError('UPSTREAM_TIMEOUT', 'silent'),
    new GatewayError('UPSTREAM_CONNECT', 'refused'),
  );
  for (const failure of failures)
    assert.equal(world.transports.another(failure, world.legacy()), false, failure.message);
  assert.equal(world.transports.another(refusal(404), world.open('modern') as Wire), false);
});

test('a server that refuses the event stream too is met over HTTP again', async () => {
  const world = new World();
  world.transports.another(refusal(405), world.legacy());
  const error = await world.overSse(({ last }) => last.reply(405));
  assert.ok(error instanceof GatewayError);
  assert.equal(world.transports.another(error, undefined), true);
  assert.equal(world.transports.relates, true);
  world.legacy();
});

test('a server that is not there keeps its transport; one whose event stream hangs does not', () => {
  const world = new World();
  world.transports.another(refusal(405), world.legacy());
  assert.equal(world.transports.another(new GatewayError('UPSTREAM_CONNECT', 'refused'), undefined), false);
  assert.equal(world.transports.relates, false);
  assert.equal(world.transports.another(new GatewayError('UPSTREAM_TIMEOUT', 'hangs'), undefined), false);
  assert.equal(world.transports.relates, true);
});

test('an old server that refuses initialize itself is not asked over another transport', async () => {
  const world = new World();
  world.transports.another(refusal(405), world.legacy());
  const wire = await world.overSse(accepts);
  assert.ok(!(wire instanceof GatewayError));
  assert.equal(world.transports.another(new GatewayError('UPSTREAM_PROTOCOL', 'refused'), wire), false);
  assert.equal(world.transports.relates, false);
  await wire.close();
});
