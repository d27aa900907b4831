/** Clients that send nonsense, too much, to the wrong place or without the right headers. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { startGateway } from '../fixtures/gateway.ts';
import { type Answer, type Headers, McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { McpSseClient } from '../fixtures/mcp-sse.ts';
import { freePort } from '../fixtures/programs.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';

const servers = await Promise.all([startRawServer(), startRawServer()]);
const targets = servers.map(({ url }, at) => ({ name: `t${at}`, mcp: { host: url } }));
const [first] = targets;
const otherPort = await freePort();
const binds = [
  {
    port: 0,
    listeners: [
      {
        routes: [
          { matches: [{ path: { pathPrefix: '/single' } }], backends: [{ mcp: { targets: [first] } }] },
          { backends: [{ mcp: { targets } }] },
        ],
      },
    ],
  },
  { port: otherPort, listeners: [{ routes: [{ backends: [{ mcp: { targets } }] }] }] },
];
const gateway = await startGateway(`binds: ${JSON.stringify(binds).replace('"port":0', 'port: 3000')}`);
const opened: { close(): void }[] = [];
after(async () => {
  for (const client of opened) client.close();
  await gateway.stop();
  await Promise.all(servers.map((server) => server.close()));
});

const SINGLE = gateway.url.replace('/mcp', '/single/mcp');
const OTHER = `http://localhost:${otherPort}/mcp`;

async function open(url = gateway.url): Promise<McpHttpClient> {
  const client = await McpHttpClient.open(url);
  opened.push(client);
  return client;
}

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };

function refused({ status, messages }: Answer): { status: number; code: number | undefined } {
  return { status, code: messages[0]?.error?.code };
}

async function works(client: McpHttpClient): Promise<void> {
  assert.deepEqual((await client.request('ping')).result, {});
}

for (const [body, code] of [
  ['', -32700],
  [' \n', -32700],
  ['{', -32700],
  ['{"jsonrpc":"2.0","id":1,"method":"ping"', -32700],
  ['{"jsonrpc":"2.0","id":1,"method":"ping"}}', -32700],
  ["{'jsonrpc':'2.0'}", -32700],
  ['{"jsonrpc":"2.0","id":01,"method":"ping"}', -32700],
  ['{"jsonrpc":"2.0","id":1,"method":"ping",}', -32700],
  ['\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', -32700],
  ['['.repeat(50_000), -32600],
  [`{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`, -32700],
  ['null', -32600],
  ['"ping"', -32600],
  ['42', -32600],
  ['{}', -32600],
  ['{"id":1,"method":"ping"}', -32600],
  ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
  ['{"jsonrpc":2.0,"id":1,"method":"ping"}', -32600],
  ['{"jsonrpc":"2.0","id":1}', -32600],
  ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
  ['{"jsonrpc":"2.0","id":1,"method":""}', -32600],
  ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
  ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
  ['{"jsonrpc":"2.0","id":1e3,"method":"ping"}', -32600],
  ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
  ['{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600],
  ['{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600],
  [`{"jsonrpc":"2.0","id":"${'x'.repeat(300)}","method":"ping"}`, -32600],
  ['{"jsonrpc":"2.0","result":{}}', -32600],
] as const) {
  test(`a body that is no message is a 400: ${JSON.stringify(body).slice(0, 60)}`, async () => {
    const client = await open();
    assert.deepEqual(refused(await client.send(body)), { status: 400, code });
    await works(client);
  });
}

test('bytes that are not UTF-8 are a 400', async () => {
  const client = await open();
  const answer = await post(client, Buffer.from('{"jsonrpc":"2.0","id":1,"method":"p\xffng"}', 'latin1'));
  assert.equal(answer.status, 400);
  assert.match(answer.text, /-32700/);
  await works(client);
});

for (const [what, headers, status] of [
  ['no content type', { 'content-type': undefined }, 415],
  ['a content type of text', { 'content-type': 'text/plain' }, 415],
  ['a content type like JSON', { 'content-type': 'application/jsonp' }, 415],
  ['an Accept of JSON alone', { accept: 'application/json' }, 406],
  ['an Accept of streams alone', { accept: 'text/event-stream' }, 406],
  ['an Accept of pages', { accept: 'text/html' }, 406],
  ['an unknown revision', { 'mcp-protocol-version': '1999-01-01' }, 400],
  ['an empty session id', { 'mcp-session-id': '' }, 404],
  ['no session id', { 'mcp-session-id': undefined }, 400],
  ['a session id that is none', { 'mcp-session-id': 'x' }, 404],
  ['a long session id', { 'mcp-session-id': 'A'.repeat(4000) }, 404],
  ['an id that looks like a token', { 'mcp-session-id': 'A'.repeat(200) }, 404],
] as readonly [string, Headers, number][]) {
  test(`${what} is a ${status}`, async () => {
    const client = await open();
    const { status: got, messages } = await client.send(PING, headers);
    assert.deepEqual([got, typeof messages[0]?.error?.code], [status, 'number']);
    await works(client);
  });
}

for (const [what, headers] of [
  ['JSON with a charset', { 'content-type': 'Application/JSON; charset=utf-8' }],
  ['an Accept of anything', { accept: '*/*' }],
  ['an Accept with weights', { accept: 'application/json;q=0.9, text/event-stream;q=0.1' }],
  ['no Accept', { accept: undefined }],
  ['an older revision', { 'mcp-protocol-version': '2025-03-26' }],
] as readonly [string, Headers][]) {
  test(`${what} is accepted`, async () => {
    const client = await open();
    assert.equal((await client.send(PING, headers)).status, 200);
  });
}

