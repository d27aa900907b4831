/**
 * The front under malformed envelopes, headers and HTTP: whatever comes, it answers with HTTP, never falls over, and
 * serves the next client as if nothing had been. Seeds are fixed; a failure prints what to add to replay it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import { answered, damaged, header, json, member, text, visible } from './arbitraries.ts';
import { exchange } from './raw-http.ts';

const world = await startWorld({
  targets: { one: {}, two: { over: 'stdio' } },
  mcp: { callTimeout: '500ms' },
});
after(() => world.close());
const port = Number(new URL(world.gateway.url).port);

const SEED = 20_251_125;
const settings = (numRuns: number): fc.Parameters<unknown> => ({ seed: SEED, numRuns, endOnFailure: true });

/** One client whose session the others abuse; replaced when something has ended it. */
let victim: McpHttpClient = await world.client({ version: '2025-03-26' });
async function session(): Promise<string> {
  const { status } = await victim.send({ jsonrpc: '2.0', id: 'alive', method: 'ping' });
  if (status !== 200) victim = await world.client({ version: '2025-03-26' });
  return victim.session ?? '';
}

async function healthy(): Promise<void> {
  assert.equal(world.gateway.exitCode(), undefined, world.gateway.tail());
  const client = await world.client();
  for (const target of ['one', 'two'])
    assert.equal(textOf(await client.call(`${target}_echo`, { a: 1 })), '{"a":1}');
  await client.delete();
  client.close();
}

const METHODS = [
  'initialize',
  'ping',
  'tools/list',
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'completion/complete',
  'logging/setLevel',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'server/discover',
];

