/**
 * What each part of a call costs by itself: `node scripts/run.mjs bench/parts.ts`. In one process, without sockets;
 * the best of many short batches, which a busy machine disturbs little. When the whole becomes slower, the part that
 * became slower with it names the reason.
 */
import { randomBytes } from 'node:crypto';
import type { Answer, Exchange, Reply } from '../src/core/exchange.ts';
import { silentLog } from '../src/core/ports.ts';
import { type Layer, stack } from '../src/core/service.ts';
import type { NO_SIGNALS } from '../src/core/signals.ts';
import { Cancel } from '../src/lib/cancel.ts';
import { Flow } from '../src/lib/flow.ts';
import { findAnswer, resultMessage } from '../src/lib/json-rpc.ts';
import { Seal } from '../src/lib/seal.ts';
import { numberText, readMessage, SLOT, withMembers } from '../src/mcp/message.ts';
import { TokenSeal } from '../src/mcp/sessions/token.ts';
import { createAccessLog } from '../src/observe/access-log.ts';
import { createMetrics } from '../src/observe/metrics.ts';
import { createSignals } from '../src/observe/signals.ts';
import { ecKey, keySetText } from '../test/fixtures/issuer.ts';
import { policyBench, toolCall } from '../test/fixtures/policy-parts.ts';
import { testExchange } from '../test/fixtures/test-exchange.ts';
import { bearerOf, jwtAuth, localRateLimit, mcpAuthorization } from './guarded.ts';
import { callRecord, exchangeRecord } from './records.ts';
import { wholeCall } from './whole-call.ts';

const BATCH = 2000;
const SECONDS_EACH = 1;

interface Part {
  readonly name: string;
  run(): unknown;
}

function call(bytes: number): Buffer {
  const text = 'x'.repeat(bytes);
  return Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t0_echo","arguments":{"message":"${text}"}}}`,
  );
}

function answer(bytes: number): Buffer {
  return Buffer.from(
    `{"result":{"content":[{"type":"text","text":"${'x'.repeat(bytes)}"}]},"jsonrpc":"2.0","id":7}`,
  );
}

function jsonParts(): Part[] {
  const small = call(64);
  const large = call(16 * 1024);
  const message = readMessage(small);
  const result = answer(64);
  const found = findAnswer(result);
  const body = result.subarray(found?.start, found?.end);
  const id = Buffer.from('1');
  return [
    { name: 'JSON: read a call of 64 B', run: () => readMessage(small) },
    { name: 'JSON: read a call of 16 KiB', run: () => readMessage(large) },
    { name: 'JSON: JSON.parse of the call of 64 B, to compare', run: () => JSON.parse(small.toString()) },
    {
      name: 'JSON: splice id and name',
      run: () =>
        withMembers(message, [
          [SLOT.id, numberText(7)],
          [SLOT.name, Buffer.from('"echo"')],
        ]),
    },
    { name: 'JSON: find the answer of 64 B', run: () => findAnswer(result) },
    { name: 'JSON: write the answer', run: () => resultMessage(id, body) },
  ];
}

function sealedIds(): Part[] {
  const seal = new TokenSeal(new Seal(randomBytes(32), randomBytes));
  const token = seal.seal({
    sid: randomBytes(16).toString('base64url'),
    owner: randomBytes(6).toString('base64url'),
    backend: '0123456789abcdef',
    subject: '',
    issued: Date.now(),
    version: '2025-11-25',
    capabilities: '{"sampling":{},"elicitation":{}}',
    info: '{"name":"client","version":"1.0.0"}',
  });
  const known = new Map([[token, 1]]);
  // A token comes out of the HTTP parser as a new string each time, so its hash is not known yet.
  const bytes = Buffer.from(token);
  return [
    { name: 'sealed ids: found in the map (a hit)', run: () => known.get(bytes.toString('latin1')) },
    { name: 'sealed ids: opened (a miss)', run: () => seal.open(token) },
  ];
}

