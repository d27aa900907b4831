import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { description } from '../../../test/fixtures/pet-api.ts';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Flow } from '../../lib/flow.ts';
import type { Outgoing } from '../../mcp/definition.ts';
import type { UpstreamReply, UpstreamRequest } from '../../upstream/http.ts';
import { Api } from './api.ts';
import { readDescription } from './reading.ts';
import type { DocumentSource } from './source.ts';
import { ApiWire, type ApiWireOptions } from './wire.ts';

type Sent = UpstreamRequest & { readonly cancel?: Cancel | undefined };
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: {
    content?: { text?: string }[];
    isError?: boolean;
    protocolVersion?: string;
    tools?: unknown[];
  };
  readonly error?: { code: number; message: string };
}

type Loose = Readonly<Partial<Record<'result' | 'error' | 'params', Record<string, unknown>>>>;

const JSON_HEAD = ['content-type', 'application/json'];

/** A wire whose requests `answer` answers, and what it has said. */
function world(
  t: TestContext,
  answer: (request: Sent) => Promise<UpstreamReply>,
  options: Partial<ApiWireOptions> = {},
) {
  let title = 'Pets';
  let look = (): void => {};
  const source: DocumentSource = {
    place: 'a test',
    // Other tools each time.
    read: async () => Buffer.from(JSON.stringify(description('3.1')).replace('All pets', title)),
    forget() {},
    watch(changed) {
      look = changed;
    },
    close() {},
  };
  const change = (): Promise<void> => {
    title += '!';
    look();
    return new Promise(setImmediate);
  };
  const api = new Api({
    source,
    reader: { read: readDescription },
    ports: testPorts(),
    tools: { style: 'grouped', selection: {}, outputSchemas: true },
    base: undefined,
    externalReferences: false,
    authenticated: true,
  });
  const requests: Sent[] = [];
  const said: { message: Message; origin: number | undefined }[] = [];
  const request = (sent: Sent): Promise<UpstreamReply> => {
    requests.push(sent);
    return answer(sent);
  };
  const events = {
    message: (bytes: Buffer, origin: number | undefined) =>
      void said.push({ message: JSON.parse(bytes.toString()), origin }),
    closed: () => assert.fail('it never ends by itself'),
  };
  const standard = {
    api,
    sender: { request },
    fixed: [],
    agent: 'gateway',
    headers: [],
    events,
    era: 'legacy' as const,
    renews: false,
  };
  const wire = new ApiWire({ ...standard, ...options });
  t.after(() => api.close());
  const send = (
    id: number | undefined,
    method: string,
    params: object,
    more: Partial<Outgoing> = {},
  ): Promise<void> => {
    const outgoing = { request: id, method, name: undefined, cancel: undefined, headers: undefined, ...more };
    return wire.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })), outgoing);
  };
  const call = (name: string, given: object, more?: Partial<Outgoing>) =>
    send(7, 'tools/call', { name, arguments: given }, more);
  return { wire, api, requests, said, send, call, change };
}

const replying =
  (status: number, body: string, headers = JSON_HEAD) =>
  async (): Promise<UpstreamReply> => ({ status, headers, body: Flow.of(body) });
const PET = { path: { petId: 1 } };

test('it greets, lists, and says of the rest that an API has none of it', async (t) => {
  const { send, said } = world(t, replying(200, '{}'));
  await send(1, 'initialize', { protocolVersion: '2025-03-26' });
  await send(2, 'initialize', { protocolVersion: 'unknown' });
  await send(undefined, 'notifications/initialized', {});
  await send(3, 'ping', {});
  await send(4, 'tools/list', {});
  await send(5, 'resources/list', {});
  assert.deepEqual(
    said.map(({ message, origin }) => [message.id, origin]),
    [1, 2, 3, 4, 5].map((id) => [id, id]),
  );
  const [one, two, ping, list, none] = said.map(({ message }) => message);
  assert.deepEqual(
    [one?.result?.protocolVersion, two?.result?.protocolVersion],
    ['2025-03-26', '2025-11-25'],
  );
  assert.deepEqual(ping?.result, {});
  assert.equal(list?.result?.tools?.length, 8);
  assert.equal(none?.error?.code, -32601);
});

