import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { Flow, FlowLimitError, type FlowSource, type Sink } from './flow.ts';

const KIB = Buffer.alloc(1024, 'k');

/** Notes what a producer is asked and what a sink is given, in order. */
class Notes implements FlowSource, Sink {
  readonly all: string[] = [];
  pause = (): void => void this.all.push('pause');
  resume = (): void => void this.all.push('resume');
  cancel = (reason: Error): void => void this.all.push(`cancel ${reason.message}`);
  data = (chunk: Buffer): void => void this.all.push(`data ${chunk}`);
  end = (trailers: readonly string[] | undefined): void =>
    void this.all.push(`end${trailers ? ` ${trailers.join('=')}` : ''}`);
  fail = (error: Error): void => void this.all.push(`fail ${error.message}`);
}

test('what comes before the sink is kept and delivered first, in order', () => {
  const notes = new Notes();
  const flow = new Flow();
  flow.push(Buffer.from('a'));
  flow.push(Buffer.from('b'));
  flow.to(notes);
  flow.push(Buffer.from('c'));
  flow.end(['x-sum', '3']);
  assert.deepEqual(notes.all, ['data a', 'data b', 'data c', 'end x-sum=3']);
});

test('an end or a failure before the sink is told after what came before it', () => {
  const ended = new Notes();
  const whole = Flow.of('text');
  whole.to(ended);
  assert.deepEqual(ended.all, ['data text', 'end']);
  const failed = new Notes();
  const broken = new Flow();
  broken.push(Buffer.from('half'));
  broken.fail(new Error('gone'));
  broken.to(failed);
  assert.deepEqual(failed.all, ['data half', 'fail gone']);
});

test('nothing follows an end or a failure', () => {
  for (const finish of [(flow: Flow) => flow.end(), (flow: Flow) => flow.fail(new Error('gone'))]) {
    const notes = new Notes();
    const flow = new Flow(notes);
    flow.to(notes);
    finish(flow);
    const told = notes.all.length;
    flow.push(Buffer.from('late'));
    flow.end();
    flow.fail(new Error('late'));
    flow.cancel(new Error('late'));
    assert.equal(notes.all.length, told);
  }
});

test('a flow has one sink', () => {
  const flow = Flow.of('x');
  flow.to(new Notes());
  assert.throws(() => flow.to(new Notes()), /one sink/);
});

test('a whole body is one buffer, until somebody reads it or it is not whole', () => {
  const bytes = Buffer.from('one chunk');
  assert.equal(Flow.of(bytes).whole(), bytes);
  assert.equal(Flow.empty().whole()?.length, 0);
  const two = new Flow();
  two.push(Buffer.from('a'));
  assert.equal(two.whole(), undefined);
  two.push(Buffer.from('b'));
  two.end();
  assert.equal(two.whole()?.toString(), 'ab');
  two.to(new Notes());
  assert.equal(two.whole(), undefined);
  const trailed = new Flow();
  trailed.end(['x', 'y']);
  assert.equal(trailed.whole(), undefined);
  const failed = new Flow();
  failed.fail(new Error('gone'));
  assert.equal(failed.whole(), undefined);
});

test('a finished body in pieces is handed over as it is, whole or piece by piece', () => {
  const pieces = [Buffer.from('a'), Buffer.from('b')];
  const flow = Flow.inPieces(pieces);
  assert.deepEqual(flow.pieces(), pieces);
  assert.equal(flow.pieces()?.[0], pieces[0]);
  assert.equal(flow.whole()?.toString(), 'ab');
  const notes = new Notes();
  flow.to(notes);
  assert.deepEqual(notes.all, ['data a', 'data b', 'end']);
  assert.equal(flow.pieces(), undefined);
  assert.equal(new Flow().pieces(), undefined);
});

test('a producer that goes on before the sink is there is paused once, and resumed with the sink', () => {
  const notes = new Notes();
  const flow = new Flow(notes);
  for (let pushed = 0; pushed < 64; pushed += 1) flow.push(KIB);
  assert.deepEqual(notes.all, []);
  flow.push(KIB);
  flow.push(KIB);
  assert.deepEqual(notes.all, ['pause']);
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
  };
  flow.to({ ...new Notes(), data: count });
  assert.equal(bytes, 66 * 1024);
  assert.deepEqual(notes.all, ['pause', 'resume']);
});

test('a sink that pauses while it is given the early chunks is not resumed over its head', () => {
  const notes = new Notes();
  const flow = new Flow(notes);
  for (let pushed = 0; pushed < 65; pushed += 1) flow.push(KIB);
  flow.to({ ...new Notes(), data: () => flow.pause() });
  assert.ok(!notes.all.includes('resume'));
  flow.resume();
  assert.equal(notes.all.at(-1), 'resume');
});

test('pausing, resuming and cancelling reach the producer', () => {
  const notes = new Notes();
  const flow = new Flow(notes);
  flow.pause();
  flow.resume();
  flow.cancel(new Error('enough'));
  assert.deepEqual(notes.all, ['pause', 'resume', 'cancel enough']);
});

test('a body is collected whole, however it is cut and whenever it is asked for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 })), fc.nat(10), async (chunks, early) => {
      const flow = new Flow();
      const all = chunks.map((chunk) => Buffer.from(chunk));
      for (const chunk of all.slice(0, early)) flow.push(chunk);
      const collected = flow.collect(10_000);
      for (const chunk of all.slice(early)) flow.push(chunk);
      flow.end();
      assert.deepEqual(await collected, Buffer.concat(all));
    }),
    { seed: SEED },
  );
});

test('a body past the limit cancels its producer and says the limit', async () => {
  const notes = new Notes();
  const flow = new Flow(notes);
  const collected = flow.collect(1024);
  flow.push(KIB);
  assert.deepEqual(notes.all, []);
  flow.push(Buffer.from('!'));
  flow.push(KIB);
  await assert.rejects(collected, (error) => error instanceof FlowLimitError && error.limit === 1024);
  assert.deepEqual(notes.all, ['cancel body is longer than 1024 bytes']);
});

test('a failure while collecting rejects with it', async () => {
  const flow = new Flow();
  const collected = flow.collect(10);
  flow.push(Buffer.from('x'));
  flow.fail(new Error('gone'));
  await assert.rejects(collected, /gone/);
});
