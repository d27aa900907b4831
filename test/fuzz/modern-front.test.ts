/**
 * The modern front under malformed envelopes, headers and states: whatever comes is answered, with the request's id
 * where it could be read, and nothing falls over or hangs. Seeds are fixed; a failure prints how to replay it.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { startWorld } from '../fixtures/mcp-world.ts';
import { answered, damaged, header, json, text } from './arbitraries.ts';
import { ENVELOPE, MODERN, PREFIX, requests } from './modern-requests.ts';
import { exchange, type RawReply } from './raw-http.ts';

const world = await startWorld({
  targets: { one: {}, two: { over: 'stdio' }, three: { raw: { era: 'modern' } } },
  mcp: { callTimeout: '500ms' },
});
after(() => world.close());
const port = Number(new URL(world.gateway.url).port);

const SEED = 20_260_728;
const settings = (numRuns: number): fc.Parameters<unknown> => ({ seed: SEED, numRuns, endOnFailure: true });

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