test('methods of HTTP that MCP has no use for are refused', async () => {
  const client = await open();
  for (const method of ['PUT', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE']) {
    const response = await client.begin(method).response;
    response.resume();
    assert.deepEqual([method, response.statusCode], [method, 405]);
    assert.equal(response.headers.allow, 'GET, POST, DELETE');
  }
  const headers = { accept: 'application/json' };
  assert.equal((await client.begin('GET', undefined, headers).response).statusCode, 406);
});

test('4 MiB are taken, more is a 413, declared or not', async () => {
  const client = await open();
  const message = (size: number): string =>
    JSON.stringify(client.message('tools/call', { name: 't0_echo', arguments: { a: 'x'.repeat(size) } }));
  const fits = await client.send(message(4 * 1024 * 1024 - 200));
  assert.equal(textOf(fits.messages[0] ?? {}).length, 4 * 1024 * 1024 - 200 + '{"a":""}'.length);
  const large = message(5 * 1024 * 1024);
  assert.deepEqual(refused(await client.send(large)), { status: 413, code: -32600 });
  assert.equal((await post(client, Buffer.from(large), { chunked: true })).status, 413);
  await works(client);
});

test('more headers than anybody needs are a 431', async () => {
  const client = await open();
  const { status } = await client.send(PING, { 'x-large': 'x'.repeat(40 * 1024) });
  assert.equal(status, 431);
  await works(client);
});

test('a session is good at the endpoint where it began, and nowhere else', async () => {
  for (const [here, elsewhere] of [
    [gateway.url, SINGLE],
    [gateway.url, OTHER],
    [OTHER, gateway.url],
    [SINGLE, gateway.url],
  ] as const) {
    const client = await open(here);
    const stranger = new McpHttpClient(elsewhere);
    opened.push(stranger);
    stranger.session = client.session;
    assert.deepEqual(refused(await stranger.send(PING)), { status: 404, code: -32001 });
    assert.equal((await stranger.begin('GET').response).statusCode, 404);
    assert.equal((await stranger.delete()).status, 404);
    await works(client);
  }
});

test('an id with one character changed is unknown', async () => {
  const client = await open();
  const { session = '' } = client;
  for (const at of [0, 10, Math.floor(session.length / 2), session.length - 2]) {
    const changed = session.slice(0, at) + (session[at] === 'A' ? 'B' : 'A') + session.slice(at + 1);
    assert.equal((await client.send(PING, { 'mcp-session-id': changed })).status, 404);
  }
  await works(client);
});

test('sessions of the two HTTP transports do not mix', async () => {
  const client = await open();
  const old = await McpSseClient.open(gateway.url.replace(/mcp$/, 'sse'));
  opened.push(old);
  const { data } = await old.stream.event(({ event }) => event === 'endpoint');
  const { searchParams } = new URL(data, gateway.url);
  assert.equal(
    (await client.send(PING, { 'mcp-session-id': searchParams.get('sessionId') ?? '' })).status,
    202,
  );
  const message = new McpHttpClient(new URL(`/message?sessionId=${client.session}`, gateway.url).href);
  opened.push(message);
  assert.equal((await message.send(PING)).status, 404);
  await works(client);
});

test('a session ends with DELETE, once and for all', async () => {
  const client = await open();
  assert.equal((await client.delete()).status, 200);
  assert.equal((await client.delete()).status, 404);
  assert.deepEqual(refused(await client.send(PING)), { status: 404, code: -32001 });
});

test('requests out of place are errors of the protocol, not of HTTP', async () => {
  const client = await open();
  const codes = async (method: string, params?: unknown): Promise<unknown> =>
    (await client.request(method, params)).error?.code;
  assert.equal(await codes('tools/call', { name: 't0_nothing' }), -32602);
  assert.equal(await codes('tools/call', {}), -32602);
  assert.equal(await codes('tools/call', { name: 7 }), -32602);
  assert.equal(await codes('tools/call', []), -32602);
  assert.equal(await codes('tools/call', { name: 'echo' }), -32602);
  assert.equal(await codes('prompts/get', { name: 't0_nothing' }), -32602);
  assert.equal(await codes('resources/read', { uri: 'raw://one' }), -32602);
  assert.equal(await codes('resources/read', { uri: 'nobody+raw://one' }), -32602);
  assert.equal(await codes('tools/list', { cursor: 'at-1' }), -32602);
  assert.equal(await codes('logging/setLevel', { level: 'loud' }), -32602);
  assert.equal(await codes('completion/complete', { ref: { type: 'ref/prompt' } }), -32602);
  await works(client);
});

test('a method nobody knows ends at a merged endpoint and reaches the one server of a single one', async () => {
  const merged = await open();
  assert.equal((await merged.request('vendor/unknown', { x: 1 })).error?.code, -32601);
  const single = await open(SINGLE);
  const params = { x: 1.5, mark: 'single' };
  const { error } = await single.request('vendor/unknown', params);
  assert.deepEqual(error, { code: -32601, message: 'Method not found: vendor/unknown' });
  const got = await servers[0].control.waitFor(({ method }) => method === 'vendor/unknown');
  assert.deepEqual(got.params, params);
  await single.notify('notifications/vendor', params);
  await servers[0].control.waitFor(({ method }) => method === 'notifications/vendor');
});

test('a second initialize, and an id in use, are refused', async () => {
  const client = await open();
  assert.deepEqual(refused(await client.initialize()), { status: 400, code: -32600 });
  const steps = [
    { do: 'progress', progress: 1 },
    { do: 'hold', key: 'in-use' },
    { do: 'result', result: {} },
  ];
  const _meta = { progressToken: 1 };
  const held = client.message('tools/call', { name: 't0_script', arguments: { steps }, _meta });
  const stream = await client.stream(held);
  await stream.method('notifications/progress');
  const twin = await client.send({ ...PING, id: held.id });
  assert.equal(twin.messages[0]?.error?.code, -32600);
  await client.script(
    [
      { do: 'release', key: 'in-use' },
      { do: 'result', result: {} },
    ],
    't0_script',
  );
  assert.deepEqual((await stream.answer(held.id)).result, {});
});

test('an upgrade to a WebSocket is refused, and nothing is harmed', async () => {
  const client = await open();
  const response = await new Promise<{ status: number | undefined; upgraded: boolean }>((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'mcp-session-id': client.session ?? '',
    };
    const outgoing = request(gateway.url, { headers });
    outgoing.on('response', (reply) => {
      reply.resume();
      resolve({ status: reply.statusCode, upgraded: false });
    });
    outgoing.on('upgrade', (reply, socket) => {
      socket.destroy();
      resolve({ status: reply.statusCode, upgraded: true });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  assert.deepEqual(response, { status: 400, upgraded: false });
  await works(client);
  await works(await open());
});

/** Bytes, or a body of unknown length. */
function post(
  client: McpHttpClient,
  body: Buffer,
  { chunked = false } = {},
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': client.session ?? '',
      ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }),
    };
    const outgoing = request(client.url, { method: 'POST', headers }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      reply.on('end', () => resolve({ status: reply.statusCode, text }));
    });
    // The gateway may close a connection whose body it does not want while we still write.
    outgoing.on('error', (error) => outgoing.writableFinished || reject(error));
    outgoing.end(body);
  });
}
