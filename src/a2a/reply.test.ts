import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReply } from './reply.ts';

const read = (answer: unknown, isRpc = true) => readReply(Buffer.from(JSON.stringify(answer)), isRpc);

test('tasks, messages and errors of every version are told apart', () => {
  const status = { state: 'TASK_STATE_WORKING' };
  const task = {
    isError: false,
    errorCode: undefined,
    kind: 'task',
    state: status.state,
    taskId: 't',
    contextId: 'c',
  };
  for (const result of [
    { task: { id: 't', contextId: 'c', status } },
    { id: 't', contextId: 'c', status, kind: 'task' },
  ]) {
    assert.deepEqual(read({ jsonrpc: '2.0', id: 1, result }), task);
    assert.deepEqual(read(result, false), task);
  }
  const message = read({ result: { message: { messageId: 'm', contextId: 'c' } } });
  assert.deepEqual([message?.kind, message?.contextId, message?.taskId], ['message', 'c', undefined]);
  const error = read({ id: 1, error: { code: -32001, message: 'x' } });
  assert.deepEqual([error?.isError, error?.errorCode], [true, -32001]);
  assert.equal(read({ id: 1, result: {}, error: null })?.isError, false);
});

test('what cannot be read says nothing', () => {
  for (const text of ['', '{', '{"result":{},"result":{}}'])
    assert.equal(readReply(Buffer.from(text), true), undefined, text);
});
