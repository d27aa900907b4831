/**
 * The modern front under malformed envelopes, headers and states: whatever comes is answered, with the request's id
 * where it could be read, and nothing falls over or hangs. Seeds are fixed; a failure prints how to replay it.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { startWorld } from '../fixtures/mcp-world.ts';
import { answered, damaged, header, json, member, text } from './arbitraries.ts';
import { exchange, type RawReply } from './raw-http.ts';

const world = await startWorld({
  targets: { one: {}, two: { over: 'stdio' }, three: { raw: { era: 'modern' } } },
  mcp: { callTimeout: '500ms' },
});
after(() => world.close());
const port = Number(new URL(world.gateway.url).port);

const SEED = 20_260_728;
const settings = (numRuns: number): fc.Parameters<unknown> => ({ seed: SEED, numRuns, endOnFailure: true });

const PREFIX = 'io.modelcontextprotocol/';
const MODERN = '2026-07-28';
const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {} };
const ENVELOPE = {
  [`${PREFIX}protocolVersion`]: MODERN,
  [`${PREFIX}clientCapabilities`]: CAPABILITIES,
  [`${PREFIX}clientInfo`]: { name: 'stranger', version: '1' },
};

const METHODS = [
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/list',
  'completion/complete',
  'subscriptions/listen',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'notifications/cancelled',
  'notifications/initialized',
];

const NAMES = ['one_echo', 'two_echo', 'three_echo', 'one_greet', 'nothing'];
const URIS = ['one+raw://one', 'three+raw://one', '+', 'ui://one+x'];

const meta = fc.record(
  {
    [`${PREFIX}protocolVersion`]: member(fc.constantFrom(MODERN, MODERN, MODERN, '2025-11-25', '2027-01-01')),
    [`${PREFIX}clientCapabilities`]: member(fc.constantFrom({}, CAPABILITIES)),
    [`${PREFIX}clientInfo`]: member(fc.constant({ name: 'stranger', version: '1' })),
    [`${PREFIX}logLevel`]: member(fc.constantFrom('debug', 'error')),
    [`${PREFIX}subscriptionId`]: json,
    progressToken: json,
    traceparent: json,
    extra: json,
  },
  { requiredKeys: [] },
);

const filter = fc.record(
  {
    toolsListChanged: member(fc.boolean()),
    resourceSubscriptions: member(fc.array(fc.constantFrom(...URIS), { maxLength: 3 })),
    taskIds: member(fc.array(text, { maxLength: 3 })),
  },
  { requiredKeys: [] },
);

/** `odd`: how likely each member is something else than it is meant to be. */
const requests = (odd: number): fc.Arbitrary<unknown> => {
  const usual = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 10 - odd, arbitrary }, { weight: odd, arbitrary: json });
  const params = fc.record(
    {
      name: usual(fc.constantFrom(...NAMES)),
      arguments: usual(fc.constant({})),
      uri: usual(fc.constantFrom(...URIS)),
      taskId: usual(text),
      cursor: json,
      ref: usual(fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource'), name: text, uri: text })),
      notifications: usual(filter),
      requestState: usual(text),
      inputResponses: usual(fc.dictionary(fc.constantFrom('q1', 'q2', '__proto__'), json)),
      task: json,
      _meta: fc.oneof(
        { weight: 10 - odd, arbitrary: fc.constant(ENVELOPE) },
        { weight: odd, arbitrary: fc.oneof(meta, json) },
      ),
    },
    { requiredKeys: odd > 1 ? [] : ['_meta'] },
  );
  return fc.record(
    {
      jsonrpc: odd > 1 ? usual(fc.constant('2.0')) : fc.constant('2.0'),
      id: usual(fc.oneof(fc.nat(), text)),
      method: usual(fc.constantFrom(...METHODS)),
      params: odd > 1 ? usual(params) : params,
    },
    { requiredKeys: odd > 1 ? ['jsonrpc', 'method'] : ['jsonrpc', 'method', 'params'] },
  );
};

const headers = fc.record({
  'content-type': header('application/json', 'application/json; charset=utf-8'),
  accept: header('application/json, text/event-stream', '*/*'),
  'mcp-protocol-version': header(MODERN, MODERN, ` ${MODERN} `, '2025-11-25', '2027-01-01'),
  'mcp-method': header('SAME', 'SAME', 'SAME', 'tools/list'),
  'mcp-name': header('SAME', 'SAME', '=?base64?YQ==?=', '=?base64?*?=', '=?base64??='),
  'mcp-param-region': header('eu', '=?base64?w?='),
  'mcp-session-id': header('x'),
  traceparent: header('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
});

const GOOD: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': MODERN,
  'mcp-method': 'SAME',
  'mcp-name': 'SAME',
};

