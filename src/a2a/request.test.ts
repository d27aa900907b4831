import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonSyntaxError } from '../lib/json-text.ts';
import { AmbiguousRequest, readRequest, webhookUrls } from './request.ts';

const read = (body: unknown) =>
  readRequest(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
const urls = (body: unknown) => webhookUrls(Buffer.from(JSON.stringify(body)));

test('a JSON-RPC request is read, in either way of writing names', () => {
  for (const message of [
    { taskId: 't', contextId: 'c', metadata: { skillId: 's' } },
    { task_id: 't', context_id: 'c', metadata: { skill_id: 's' } },
  ]) {
    const asked = read({ jsonrpc: '2.0', id: 7, method: 'SendMessage', params: { message } });
    assert.deepEqual(
      { ...asked, id: asked.id?.toString() },
      { isRpc: true, id: '7', method: 'SendMessage', taskId: 't', contextId: 'c', skill: 's' },
    );
  }
  assert.equal(read({ id: 'x', method: 'GetTask', params: { id: 't' } }).taskId, 't');
  assert.equal(
    read({ method: 'GetTaskPushNotificationConfig', params: { taskId: 't', id: 'c' } }).taskId,
    't',
  );
  assert.equal(read({ method: 'ListTasks', params: { contextId: 'c' } }).contextId, 'c');
  assert.equal(read({ id: { a: 1 }, method: 'x' }).id, undefined);
});

test('a body of HTTP+JSON is read one level up', () => {
  const asked = read({ message: { contextId: 'c' }, metadata: { skill: 's' } });
  assert.deepEqual([asked.isRpc, asked.method, asked.contextId, asked.skill], [false, undefined, 'c', 's']);
  assert.equal(read({ id: 'not a task' }).taskId, undefined);
});

test('two skills are none', () => {
  const params = { message: { metadata: { skillId: 'a' } }, metadata: { skillId: 'b' } };
  assert.equal(read({ method: 'SendMessage', params }).skill, undefined);
});

test('what rules and the agent could read differently is refused', () => {
  for (const body of [
    '[]',
    '"text"',
    'null',
    { method: 'x', params: { message: { taskId: 'a', task_id: 'b' } } },
    { method: 'x', params: { taskId: 'a', message: { taskId: 'b' } } },
  ])
    assert.throws(() => read(body), AmbiguousRequest, JSON.stringify(body));
  for (const body of [
    '{"method":"a","method":"b"}',
    '{"method":"a","METHOD":"b"}',
    '{"params":{},"par\\u0061ms":{}}',
    '{"method":"a","params":{"message":{"taskId":"a","taskid":"b"}}}',
    '{"a":1',
    '{"a":NaN}',
    '\ufeff{}',
  ])
    assert.throws(() => read(body), { name: 'JsonSyntaxError' }, body);
});

test('every url outside of content is a webhook, however it is nested or spelt', () => {
  const url = 'https://a.example/';
  for (const body of [
    { method: 'CreateTaskPushNotificationConfig', params: { taskId: 't', url } },
    { method: 'tasks/pushNotificationConfig/set', params: { taskId: 't', pushNotificationConfig: { url } } },
    { method: 'SendMessage', params: { configuration: { taskPushNotificationConfig: { url } } } },
    { params: { configuration: { push_notification_config: { URL: url } } } },
    { params: { configuration: { pushNotificationConfigs: [{ url }] } } },
    { configuration: { pushNotification: { url } } },
    { configuration: { message: { url } } },
    { params: { configuration: { params: { metadata: { url } } } } },
    { url },
  ])
    assert.deepEqual(urls(body), [url], JSON.stringify(body));
  assert.deepEqual(webhookUrls(Buffer.from('{"url":"a","\\u0075rl":"b","url":["c"],"url":7}')), [
    'a',
    'b',
    'c',
    '7',
  ]);
});

test('urls that users send are no webhooks', () => {
  const part = { url: 'http://127.0.0.1/', file: { url: 'http://127.0.0.1/' } };
  assert.deepEqual(urls({ params: { message: { parts: [part], metadata: part }, metadata: part } }), []);
  assert.deepEqual(urls({ message: { parts: [part] }, request: part }), []);
});

test('whatever is sent, it is read or refused, and a webhook is found wherever it is nested', () => {
  const name = fc.constantFrom(
    'jsonrpc',
    'method',
    'params',
    'taskId',
    'Configuration',
    'push_notification',
    'url',
    'x',
  );
  const tree = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(
      tree,
      fc.array(fc.constantFrom('configuration', 'taskPushNotificationConfig', 'a', 'b'), { maxLength: 5 }),
      (value, path) => {
        const url = path.reduceRight<unknown>((below, each) => ({ [each]: below }), {
          URL: 'http://127.0.0.1/',
        });
        const body = Buffer.from(JSON.stringify({ params: { extra: value, nested: url } }));
        try {
          readRequest(body);
        } catch (error) {
          assert.ok(error instanceof AmbiguousRequest || error instanceof JsonSyntaxError);
        }
        assert.ok(webhookUrls(body).includes('http://127.0.0.1/'));
      },
    ),
    { numRuns: 300 },
  );
});
