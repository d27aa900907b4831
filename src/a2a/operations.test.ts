import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountOf, operationOf, pathCall } from './operations.ts';

test('methods of older versions have the names of 1.0, and unknown ones their own', () => {
  assert.equal(operationOf('message/stream'), 'SendStreamingMessage');
  assert.equal(operationOf('tasks/resubscribe'), 'SubscribeToTask');
  assert.equal(operationOf('agent/getAuthenticatedExtendedCard'), 'GetExtendedAgentCard');
  for (const name of ['GetTask', 'Get/Task', 'constructor', '__proto__'])
    assert.equal(operationOf(name), name);
});

test('paths of HTTP+JSON name operation and task, below anything and in any spelling that routers take', () => {
  const task = (operation: string) => ({ operation, taskId: 't1' });
  const call = (operation: string) => ({ operation, taskId: undefined });
  for (const before of ['', '/v1', '/agents/x/rest', '/tenant-1'])
    for (const [method, path, expected] of [
      ['POST', '/message:send', call('SendMessage')],
      ['POST', '/MESSAGE:send/', call('SendMessage')],
      ['POST', '/message%3Astream', call('SendStreamingMessage')],
      ['GET', '/tasks', call('ListTasks')],
      ['GET', '/tasks/t1', task('GetTask')],
      ['POST', '/tasks/t1:cancel', task('CancelTask')],
      ['GET', '/tasks/t1:subscribe', task('SubscribeToTask')],
      ['POST', '/tasks/t1:subscribe', task('SubscribeToTask')],
      ['POST', '/tasks/t1/pushNotificationConfigs', task('CreateTaskPushNotificationConfig')],
      ['GET', '/tasks/t1/pushNotificationConfigs', task('ListTaskPushNotificationConfigs')],
      ['GET', '/tasks/t1/pushNotificationConfigs/c1', task('GetTaskPushNotificationConfig')],
      ['DELETE', '/tasks/t1/pushNotificationConfigs/c1', task('DeleteTaskPushNotificationConfig')],
      ['GET', '/extendedAgentCard', call('GetExtendedAgentCard')],
      ['GET', '/.well-known/agent-card.json', call('GetAgentCard')],
      ['HEAD', '/.well-known/agent.json', call('GetAgentCard')],
    ] as const)
      assert.deepEqual(pathCall(method, before + path), expected, `${method} ${before}${path}`);
  assert.deepEqual(pathCall('GET', '/v1/card'), call('GetExtendedAgentCard'));
  for (const [method, path] of [
    ['POST', '/'],
    ['POST', '/rpc'],
    ['GET', '/message:send'],
    ['POST', '/tasks/t1'],
    ['GET', '/mytasks'],
    ['GET', '/.well-known/agent-card.json/x'],
    ['POST', '/%E0%A4%A'],
  ] as const)
    assert.equal(pathCall(method, path), undefined, `${method} ${path}`);
});

test('what stands before a card is where the agent is mounted', () => {
  assert.equal(mountOf('/.well-known/agent-card.json'), '');
  assert.equal(mountOf('/agents/x/.well-known/agent.json'), '/agents/x');
  assert.equal(mountOf('/agents/x/v1/card'), '/agents/x');
  assert.equal(mountOf('/rest/extendedAgentCard'), '/rest');
  assert.equal(mountOf('/rpc'), undefined);
});