function layers(): Part[] {
  const end = (): Promise<number> => Promise.resolve(1);
  const layer: Layer<number, number> = (next) => async (request) => await next(request);
  const none = stack<number, number>([], end);
  const ten = stack<number, number>(Array<Layer<number, number>>(10).fill(layer), end);
  return [
    { name: 'layers: none', run: () => none(1) },
    { name: 'layers: ten that await', run: () => ten(1) },
  ];
}

function signals(): Part[] {
  const exchange = exchangeRecord();
  const one = callRecord();
  const both = (on: typeof NO_SIGNALS) => (): void => {
    on.exchangeEnded(exchange);
    on.callEnded(one);
  };
  const metrics = createMetrics();
  return [
    { name: 'signals: metrics of an exchange and a call', run: both(metrics) },
    {
      name: 'signals: metrics and fields of the access log',
      run: both(createSignals({ accessLog: createAccessLog(silentLog), metrics })),
    },
  ];
}

/** What is asked of who calls, of a client that has come before. */
async function doors(): Promise<Part[]> {
  const key = ecKey('bench');
  const bench = policyBench('jwtAuth');
  const bearer = await bearerOf(key, bench.ports.clock.now());
  let request = exchangeWith(bearer);
  const answered: Reply = { status: 200, headers: [], body: Flow.empty() };
  const { exchange: layer } = bench.build(jwtAuth(keySetText(key)));
  const authenticate = (layer as Layer<Exchange, Answer>)(async () => answered);
  const { mcp: guard } = policyBench('mcpAuthorization').build(mcpAuthorization);
  const { gate } = policyBench('localRateLimit').build([
    { ...localRateLimit[0], key: 'jwt.sub + mcp.tool.name' },
  ]);
  const { exchange: limit } = policyBench('localRateLimit').build(localRateLimit);
  const limited = (limit as Layer<Exchange, Answer>)(async () => answered);
  await authenticate(request);
  const known = request;
  const echo = toolCall('echo');
  const cancel = new Cancel();
  return [
    { name: 'doors: an exchange for the next one, to subtract', run: () => exchangeWith(bearer) },
    {
      name: 'doors: jwtAuth, with that exchange',
      run: () => {
        request = exchangeWith(bearer);
        return authenticate(request);
      },
    },
    { name: 'doors: three rules of mcpAuthorization', run: () => guard?.judge(echo, known) },
    { name: 'doors: a keyed limit on requests', run: () => limited(known) },
    { name: 'doors: a keyed limit on calls', run: () => gate?.enter(echo, known, cancel) },
  ];
}

function exchangeWith(bearer: string): Exchange {
  const headers = {
    host: 'localhost',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${bearer}`,
    'mcp-session-id': 'x'.repeat(200),
    'content-length': '100',
  };
  return testExchange({ method: 'POST', headers });
}

async function best({ run }: Part): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const end = performance.now() + SECONDS_EACH * 1000;
  while (performance.now() < end) {
    const start = performance.now();
    for (let at = 0; at < BATCH; at++) {
      const done = run();
      if (done instanceof Promise) await done;
    }
    least = Math.min(least, ((performance.now() - start) * 1000) / BATCH);
  }
  return least;
}

const ERAS = ['legacy', 'modern'] as const;
const pairs = ERAS.flatMap((client) => ERAS.map((servers) => [client, servers] as const));
const wholes = await Promise.all(pairs.map(([client, servers]) => wholeCall(client, servers)));
const parts: Part[] = [
  ...jsonParts(),
  ...sealedIds(),
  ...layers(),
  ...signals(),
  ...(await doors()),
  ...wholes.map(({ run }, index) => ({
    name: `the whole MCP path of a call, from request to reply: ${pairs[index]?.join('-')}`,
    run,
  })),
];
console.log('| part | us |\n|---|---:|');
for (const part of parts) console.log(`| ${part.name} | ${(await best(part)).toFixed(2)} |`);
for (const whole of wholes) whole.close();
