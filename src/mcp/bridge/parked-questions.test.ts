/** What a server may ask the client of a parked call, and what counts as an answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CountedCancel, ParkedWorld } from '../../../test/fixtures/parked-world.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';

const ACCEPTED = { action: 'accept', content: {} };

test('what the client cannot be asked is refused to the server, and the call goes on without a round', async () => {
  const world = new ParkedWorld();
  const parked = world.begin({ capabilities: '{"elicitation":{}}' });
  const attendance = parked.attend();
  const refused = [
    parked.ask('sampling/createMessage', {}),
    parked.ask('elicitation/create', { mode: 'url' }),
    parked.ask('tasks/get', {}),
    parked.ask('elicitation/create', ['by position']),
    parked.ask('elicitation/create', { mode: 'form', Mode: 'url' }),
  ];
  await settled();
  assert.deepEqual(
    refused.map(({ heard }) => heard),
    ['METHOD_NOT_FOUND', 'METHOD_NOT_FOUND', 'METHOD_NOT_FOUND', 'INVALID_PARAMS', 'INVALID_REQUEST'],
  );
  assert.deepEqual([attendance.state, world.calls.size], ['waiting', 0]);
});

test('a retry says anew what its client can be asked', async () => {
  const world = new ParkedWorld();
  const parked = world.begin({ capabilities: '{"elicitation":{}}' });
  const first = parked.attend();
  parked.ask();
  await first.settled;
  const second = world.retry(first.input.requestState, { q1: ACCEPTED }, { capabilities: '{"roots":{}}' });
  const [elicitation, roots] = [parked.ask(), parked.ask('roots/list')];
  await second.settled;
  assert.deepEqual(Object.keys(second.input.inputRequests), ['q2']);
  assert.deepEqual([elicitation.heard, roots.heard], ['METHOD_NOT_FOUND', 'waiting']);
});

test('a question that was withdrawn before it arrived is not asked', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const attendance = parked.attend();
  const cancel = new CountedCancel();
  cancel.cancel(new GatewayError('CANCELLED', 'the server withdrew its request'));
  const question = parked.ask('roots/list', {}, cancel);
  await settled();
  assert.deepEqual([attendance.state, question.heard, world.calls.size], ['waiting', 'CANCELLED', 0]);
});

test('responses that are no answers are refused whole: nothing is settled, and the client may try again', async () => {
  const world = new ParkedWorld();
  const parked = world.begin();
  const first = parked.attend();
  const questions = [parked.ask(), parked.ask()];
  await first.settled;
  const { requestState } = first.input;
  for (const responses of [
    [],
    'text',
    7,
    { q1: ACCEPTED, q2: null },
    { q1: [], q2: ACCEPTED },
    { q1: 'yes' },
  ])
    assert.throws(() => world.retry(requestState, responses), { code: 'INVALID_PARAMS' });
  const twice = Buffer.from('{"q1":{"n":1},"\\u0071\\u0031":{"n":2}}');
  assert.throws(() => parked.call.answer(twice), { code: 'INVALID_PARAMS' });
  await settled();
  assert.deepEqual(
    questions.map(({ heard }) => heard),
    ['waiting', 'waiting'],
  );
  const second = world.retry(requestState, { q1: ACCEPTED, q2: ACCEPTED });
  parked.finish();
  await second.settled;
  assert.equal(second.state, 'answered');
});
