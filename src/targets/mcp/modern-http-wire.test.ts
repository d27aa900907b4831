import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { broken, ModernWireWorld } from '../../../test/fixtures/http-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';

const answer = (id: number, value: object): string =>
  `${id}: ${JSON.stringify({ jsonrpc: '2.0', ...value })}`;
const JSON_TYPE = { 'content-type': 'application/json' };

describe('a modern request', () => {
  it('is a POST that says in headers what it is, without a session', async () => {
    const world = new ModernWireWorld();
    void world.send({ headers: ['traceparent', 't', 'mcp-param-region', 'eu'] });
    const { last } = world.upstream;
    assert.deepEqual([last.request.method, last.request.path, last.text], ['POST', '/mcp?key=1', '{"id":1}']);
    const names = [
      'accept',
      'mcp-protocol-version',
      'mcp-method',
      'mcp-name',
      'traceparent',
      'mcp-param-region',
    ];
    assert.deepEqual(
      names.map((name) => last.header(name)),
      ['application/json, text/event-stream', '2026-07-28', 'tools/call', 'a', 't', 'eu'],
    );
    assert.equal(last.header('mcp-session-id'), undefined);
  });

  it('names what it is about where its method has such a header, encoded where a header could not carry it', async () => {
    const cases: [string, string | undefined, string | undefined][] = [
      ['prompts/get', 'p', 'p'],
      ['resources/read', 'file:///ä', `=?base64?${Buffer.from('file:///ä').toString('base64')}?=`],
      [
        'resources/read',
        'x\r\nauthorization: y',
        `=?base64?${Buffer.from('x\r\nauthorization: y').toString('base64')}?=`,
      ],
      ['tasks/get', 't', 't'],
      ['tasks/update', 't', 't'],
      ['tasks/cancel', 't', 't'],
      ['completion/complete', 'p', undefined],
      ['tools/list', undefined, undefined],
    ];
    for (const [method, name, expected] of cases) {
      const world = new ModernWireWorld();
      void world.send({ method, name });
      assert.deepEqual(
        [world.upstream.last.header('mcp-method'), world.upstream.last.header('mcp-name')],
        [method, expected],
        method,
      );
    }
  });

  it('carries the headers of the client, those it is shown later, and those for it alone', async () => {
    const world = new ModernWireWorld({ headers: ['authorization', 'first'] });
    const sent = (more: object = {}): string | undefined => {
      void world.send(more);
      return world.upstream.last.header('authorization');
    };
    assert.equal(sent(), 'first');
    assert.equal(sent({ client: ['authorization', 'once'] }), 'once');
    world.wire.show(['authorization', 'renewed']);
    assert.equal(sent(), 'renewed');
    const own = new ModernWireWorld({ fixed: ['authorization', 'target'], headers: ['authorization', 'x'] });
    void own.send();
    assert.equal(own.upstream.last.header('authorization'), 'target');
  });

  it('is answered by JSON, or by a stream that brings what belongs to it first', async () => {
    const world = new ModernWireWorld();
    const whole = world.send();
    world.upstream.last.json({ id: 1, result: {} });
    assert.equal(await whole, 'done');
    const streamed = world.send({ request: 2 });
    world.upstream.last.stream();
    world.upstream.last.event({ method: 'notifications/message' });
    world.upstream.last.event({ id: 2, result: {} }, 'an-id-without-meaning');
    world.upstream.last.end();
    assert.equal(await streamed, 'done');
    assert.deepEqual(world.heard, [
      answer(1, { id: 1, result: {} }),
      answer(2, { method: 'notifications/message' }),
      answer(2, { id: 2, result: {} }),
    ]);
  });

  it('is answered by a JSON-RPC error, whatever the status', async () => {
    for (const status of [400, 404, 500]) {
      const world = new ModernWireWorld();
      const sent = world.send();
      const error = { id: 1, error: { code: -32601, message: 'no' } };
      world.upstream.last.reply(status, JSON_TYPE, JSON.stringify({ jsonrpc: '2.0', ...error }));
      assert.equal(await sent, 'done', String(status));
      assert.deepEqual(world.heard, [answer(1, error)]);
    }
  });

  it('is refused by everything else, with what the server said', async () => {
    const cases: [number, Record<string, string>, string, string][] = [
      [
        400,
        JSON_TYPE,
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}',
        'UPSTREAM_STATUS',
      ],
      [404, { 'content-type': 'text/plain' }, 'nothing here', 'UPSTREAM_STATUS'],
      [503, {}, '', 'UPSTREAM_STATUS'],
      [
        401,
        { ...JSON_TYPE, 'www-authenticate': 'Bearer' },
        '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}',
        'UPSTREAM_CHALLENGE',
      ],
      [200, { 'content-type': 'text/html' }, '<html>', 'UPSTREAM_PROTOCOL'],
    ];
    for (const [status, headers, body, expected] of cases) {
      const world = new ModernWireWorld();
      const sent = world.send();
      world.upstream.last.reply(status, headers, body);
      assert.match(await sent, new RegExp(`^${expected} `), String(status));
      assert.deepEqual(world.heard, []);
    }
  });

  it('whose stream breaks off is not resumed', async () => {
    const world = new ModernWireWorld();
    const sent = world.send();
    world.upstream.last.stream();
    world.upstream.last.event({ method: 'notifications/message' }, '7');
    world.upstream.last.fail(broken);
    assert.equal(await sent, 'UPSTREAM_CLOSED broken');
    const quiet = world.send();
    world.upstream.last.stream();
    world.upstream.last.event({ method: 'notifications/message' }, '8');
    world.upstream.last.end();
    assert.equal(await quiet, 'done', 'what the request was worth then is for its owner to say');
    assert.deepEqual(
      world.upstream.requests.map(({ request }) => request.method),
      ['POST', 'POST'],
    );
    assert.ok(!world.heard.some((each) => /resumable|paused/.test(each)));
  });

  it('is cancelled by closing its stream', async () => {
    const world = new ModernWireWorld();
    const cancel = new Cancel();
    const sent = world.send({ cancel });
    world.upstream.last.stream();
    await settled();
    cancel.cancel(new GatewayError('CANCELLED', 'not wanted'));
    assert.equal(world.upstream.last.cancelled?.message, 'not wanted');
    await sent;
    assert.equal(world.wire.cancelsByClosing, true);
  });

  it('whose answer may be silent for ever has a connection of its own, and must begin within a time', async () => {
    const world = new ModernWireWorld();
    void world.send({ method: 'subscriptions/listen', name: undefined, long: true });
    const { long, headersTimeoutMs } = world.upstream.last.request;
    assert.deepEqual([long, headersTimeoutMs], [true, 30_000]);
    void world.send();
    assert.deepEqual(
      [world.upstream.last.request.long, world.upstream.last.request.headersTimeoutMs],
      [undefined, undefined],
    );
  });
});

describe('a modern wire', () => {
  it('takes notifications that are accepted with nothing', async () => {
    const world = new ModernWireWorld();
    const sent = world.send({ request: undefined, method: undefined, name: undefined });
    world.upstream.last.reply(202);
    assert.equal(await sent, 'done');
    assert.equal(world.upstream.last.header('mcp-method'), undefined);
  });

  it('has nothing to end when it is closed', () => {
    const world = new ModernWireWorld();
    world.wire.close();
    assert.equal(world.upstream.requests.length, 0);
  });
});
