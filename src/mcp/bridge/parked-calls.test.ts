import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Attendance,
  CountedCancel,
  ParkedWorld,
  requestMessage,
  type TestParked,
} from '../../../test/fixtures/parked-world.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import { readMessage } from '../message.ts';

const nothingLeft = ({ calls, ports }: ParkedWorld): void =>
  assert.deepEqual(
    { calls: calls.size, bytes: calls.bytes, timers: ports.clock.waiting },
    { calls: 0, bytes: 0, timers: 0 },
  );

async function parkedIn(world: ParkedWorld, visitor = world.visitor): Promise<[TestParked, Attendance]> {
  const parked = world.begin({ visitor });
  const attendance = parked.attend();
  parked.ask();
  await attendance.settled;
  return [parked, attendance];
}

test('a call that asks nothing has no place, no timer and no state, however long it takes', async () => {
  const seal = (): never => assert.fail('sealed');
  const world = new ParkedWorld({ seal, maxEach: 0 });
  const parked = world.begin();
  const attendance = parked.attend();
  nothingLeft(world);
  assert.equal(parked.cancel.listeners, 0);
  await world.ports.clock.advance(3_600_000);
  parked.finish();
  await attendance.settled;
  assert.equal(attendance.state, 'answered');
});

test('nobody comes back: the call is cancelled at its deadline, and the retry is told that it is gone', async () => {
  const world = new ParkedWorld({ ttlMs: 5000 });
  const [parked, { input }] = await parkedIn(world);
  await world.ports.clock.advance(4999);
  assert.equal(parked.cancel.cancelled, false);
  await world.ports.clock.advance(1);
  assert.match(parked.cancel.reason?.message ?? '', /did not answer within 5000 ms/);
  assert.throws(() => world.retry(input.requestState), {
    code: 'STATE_INVALID',
    message: /stayed away for 5 s/,
  });
  nothingLeft(world);
});

test('the deadline stands still while an exchange attends, and begins anew with each round', async () => {
  const world = new ParkedWorld({ ttlMs: 5000 });
  const [parked, first] = await parkedIn(world);
  await world.ports.clock.advance(4000);
  const second = world.retry(first.input.requestState, { q1: {} });
  await world.ports.clock.advance(60_000);
  assert.equal(second.state, 'waiting');
  parked.ask();
  await second.settled;
  await world.ports.clock.advance(4000);
  assert.equal(parked.cancel.cancelled, false);
  await world.ports.clock.advance(1000);
  assert.equal(parked.cancel.cancelled, true);
  nothingLeft(world);
});

test('a retry that is refused does not put the deadline off', async () => {
  const world = new ParkedWorld({ ttlMs: 5000 });
  const [parked, { input }] = await parkedIn(world);
  await world.ports.clock.advance(4000);
  assert.throws(() => world.retry(input.requestState, { q1: 'no object' }), { code: 'INVALID_PARAMS' });
  assert.throws(() => world.retry(input.requestState, {}, { method: 'prompts/get' }), {
    code: 'STATE_INVALID',
  });
  await world.ports.clock.advance(1000);
  assert.equal(parked.cancel.cancelled, true);
});

test('an outcome is kept no longer than the call would have been', async () => {
  const world = new ParkedWorld({ ttlMs: 5000 });
  const [parked, { input }] = await parkedIn(world);
  await world.ports.clock.advance(4000);
  parked.finish();
  await world.ports.clock.advance(1000);
  assert.throws(() => world.retry(input.requestState), { code: 'STATE_INVALID' });
  nothingLeft(world);
});

test('a question that comes when no exchange has attended yet does not wait for ever', async () => {
  const world = new ParkedWorld({ ttlMs: 5000 });
  const question = world.begin().ask();
  await world.ports.clock.advance(5000);
  assert.equal(question.heard, 'CANCELLED');
  nothingLeft(world);
});

test('the caps of one client and of all: one more question is refused, the call itself goes on', async () => {
  const world = new ParkedWorld({ maxEach: 2, maxTotal: 3 });
  const [mine, other] = [{}, {}];
  const first = await parkedIn(world, mine);
  await parkedIn(world, mine);
  const refused = async (visitor: object): Promise<void> => {
    const parked = world.begin({ visitor });
    const attendance = parked.attend();
    const question = parked.ask();
    await settled();
    assert.deepEqual([question.heard, attendance.state], ['OVERLOADED', 'waiting']);
    parked.finish();
    await attendance.settled;
    assert.equal(attendance.state, 'answered');
  };
  await refused(mine);
  await parkedIn(world, other);
  await refused(other);
  first[0].cancel.cancel(new Error('over'));
  await parkedIn(world, mine);
  assert.equal(world.calls.size, 3);
});

test('a second question of a call needs no second place', async () => {
  const world = new ParkedWorld({ maxEach: 1 });
  const [parked, first] = await parkedIn(world);
  const second = world.retry(first.input.requestState, { q1: {} });
  parked.ask();
  await second.settled;
  assert.deepEqual([second.state, world.calls.size], ['input', 1]);
});

test('one call holds no more than 64 questions', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const attendance = parked.attend();
  const questions = Array.from({ length: 65 }, () => parked.ask());
  await attendance.settled;
  assert.equal(Object.keys(attendance.input.inputRequests).length, 64);
  assert.deepEqual([questions[63]?.heard, questions[64]?.heard], ['waiting', 'OVERLOADED']);
});