test('to a modern client it says what it is, lists, completes calls, and tells who listens of changes', async (t) => {
  const { wire, said, send, call, change } = world(t, replying(200, '{"id":1,"name":"Rex"}'), {
    era: 'modern',
  });
  await send(1, 'server/discover', {});
  await send(2, 'tools/list', {});
  await call('getPet', PET);
  await send(3, 'initialize', {});
  const cancel = new Cancel();
  const listening = send(
    4,
    'subscriptions/listen',
    { notifications: { toolsListChanged: true, promptsListChanged: true } },
    { cancel },
  );
  const closing = send(5, 'subscriptions/listen', {});
  await change();
  const [discovered, list, called, refused, one, two, ...told] = said.map(({ message }) => message as Loose);
  assert.deepEqual(discovered?.result?.['supportedVersions'], ['2026-07-28']);
  for (const { result } of [discovered, list, called] as Loose[])
    assert.equal(result?.['resultType'], 'complete');
  assert.equal(list?.result?.['cacheScope'], 'public');
  assert.deepEqual(called?.result?.['structuredContent'], { id: 1, name: 'Rex' });
  assert.equal(refused?.error?.['code'], -32601);
  const tagged = (id: number) => ({ _meta: { 'io.modelcontextprotocol/subscriptionId': id } });
  assert.deepEqual(one?.params, { ...tagged(4), notifications: { toolsListChanged: true } });
  assert.deepEqual(two?.params, { ...tagged(5), notifications: {} });
  assert.deepEqual(
    told.map((message) => message?.params),
    [tagged(4)],
  );
  cancel.cancel(new Error('enough'));
  await listening;
  await change();
  assert.equal(said.length, 7);
  wire.close();
  await closing;
});

test('a legacy client hears of changes by itself', async (t) => {
  const { said, api, change } = world(t, replying(200, '{}'));
  await api.current();
  await change();
  assert.deepEqual(
    said.map(({ message, origin }) => [message.method, origin]),
    [['notifications/tools/list_changed', undefined]],
  );
});

test('a tool that does not exist is an error of the protocol, a wrong argument one of the tool', async (t) => {
  const { call, said, requests } = world(t, replying(200, '{}'));
  await call('gone', {});
  await call('getPet', {});
  assert.equal(said[0]?.message.error?.code, -32602);
  assert.equal(said[1]?.message.result?.isError, true);
  assert.equal(requests.length, 0);
});

test('what became of a call is written down: who refused it, and with which status', async (t) => {
  const written = async (answer: () => Promise<UpstreamReply>, name: string, given: object) => {
    const record: NonNullable<Outgoing['record']> = { reason: 'of a try before' };
    await world(t, answer).call(name, given, { record });
    return [record.reason, record.upstreamStatus];
  };
  const fine = replying(200, '{"id":1,"name":"Rex"}');
  assert.deepEqual(await written(fine, 'getPet', PET), [undefined, 200]);
  assert.deepEqual(await written(fine, 'getPet', {}), ['INVALID_PARAMS', undefined]);
  assert.deepEqual(await written(fine, 'gone', {}), ['UNKNOWN_ITEM', undefined]);
  assert.deepEqual(await written(replying(500, '{}'), 'getPet', PET), ['UPSTREAM_STATUS', 500]);
  const other = replying(200, '{"id":"1","isError":true}');
  assert.deepEqual(await written(other, 'getPet', PET), ['UPSTREAM_PROTOCOL', 200]);
});

test('a call that is cancelled ends its request, and nothing is said of it', async (t) => {
  const { call, said } = world(t, ({ cancel }) => new Promise((_, reject) => cancel?.onCancel(reject)));
  const cancel = new Cancel();
  const calling = call('getPet', PET, { cancel });
  await new Promise(setImmediate);
  cancel.cancel(new GatewayError('CANCELLED', 'by the client'));
  await assert.rejects(calling, /by the client/);
  assert.deepEqual(said, []);
});

