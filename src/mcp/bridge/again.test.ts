import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answered, requestMessage } from '../../../test/fixtures/parked-world.ts';
import { GatewayError } from '../../core/errors.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import { renderError } from '../calls/run-call.ts';
import { answerOf, notificationOf } from './again.ts';

const text = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString();

test('a result gets the id of the retry, and its bytes stay where they are', () => {
  const first = answered(1, { id: 1, text: '"id":1' });
  for (const id of [2, 'two', '"']) {
    const answer = answerOf(first, requestMessage({ id }));
    assert.equal(
      text(answer.pieces),
      `{"result":{"id":1,"text":"\\"id\\":1"},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`,
    );
    assert.equal(answer.pieces[1], first.pieces[1]);
  }
});

test('an error of the server or the gateway gets the id of the retry', () => {
  const error = new GatewayError('UPSTREAM_TIMEOUT', 'late');
  for (const message of [
    Buffer.from('{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":{"id":1}}}'),
    renderError(Buffer.from('1'), error),
  ]) {
    const answer = answerOf({ pieces: [message], error, status: 200 }, requestMessage({ id: 'two' }));
    assert.deepEqual(JSON.parse(text(answer.pieces)), {
      ...(JSON.parse(message.toString()) as object),
      id: 'two',
    });
    assert.deepEqual([answer.error, answer.status], [error, 200]);
  }
});

const PROGRESS = notificationMessage(
  'notifications/progress',
  Buffer.from('{"progressToken":"first","progress":1}'),
);
const LOG = notificationMessage('notifications/message', Buffer.from('{"level":"info","data":"x"}'));

test('progress carries the token of the retry, and is dropped when that has none', () => {
  const retry = requestMessage({ params: { _meta: { progressToken: 8 } } });
  assert.equal(
    notificationOf(PROGRESS, 'progress', retry)?.toString(),
    PROGRESS.toString().replace('"first"', '8'),
  );
  assert.equal(notificationOf(PROGRESS, 'progress', requestMessage({})), undefined);
});

test('log messages go to a retry that wants some; what must not be lost is passed on as it is', () => {
  const retry = requestMessage({ params: { _meta: { 'io.modelcontextprotocol/logLevel': 'info' } } });
  assert.equal(notificationOf(LOG, 'log', retry), LOG);
  assert.equal(notificationOf(LOG, 'log', requestMessage({})), undefined);
  assert.equal(notificationOf(LOG, 'keep', requestMessage({})), LOG);
});