test('what is kept is bounded in bytes: a request, a question, a result that do not fit', async () => {
  const long = 'x'.repeat(600);
  const world = new ParkedWorld({ maxBytes: 1000 });
  const large = world.begin({ params: { text: long, more: long } });
  assert.equal(await heard(large.ask()), 'OVERLOADED');
  nothingLeft(world);

  const asking = world.begin();
  const waiting = asking.attend();
  assert.equal(await heard(asking.ask('elicitation/create', { message: long + long })), 'OVERLOADED');
  assert.equal(waiting.state, 'waiting');
  asking.finish();
  nothingLeft(world);

  const [parked, first] = await parkedIn(world);
  parked.finish({ text: long + long });
  const second = world.retry(first.input.requestState);
  await second.settled;
  assert.equal(second.state, 'OVERLOADED');
  nothingLeft(world);
});

test('a request is counted with the white space around it', async () => {
  const world = new ParkedWorld({ maxBytes: 1000 });
  const asking = world.asking({});
  const { text } = asking.message;
  const padded = Buffer.concat([Buffer.alloc(2000, ' '), text.bytes]);
  const parked = world.calls.begin({ ...asking, message: readMessage(padded), cancel: new CountedCancel() });
  const question = { message: requestMessage({ method: 'roots/list' }), cancel: new Cancel(), progress() {} };
  await assert.rejects(parked.ask(question), { code: 'OVERLOADED' });
  nothingLeft(world);
});

test('a request that brought an answer is not kept behind its round, nor one that was refused', async () => {
  const world = new ParkedWorld();
  const [parked, first] = await parkedIn(world);
  const kept: WeakRef<object>[] = [];
  const resume = (inputResponses: string): void => {
    const asking = world.asking({ id: 2 });
    kept.push(new WeakRef(asking));
    const call = world.calls.resume({ kind: 'parked', owner: 'here', id: '1' }, asking);
    call.answer(Buffer.from(inputResponses));
    void call.attend({ notify() {} });
  };
  assert.throws(() => resume('{"q1":1}'), { code: 'INVALID_PARAMS' });
  resume('{"q1":{}}');
  await settled();
  parked.ask();
  await settled();
  collectGarbage();
  assert.deepEqual([first.state, kept.map((each) => each.deref())], ['input', [undefined, undefined]]);
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function heard(question: { readonly heard: string }): Promise<string> {
  await settled();
  return question.heard;
}

test('an answered question frees its bytes', async () => {
  const world = new ParkedWorld();
  const [, first] = await parkedIn(world);
  const before = world.calls.bytes;
  world.retry(first.input.requestState, { q1: {} });
  assert.ok(world.calls.bytes > 0 && world.calls.bytes < before);
});

test('a visitor that ends takes its parked calls along, and no others', async () => {
  const world = new ParkedWorld();
  const [mine, other] = [{}, {}];
  const [own, foreign] = [await parkedIn(world, mine), await parkedIn(world, other)];
  world.calls.endOf(mine, new GatewayError('CANCELLED', 'the client is gone'));
  world.calls.endOf({}, new Error('nobody'));
  assert.deepEqual(
    [own[0].cancel.cancelled, foreign[0].cancel.cancelled, world.calls.size],
    [true, false, 1],
  );
});

test('closing ends everything that is parked, and nothing is parked afterwards', async () => {
  const world = new ParkedWorld();
  const [parked] = await parkedIn(world);
  const [continued, first] = await parkedIn(world);
  const attendance = world.retry(first.input.requestState, { q1: {} });
  world.calls.close();
  await attendance.settled;
  assert.deepEqual(
    [parked.cancel.cancelled, continued.cancel.cancelled, attendance.state],
    [true, true, 'SHUTTING_DOWN'],
  );
  nothingLeft(world);
  const late = world.begin();
  const waiting = late.attend();
  assert.equal(await heard(late.ask()), 'SHUTTING_DOWN');
  late.finish();
  await waiting.settled;
  assert.equal(waiting.state, 'answered');
  nothingLeft(world);
});

test('the state of another process, or of this one before it was started again, leads nowhere', async () => {
  const world = new ParkedWorld();
  const [, { input }] = await parkedIn(world);
  const elsewhere = world.states.forParked({ id: '1', owner: 'there', principal: 'alice' });
  const unknown = world.states.forParked({ id: '99', owner: 'here', principal: 'alice' });
  for (const state of [elsewhere, unknown])
    assert.throws(() => world.retry(state), { code: 'STATE_INVALID', message: /in another process/ });
  assert.equal(world.retry(input.requestState, { q1: {} }).state, 'waiting');
});

test('questions that are read one by one are still one round', async () => {
  const world = new ParkedWorld({ gather: undefined });
  const parked = world.begin();
  const attendance = parked.attend();
  parked.ask('roots/list');
  await world.ports.clock.advance(5);
  parked.ask();
  await world.ports.clock.advance(4);
  assert.equal(attendance.state, 'waiting');
  await world.ports.clock.advance(1);
  await attendance.settled;
  assert.deepEqual(Object.keys(attendance.input.inputRequests), ['q1', 'q2']);
});

test('a call that ends while its questions are gathered leaves no timer', async () => {
  const world = new ParkedWorld({ gather: undefined });
  const parked = world.begin();
  const attendance = parked.attend();
  parked.ask('roots/list');
  parked.cancel.cancel(new GatewayError('CANCELLED', 'gone'));
  await attendance.settled;
  assert.equal(world.ports.clock.waiting, 0);
});