test('what the API cannot be blamed for is thrown; a refusal with credentials is a result', async (t) => {
  const failing = (error: GatewayError) => world(t, () => Promise.reject(error)).call('getPet', PET);
  await assert.rejects(failing(new GatewayError('UPSTREAM_CONNECT', 'refused')), /refused/);
  await assert.rejects(
    failing(new GatewayError('CREDENTIALS_UNAVAILABLE', 'no', { data: { upstreamStatus: 401 } })),
    /no/,
  );
  const forbidden = new GatewayError('UPSTREAM_STATUS', 'the upstream answered HTTP 403: not yours', {
    data: { upstreamStatus: 403 },
  });
  const { call, said } = world(t, () => Promise.reject(forbidden));
  await call('getPet', PET);
  assert.deepEqual(said[0]?.message.result, {
    content: [{ type: 'text', text: forbidden.message }],
    isError: true,
  });
});

test('a reply that breaks off is no result', async (t) => {
  const broken = async (): Promise<UpstreamReply> => {
    const body = new Flow();
    body.push(Buffer.from('{"id":'));
    setImmediate(() => body.fail(new GatewayError('UPSTREAM_CLOSED', 'broke off')));
    return { status: 200, headers: JSON_HEAD, body };
  };
  const { call, said } = world(t, broken);
  await assert.rejects(call('getPet', PET), /broke off/);
  assert.deepEqual(said, []);
});

test('of a reply that is too long the rest is not fetched', async (t) => {
  let cancelled = false;
  const endless = async (): Promise<UpstreamReply> => {
    const cancel = (): void => {
      cancelled = true;
    };
    const source = { pause() {}, resume() {}, cancel };
    const body = new Flow(source);
    const more = (): void => {
      if (cancelled) return;
      body.push(Buffer.alloc(64 * 1024, 'x'));
      setImmediate(more);
    };
    more();
    return { status: 200, headers: ['content-type', 'text/plain'], body };
  };
  const { call, said } = world(t, endless);
  await call('large', {});
  assert.equal(cancelled, true);
  assert.match(said[0]?.message.result?.content?.[0]?.text ?? '', /cut after 1048576 bytes/);
});

test("the gateway's and the client's headers stand above those of arguments; cookies are joined", async (t) => {
  const { wire, call, requests } = world(t, replying(200, '[]'), {
    headers: ['authorization', 'Bearer client', 'Cookie', 'a=1'],
  });
  const headers = () => {
    const flat = requests.at(-1)?.headers ?? [];
    return flat.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${flat[at + 1]}`] : []));
  };
  await call('listPets', { header: { 'X-Request-Id': 'mine' } }, { headers: ['traceparent', '00-1'] });
  for (const expected of [
    'x-request-id: mine',
    'authorization: Bearer client',
    'cookie: a=1',
    'traceparent: 00-1',
    'user-agent: gateway',
  ])
    assert.ok(headers().includes(expected), `${expected} in ${headers()}`);
  await call('listPets', { header: { 'X-Request-Id': 'mine' } }, { client: ['x-request-id', 'theirs'] });
  assert.ok(headers().includes('x-request-id: theirs'));
  assert.ok(!headers().some((header) => /mine|Bearer/.test(header)));
  await call('listPets', {}, { client: ['user-agent', 'own'] });
  assert.deepEqual(
    headers().filter((header) => header.startsWith('user-agent')),
    ['user-agent: own'],
  );
  wire.show(['authorization', 'Bearer renewed']);
  await call('listPets', {});
  assert.ok(headers().includes('authorization: Bearer renewed'));
});

test('a closed wire takes nothing and says nothing', async (t) => {
  const { wire, call, said, send } = world(t, async () => {
    wire.close();
    return replying(200, '{}')();
  });
  await call('getPet', PET);
  assert.deepEqual(said, []);
  await assert.rejects(send(9, 'ping', {}), /closed/);
});