interface Sent {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Of the body, when it is JSON; what it claims is for the headers to repeat. */
function readable(body: Buffer): { id?: unknown; method?: unknown; params?: Record<string, unknown> } {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function wire({ body, headers: wanted }: Sent): Buffer {
  const { method, params } = readable(body);
  const name = params?.['name'] ?? params?.['uri'] ?? params?.['taskId'];
  const same: Readonly<Record<string, unknown>> = { 'mcp-method': method, 'mcp-name': name };
  const lines = Object.entries(wanted).flatMap(([key, value]) => {
    const said = value === 'SAME' ? same[key] : value;
    return typeof said === 'string' && /^[\t\x20-\x7e]*$/.test(said) ? [`${key}: ${said}`] : [];
  });
  const head = ['POST /mcp HTTP/1.1', `host: localhost:${port}`, ...lines, `content-length: ${body.length}`];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** The body came as bytes. */
function parsed({ body }: RawReply): unknown {
  return JSON.parse(Buffer.from(body, 'latin1').toString());
}

/** An answer is one of JSON-RPC, and to the request that was sent. */
function answers(reply: RawReply, { body }: Sent): void {
  if (reply.status === 202 || reply.type.startsWith('text/event-stream')) return;
  const response = parsed(reply) as {
    jsonrpc?: unknown;
    id?: unknown;
    error?: unknown;
    result?: unknown;
  };
  assert.equal(response.jsonrpc, '2.0', reply.body);
  assert.ok((response.error === undefined) !== (response.result === undefined), reply.body);
  if (response.result !== undefined) assert.equal(reply.status, 200);
  const { id } = readable(body);
  if (response.id !== null) assert.deepEqual(response.id, id, reply.body);
  else assert.ok(response.error, reply.body);
}

async function healthy(): Promise<void> {
  assert.equal(world.gateway.exitCode(), undefined, world.gateway.tail());
  for (const target of ['one', 'two', 'three']) {
    const name = `${target}_echo`;
    const params = { name, arguments: { a: 1 }, _meta: ENVELOPE };
    const call = { jsonrpc: '2.0', id: 'h', method: 'tools/call', params };
    const sent = { body: Buffer.from(JSON.stringify(call)), headers: GOOD };
    const reply = await exchange(port, wire(sent));
    assert.ok(reply);
    assert.equal(reply.status, 200, reply.body);
    const { result } = parsed(reply) as { result?: { resultType?: string } };
    assert.equal(result?.resultType, 'complete', reply.body);
  }
}

async function survives(sent: fc.Arbitrary<Sent>, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(sent, async (each) => {
      const bytes = wire(each);
      const reply = await exchange(port, bytes);
      answered(reply, bytes.toString('latin1'));
      answers(reply, each);
    }),
    settings(runs),
  );
  await healthy();
}

test('malformed envelopes and headers are answered with the right id, and harm nobody', async () => {
  await healthy();
  await survives(fc.record({ body: damaged(requests(3)), headers }), 400);
});

test('so are requests that are nearly right, whatever they carry', async () => {
  const body = requests(1).map((value) => Buffer.from(JSON.stringify(value)));
  const usual = fc.oneof({ weight: 9, arbitrary: fc.constant(GOOD) }, { weight: 1, arbitrary: headers });
  await survives(fc.record({ body, headers: usual }), 800);
});

/** What is changed in a good request, and the error that answers it. */
interface Fault {
  readonly params?: Record<string, unknown>;
  readonly meta?: Record<string, unknown>;
  readonly headers?: Record<string, string | undefined>;
  readonly code: number;
}

const FAULTS: readonly Fault[] = [
  { meta: { [`${PREFIX}protocolVersion`]: undefined }, code: -32602 },
  { meta: { [`${PREFIX}clientCapabilities`]: undefined }, code: -32602 },
  { meta: { [`${PREFIX}clientCapabilities`]: [] }, code: -32602 },
  { headers: { 'mcp-protocol-version': undefined }, code: -32020 },
  { headers: { 'mcp-method': undefined }, code: -32020 },
  { headers: { 'mcp-name': undefined }, code: -32020 },
  { headers: { 'mcp-name': 'another' }, code: -32020 },
  { headers: { 'mcp-method': 'tools/list' }, code: -32020 },
  { params: { requestState: 'x' }, code: -32602 },
];

test('one fault alone is told with the id of the request, whatever else the request carries', async () => {
  // Longer ones are refused before anything else is looked at.
  const id = fc.oneof(fc.integer(), text).filter((each) => JSON.stringify(each).length <= 200);
  await fc.assert(
    fc.asyncProperty(id, fc.constantFrom(...FAULTS), json, async (own, fault, extra) => {
      const _meta = { ...ENVELOPE, extra, ...fault.meta };
      const given = { name: 'one_echo', arguments: {}, extra, ...fault.params, _meta };
      const call = { jsonrpc: '2.0', id: own, method: 'tools/call', params: given };
      const body = Buffer.from(JSON.stringify(call));
      const reply = await exchange(port, wire({ body, headers: { ...GOOD, ...fault.headers } }));
      assert.ok(reply);
      const response = parsed(reply) as { id: unknown; error?: { code: number } };
      const { id: sent } = JSON.parse(body.toString()) as { id: unknown };
      assert.deepEqual([reply.status, response.error?.code, response.id], [400, fault.code, sent]);
    }),
    settings(200),
  );
});

test('after all of it the log tells of no fault of the gateway', () => {
  assert.doesNotMatch(world.gateway.log(), /"reason":"INTERNAL"|INTERNAL|unhandled|uncaught/i);
});
