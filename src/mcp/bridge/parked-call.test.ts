import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ParkedWorld } from '../../../test/fixtures/parked-world.ts';
import { callOver, openedLink } from '../../../test/fixtures/scripted-link.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';

const gone = new GatewayError('CANCELLED', 'the client went away');
const ACCEPTED = { action: 'accept', content: {} };
const progress = (token: unknown): Buffer =>
  notificationMessage('notifications/progress', Buffer.from(JSON.stringify({ progressToken: token })));

test('a call that asks nothing is answered to the exchange that attends, and leaves nothing', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const attendance = parked.attend();
  parked.call.notify(progress(7), 'progress');
  parked.finish({ n: 1 });
  await attendance.settled;
  assert.deepEqual(attendance.response, { jsonrpc: '2.0', id: 1, result: { n: 1 } });
  assert.deepEqual(attendance.told, [`progress ${progress(7)}`]);
  assert.deepEqual([world.calls.size, world.calls.bytes, world.ports.clock.waiting], [0, 0, 0]);
});

test('a question becomes input_required, and the retry delivers the answer and continues the same call', async () => {
  const world = new ParkedWorld();
  const parked = world.begin({ params: { name: 'book' } });
  const first = parked.attend();
  const question = parked.ask('elicitation/create', { message: 'when?', requestedSchema: {} });
  await first.settled;
  const { requestState, ...rest } = first.input;
  assert.deepEqual(rest, {
    resultType: 'input_required',
    inputRequests: {
      q1: { method: 'elicitation/create', params: { message: 'when?', requestedSchema: {} } },
    },
  });
  assert.equal(question.heard, 'waiting');

  const second = world.retry(requestState, { q1: ACCEPTED }, { id: 'two', params: { name: 'book' } });
  await settled();
  assert.equal(question.heard, JSON.stringify(ACCEPTED));
  assert.equal(second.state, 'waiting');
  parked.finish({ booked: true });
  await second.settled;
  assert.deepEqual(second.response, { jsonrpc: '2.0', id: 'two', result: { booked: true } });
  assert.deepEqual([parked.cancel.listeners, question.cancel.listeners], [0, 0]);
  assert.deepEqual([world.calls.size, world.calls.bytes, world.ports.clock.waiting], [0, 0, 0]);
});

test('questions of one tick are one round, in their order; roots without params are asked with none', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const attendance = parked.attend();
  parked.ask('sampling/createMessage', { messages: [] });
  parked.ask('roots/list');
  parked.ask();
  await attendance.settled;
  const { inputRequests } = attendance.input;
  assert.deepEqual(
    Object.entries(inputRequests).map(([key, { method }]) => `${key} ${method}`),
    ['q1 sampling/createMessage', 'q2 roots/list', 'q3 elicitation/create'],
  );
  assert.deepEqual(inputRequests['q2']?.params ?? {}, {});
});

test('a retry that answers only some questions is asked the others again, under their keys', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const questions = [parked.ask(), parked.ask()];
  await first.settled;
  const second = world.retry(first.input.requestState, { q2: ACCEPTED, other: { ignored: true } });
  await second.settled;
  assert.deepEqual(Object.keys(second.input.inputRequests), ['q1']);
  assert.deepEqual(
    questions.map(({ heard }) => heard),
    ['waiting', JSON.stringify(ACCEPTED)],
  );
  const third = world.retry(second.input.requestState, undefined);
  await third.settled;
  assert.deepEqual(Object.keys(third.input.inputRequests), ['q1']);
});

test('a server that asks again at once makes the next round, with another key', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  parked.ask();
  await first.settled;
  const second = world.retry(first.input.requestState, { q1: ACCEPTED });
  const question = parked.ask();
  await second.settled;
  assert.deepEqual(Object.keys(second.input.inputRequests), ['q2']);
  // The state and the answer of the round before, sent once more: they answer nothing.
  const again = world.retry(first.input.requestState, { q1: ACCEPTED });
  await again.settled;
  assert.deepEqual(Object.keys(again.input.inputRequests), ['q2']);
  assert.equal(question.heard, 'waiting');
  const third = world.retry(again.input.requestState, { q2: ACCEPTED });
  parked.finish();
  await third.settled;
  assert.equal(third.state, 'answered');
});