const params = fc.oneof(
  json,
  fc.record(
    {
      name: member(fc.constantFrom('one_echo', 'two_echo', 'one_script', 'one_greet', 'nothing')),
      arguments: json,
      uri: member(fc.constantFrom('one+raw://one', 'two+raw://one', 'ui://one+x', '+', 'one+')),
      cursor: json,
      level: member(fc.constantFrom('debug', 'error')),
      requestId: json,
      progressToken: json,
      progress: json,
      ref: member(fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource'), name: text, uri: text })),
      protocolVersion: member(fc.constantFrom('2025-11-25', '2025-03-26', '2026-07-28')),
      capabilities: json,
      clientInfo: json,
      _meta: member(fc.record({ progressToken: json, traceparent: json })),
    },
    { requiredKeys: [] },
  ),
);

const envelope = fc.record(
  {
    jsonrpc: member(fc.constant('2.0')),
    id: member(fc.oneof(fc.nat(), text)),
    method: member(fc.constantFrom(...METHODS)),
    params,
    result: json,
    error: json,
    extra: json,
  },
  { requiredKeys: [] },
);

/** A message, or several, as text that may have been damaged. */
const body = damaged(
  fc.oneof(
    { weight: 5, arbitrary: envelope },
    { weight: 1, arbitrary: fc.array(envelope, { maxLength: 5 }) },
    { weight: 1, arbitrary: json },
  ),
);

const request = fc.record({
  method: fc.oneof(
    { weight: 6, arbitrary: fc.constant('POST') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('GET', 'DELETE', 'PUT', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE', 'QUERY'),
    },
  ),
  path: fc.oneof(
    { weight: 6, arbitrary: fc.constant('/mcp') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '/sse',
        '/message',
        '/message?sessionId=x',
        '/',
        '//',
        '/%',
        '/%00/mcp',
        '/mcp?a=b&sessionId=',
        '*',
        '/..;/mcp',
      ),
    },
  ),
  headers: fc.record({
    'content-type': header('application/json', 'application/json; charset=utf-8', 'text/plain'),
    accept: header('application/json, text/event-stream', 'text/event-stream, application/json', '*/*'),
    'mcp-session-id': header('SESSION', 'SESSION', 'SESSION', 'x'),
    'mcp-protocol-version': header('2025-03-26', '2025-11-25', '2026-07-28'),
    'last-event-id': header('g-1', '1-1', '999-999'),
    authorization: header('Bearer x', 'Basic !'),
    traceparent: header('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x'),
    origin: header('http://localhost', 'https://evil.example', 'null'),
    expect: fc.constantFrom(undefined, undefined, undefined, '100-continue', 'miracles'),
  }),
});

test('malformed envelopes and headers are answered, and harm nobody', async () => {
  await fc.assert(
    fc.asyncProperty(request, body, async ({ method, path, headers }, bytes) => {
      const token = await session();
      const lines = Object.entries(headers).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}: ${value.replaceAll('SESSION', token)}`],
      );
      const head = [
        `${method} ${path} HTTP/1.1`,
        `host: localhost:${port}`,
        ...lines,
        `content-length: ${bytes.length}`,
      ];
      const sent = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
      answered(await exchange(port, sent), sent.toString('latin1'));
    }),
    settings(600),
  );
  await healthy();
});

const CALL = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const line = fc.oneof(
  fc.constantFrom(
    'host: localhost',
    'host: evil.example',
    `content-length: ${CALL.length}`,
    'content-length: -1',
    'content-length: 0x10',
    'content-length: 5, 5',
    'transfer-encoding: chunked',
    'transfer-encoding: identity, chunked',
    'transfer-encoding: xchunked',
    'connection: upgrade',
    'upgrade: websocket',
    'upgrade: h2c',
    'http2-settings: AAMAAABkAAQAAP__',
    'no colon here',
    ' folded: value',
    'x\u0000y: z',
    'mcp-session-id: a\tb',
    'accept: \u00ff\u00fe',
    ': empty name',
    `x-long: ${'v'.repeat(40_000)}`,
  ),
  visible,
);

test('requests that are not HTTP are answered or ended, and harm nobody', async () => {
  const start = fc.constantFrom(
    'POST /mcp HTTP/1.1',
    'POST /mcp HTTP/1.0',
    'GET /mcp HTTP/1.1',
    'POST http://localhost/mcp HTTP/1.1',
    'POST /mcp HTTP/9.9',
    'POST /mcp',
    'NONSENSE',
    '',
    'PRI * HTTP/2.0',
    'CONNECT localhost:1 HTTP/1.1',
    '\u0016\u0003\u0001\u0002\u0000\u0001',
    'POST /\u0000 HTTP/1.1',
    `GET /${'p'.repeat(50_000)} HTTP/1.1`,
  );
  const end = fc.constantFrom('\r\n\r\n', '\n\n', '\r\n');
  await fc.assert(
    fc.asyncProperty(start, fc.array(line, { maxLength: 6 }), end, async (first, lines, last) => {
      const sent = Buffer.from(`${[first, ...lines].join('\r\n')}${last}${CALL}`, 'latin1');
      const reply = await exchange(port, sent, { finish: true });
      if (reply)
        assert.ok(reply.status >= 100 && reply.status < 600 && reply.status !== 500, String(reply.status));
    }),
    settings(300),
  );
  await healthy();
});

test('requests that break off anywhere leave nothing behind', async () => {
  const token = await session();
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'two_echo' } });
  const head = `POST /mcp HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nmcp-session-id: ${token}\r\ncontent-length: ${call.length}\r\n\r\n`;
  const whole = Buffer.from(head + call);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), fc.boolean(), async (length, reset) => {
      await exchange(port, whole.subarray(0, length), { finish: true, reset });
    }),
    settings(150),
  );
  await healthy();
});

test('the beginning of an HTTP/2 preface, and no more, holds nobody up', async () => {
  const sockets = ['P', 'PR', 'PRI', 'PRI ', 'PRI * HTTP/2.0\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'].map(
    (start) => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write(start);
      return socket;
    },
  );
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await healthy();
  await healthy();
  for (const socket of sockets) socket.destroy();
});

test('after all of it the log tells of no fault of the gateway', () => {
  assert.doesNotMatch(world.gateway.log(), /"reason":"INTERNAL"|INTERNAL|unhandled|uncaught/i);
});
