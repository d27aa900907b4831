import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flow } from '../lib/flow.ts';
import { held, streamsOn } from './reply-body.ts';

test('a body within the limit is held whole, trailers included', async () => {
  const flow = new Flow();
  const holding = held(flow, 4);
  flow.push(Buffer.from('ab'));
  flow.push(Buffer.from('cd'));
  flow.end(['x-sum', '1']);
  const body = await holding;
  assert.ok(!body.more);
  assert.deepEqual([body.bytes.toString(), body.trailers], ['abcd', ['x-sum', '1']]);
});

test('a longer one goes on with what has come, and its source is told to wait', async () => {
  const told: string[] = [];
  const flow = new Flow({
    pause: () => void told.push('pause'),
    resume: () => void told.push('resume'),
    cancel: ({ message }) => void told.push(message),
  });
  const holding = held(flow, 3);
  for (const text of ['ab', 'cd', 'x'.repeat(70_000)]) flow.push(Buffer.from(text));
  const { more } = await holding;
  assert.ok(more);
  assert.deepEqual(told, ['pause']);
  const rest = more.collect(100_000);
  assert.deepEqual(told, ['pause', 'resume']);
  flow.push(Buffer.from('ef'));
  flow.end();
  assert.match((await rest).toString(), /^abcdx{70000}ef$/);
});

test('one that breaks off, before or after the limit, has failed', async () => {
  for (const [limit, text] of [
    [10, 'ab'],
    [1, 'ab'],
  ] as const) {
    const flow = new Flow();
    const holding = held(flow, limit);
    flow.push(Buffer.from(text));
    flow.fail(new Error('broken'));
    await assert.rejects(async () => (await holding).more?.collect(10), /broken/);
  }
});

test('streams of events and calls of gRPC are not waited for', () => {
  const reply = (type: string) => ({ status: 200, headers: ['Content-Type', type] });
  for (const type of ['text/event-stream', 'text/event-stream; charset=utf-8', 'application/grpc+proto'])
    assert.ok(streamsOn(reply(type)), type);
  assert.ok(!streamsOn(reply('text/plain')));
  assert.ok(streamsOn({ status: 204, headers: [] }));
});