test('a question that comes while the call is parked waits for the next round', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  parked.ask();
  await first.settled;
  const late = parked.ask();
  await settled();
  assert.deepEqual(Object.keys(first.input.inputRequests), ['q1']);
  const second = world.retry(first.input.requestState, { q1: ACCEPTED });
  await second.settled;
  assert.deepEqual(Object.keys(second.input.inputRequests), ['q2']);
  assert.equal(late.heard, 'waiting');
});

test('of two retries at once the first continues the call, the second is refused and its answer is not used', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const questions = [parked.ask(), parked.ask()];
  await first.settled;
  const { requestState } = first.input;
  const second = world.retry(requestState, { q1: { n: 1 }, q2: { n: 2 } });
  const refused = { code: 'STATE_INVALID', message: /continued by another request/ };
  assert.throws(() => world.retry(requestState, { q1: { n: 3 }, q2: { n: 4 } }, { id: 3 }), refused);
  const barging = parked.attend();
  await barging.settled;
  assert.equal(barging.state, 'STATE_INVALID');
  parked.finish();
  await second.settled;
  assert.deepEqual([second.response.id, ...questions.map(({ heard }) => heard)], [2, '{"n":1}', '{"n":2}']);
});

test('answering twice, finishing twice: the first counts', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const question = parked.ask();
  await first.settled;
  parked.call.answer(Buffer.from('{"q1":{"n":1}}'));
  parked.call.answer(Buffer.from('{"q1":{"n":2}}'));
  const second = world.retry(first.input.requestState, { q1: { n: 3 } });
  parked.finish({ n: 1 });
  parked.finish({ n: 2 });
  await second.settled;
  assert.deepEqual([question.heard, second.response.result], ['{"n":1}', { n: 1 }]);
});

test('a withdrawn question leaves the round; when it was the only one the exchange goes on waiting', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const attendance = parked.attend();
  const [one, other] = [parked.ask(), parked.ask()];
  one.withdraw();
  await attendance.settled;
  assert.deepEqual(Object.keys(attendance.input.inputRequests), ['q2']);
  assert.deepEqual([one.heard, other.heard], ['CANCELLED', 'waiting']);

  const alone = world.begin();
  const waiting = alone.attend();
  alone.ask().withdraw();
  await settled();
  assert.equal(waiting.state, 'waiting');
  alone.finish();
  await waiting.settled;
  assert.equal(waiting.state, 'answered');
});

test('a retry that comes when the server has withdrawn its question waits for the outcome', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const question = parked.ask();
  await first.settled;
  question.withdraw();
  await settled();
  const second = world.retry(first.input.requestState, { q1: ACCEPTED });
  await settled();
  assert.deepEqual([question.heard, second.state], ['CANCELLED', 'waiting']);
  parked.finish();
  await second.settled;
  assert.equal(second.state, 'answered');
});

test('an outcome that comes while the call is parked is kept for the retry', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const question = parked.ask();
  await first.settled;
  parked.finish({ without: 'an answer' });
  parked.finish({ finished: 'twice' });
  await settled();
  assert.deepEqual([question.heard, world.calls.size], ['CANCELLED', 1]);
  assert.equal(parked.ask().heard, 'waiting');
  const second = world.retry(first.input.requestState, { q1: ACCEPTED });
  await second.settled;
  assert.deepEqual(second.response, { jsonrpc: '2.0', id: 2, result: { without: 'an answer' } });
  assert.deepEqual([world.calls.size, world.calls.bytes, world.ports.clock.waiting], [0, 0, 0]);
  assert.throws(() => world.retry(first.input.requestState), { code: 'STATE_INVALID', message: /not here/ });
});

test('a client that goes away cancels the call it attends, whatever has been asked', async () => {
  const world = new ParkedWorld();
  for (const rounds of [0, 1]) {
    const parked = world.begin();
    let attendance = parked.attend();
    if (rounds === 1) {
      parked.ask();
      await attendance.settled;
      attendance = world.retry(attendance.input.requestState, { q1: ACCEPTED });
    }
    const question = parked.ask();
    parked.call.leave(attendance, gone);
    await attendance.settled;
    await settled();
    assert.deepEqual(
      [attendance.state, parked.cancel.reason, question.heard, world.calls.size],
      ['CANCELLED', gone, 'CANCELLED', 0],
    );
    parked.finish();
    const late = parked.attend();
    await late.settled;
    assert.equal(late.state, 'CANCELLED');
  }
  assert.deepEqual([world.calls.bytes, world.ports.clock.waiting], [0, 0]);
});

