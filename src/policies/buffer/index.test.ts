import assert from 'node:assert/strict';
import { PassThrough, type Readable } from 'node:stream';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { replyOf, testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { Attempt } from '../../core/attempt.ts';
import type { Answer, Exchange, Reply } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';
import { bufferSchema } from './schema.ts';

function layer(config: object, next: (exchange: Exchange) => Promise<Answer>) {
  return (policyBench('buffer').build(config).exchange ?? assert.fail('no layer'))(next);
}

/** A request that is still being sent, without a length. */
function sending(): { stream: PassThrough; exchange: Exchange } {
  const stream = new PassThrough();
  const body = {
    length: undefined,
    read: () => assert.fail('not to be read whole'),
    stream: (): Readable => stream,
  };
  return { stream, exchange: new Attempt(testExchange({ method: 'POST' }), { body }) };
}

const OPEN = { request: { maxBytes: 4, failureMode: 'failOpen' } };

test('a request without a length goes on when it is whole, and has one then', async () => {
  const reached: (number | undefined)[] = [];
  const serve = layer(OPEN, async ({ body }) => {
    reached.push(body.length);
    return { status: 200, headers: [], body: Flow.of(String(body.stream())) };
  });
  const { stream, exchange } = sending();
  const answered = serve(exchange);
  stream.write('ab');
  await settled();
  assert.deepEqual(reached, []);
  stream.end('cd');
  assert.equal(await textOf(replyOf(await answered)), 'abcd');
  assert.deepEqual(reached, [4]);
});

test('one that is larger than what is held streams on from its beginning, and can be read whole once more', async () => {
  for (const limit of [undefined, 8, 6]) {
    const serve = layer(OPEN, async ({ body }) => {
      assert.equal(body.length, undefined);
      if (limit !== undefined) return { status: 200, headers: [], body: Flow.of(await body.read(limit)) };
      let text = '';
      for await (const chunk of body.stream()) text += String(chunk);
      return { status: 200, headers: [], body: Flow.of(text) };
    });
    const { stream, exchange } = sending();
    const answered = serve(exchange);
    for (const text of ['ab', 'cde']) stream.write(text);
    await settled();
    stream.end('fgh');
    if (limit === 6) await assert.rejects(answered, { code: 'BODY_TOO_LARGE' });
    else assert.equal(await textOf(replyOf(await answered)), 'abcdefgh');
  }
});

test('a client that goes away while its request is held is gone', async () => {
  const { stream, exchange } = sending();
  const answered = layer(OPEN, () => assert.fail('reached'))(exchange);
  stream.write('ab');
  await settled();
  stream.destroy();
  await assert.rejects(answered, { code: 'CANCELLED' });
});

test('a reply is held with its trailers; what is too large is given back to its source', async () => {
  const told: string[] = [];
  const source = { pause() {}, resume() {}, cancel: (reason: Error) => void told.push(reason.message) };
  const reply = (text: string): Reply => {
    const body = new Flow(source);
    body.push(Buffer.from(text));
    if (text.length < 5) body.end(['x-sum', '1']);
    return { status: 200, headers: [], body };
  };
  const config = { response: { maxBytes: 4 } };
  const { body } = replyOf(await layer(config, async () => reply('abcd'))(testExchange({})));
  const ended: unknown[] = [];
  body.to({ data: (chunk) => ended.push(String(chunk)), end: (list) => ended.push(list), fail: assert.fail });
  assert.deepEqual(ended, ['abcd', ['x-sum', '1']]);
  await assert.rejects(layer(config, async () => reply('abcde'))(testExchange({})), {
    code: 'UPSTREAM_MESSAGE_TOO_LARGE',
  });
  assert.equal(told.length, 1);
});

test('what never ends does not wait', async () => {
  const answers: Answer[] = [
    { status: 101, headers: [], attach() {} },
    { status: 200, headers: ['content-type', 'text/event-stream'], body: new Flow() },
  ];
  for (const answer of answers)
    assert.equal(await layer({ response: { maxBytes: 1 } }, async () => answer)(testExchange({})), answer);
  const listening = testExchange({ headers: { accept: 'text/event-stream' } });
  const silent = { status: 200, headers: [], body: new Flow() };
  assert.equal(await layer({ response: { maxBytes: 1 } }, async () => silent)(listening), silent);
});

test('something is said', () => {
  for (const wrong of [
    {},
    { request: {} },
    { request: { maxBytes: 0 } },
    { request: { maxBytes: '2GiB' } },
    { request: { maxBytes: '1MB' } },
    { request: { maxBytes: 1, mode: 'x' } },
  ])
    assert.throws(() => bufferSchema.parse(wrong), JSON.stringify(wrong));
  assert.equal(bufferSchema.parse({ request: { maxBytes: '1MiB' } }).request?.maxBytes, 1024 ** 2);
});