test('an exchange that has got its round may leave as it likes: parked, continued or over, the call goes on', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  parked.ask();
  await first.settled;
  parked.call.leave(first, gone);
  const second = world.retry(first.input.requestState, { q1: ACCEPTED });
  parked.call.leave(first, gone);
  await settled();
  assert.deepEqual([second.state, parked.cancel.cancelled], ['waiting', false]);
  parked.finish();
  await second.settled;
  parked.call.leave(second, gone);
  assert.deepEqual([second.state, parked.cancel.cancelled], ['answered', false]);
});

test('a call that is cancelled while it is parked is over: its question is withdrawn, its state leads nowhere', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const question = parked.ask();
  await first.settled;
  parked.cancel.cancel(gone);
  await settled();
  assert.deepEqual([question.heard, world.calls.size, world.ports.clock.waiting], ['CANCELLED', 0, 0]);
  assert.throws(() => world.retry(first.input.requestState), { code: 'STATE_INVALID' });
  const late = parked.ask();
  await settled();
  assert.equal(late.heard, 'CANCELLED');
});

test('a call that was cancelled is answered to nobody, even when its outcome comes all the same', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const attendance = parked.attend();
  parked.cancel.cancel(gone);
  parked.finish();
  await attendance.settled;
  assert.equal(attendance.state, 'CANCELLED');
});

test('notifications follow the exchange that attends, with its progress token; without one they are lost', async () => {
  const world = new ParkedWorld();
  const parked = world.begin({ params: { _meta: { progressToken: 'one' } } });
  const first = parked.attend();
  parked.call.notify(progress('one'), 'progress');
  parked.ask();
  await first.settled;
  parked.call.notify(progress('one'), 'progress');
  const second = world.retry(
    first.input.requestState,
    { q1: ACCEPTED },
    { params: { _meta: { progressToken: 2 } } },
  );
  parked.call.notify(progress('one'), 'progress');
  parked.call.notify(Buffer.from('{}'), 'log');
  parked.finish();
  await second.settled;
  parked.call.notify(progress('one'), 'progress');
  assert.deepEqual(first.told, [`progress ${progress('one')}`]);
  assert.deepEqual(second.told, [`progress ${progress(2)}`]);
});

test('a state continues only the request it was given for, of the client it was given to', async () => {
  const world = new ParkedWorld();
  const parked = world.begin({ params: { name: 'pay', arguments: { amount: 1 } } });
  const first = parked.attend();
  const question = parked.ask();
  await first.settled;
  const { requestState } = first.input;
  const answer = { q1: ACCEPTED };
  const other = { params: { name: 'pay', arguments: { amount: 100 } } };
  assert.throws(() => world.retry(requestState, answer, other), {
    code: 'STATE_INVALID',
    message: /this tools\/call is not the request it was given for/,
  });
  const same = { params: { name: 'pay', arguments: { amount: 1 } } };
  assert.throws(() => world.retry(requestState, answer, { ...same, principal: 'bob' }), {
    code: 'STATE_INVALID',
  });
  const opened = { kind: 'parked', owner: 'here', id: '1' } as const;
  assert.throws(() => world.calls.resume(opened, world.asking({ ...same, principal: 'bob' })), {
    code: 'STATE_INVALID',
  });
  await settled();
  assert.equal(question.heard, 'waiting');
  assert.equal(world.retry(requestState, answer, same).state, 'waiting');
});

test('over a link: the server hears the answer under its own id, and its result ends the retry', async () => {
  const { link, wire } = await openedLink();
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const { outcome } = callOver(link, 'ask', { peer: parked.call, cancel: parked.cancel });
  await settled();
  const [sent] = wire.of('tools/call');
  const call = Number(sent?.id);
  wire.say({ id: 'theirs', method: 'elicitation/create', params: { message: 'name?' } }, call);
  await first.settled;
  const second = world.retry(first.input.requestState, { q1: ACCEPTED });
  await settled();
  const replies = wire.of('').map(({ message }) => message);
  assert.deepEqual(replies, [{ jsonrpc: '2.0', id: 'theirs', result: ACCEPTED }]);
  wire.result(call, { content: [] });
  const { body } = await outcome;
  parked.finish(JSON.parse(body.toString()) as object);
  await second.settled;
  assert.deepEqual(second.response.result, { content: [] });
  await link.close();
});
