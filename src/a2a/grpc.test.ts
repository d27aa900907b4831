import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GrpcFields, grpcCall, readGrpc } from './grpc.ts';
import { ProtobufError } from './protobuf.ts';

const V1 = '/lf.a2a.v1.A2AService/';
const V03 = '/a2a.v1.A2AService/';

function framed(message: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function field(number: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

const read = (path: string, ...fields: Buffer[]) =>
  readGrpc(framed(Buffer.concat(fields)), grpcCall(path)?.fields as GrpcFields);

test('methods of both packages have the names of 1.0, and other services are none', () => {
  assert.equal(grpcCall(`${V1}SendMessage`)?.operation, 'SendMessage');
  assert.equal(grpcCall(`${V03}TaskSubscription`)?.operation, 'SubscribeToTask');
  assert.equal(grpcCall(`${V03}GetAgentCard`)?.operation, 'GetExtendedAgentCard');
  assert.deepEqual(grpcCall(`${V1}constructor`), {
    operation: 'constructor',
    version: '1.0',
    fields: undefined,
  });
  for (const path of ['/grpc.health.v1.Health/Check', '/x.a2a.v1.A2AService/GetTask', `${V1}GetTask/x`, '/'])
    assert.equal(grpcCall(path), undefined, path);
});

test('tasks, contexts and webhooks are found where each version has them', () => {
  const url = 'https://hooks.example.com/';
  const message = Buffer.concat([field(1, 'm'), field(2, 'c'), field(3, 't')]);
  const sent = { taskId: 't', contextId: 'c', webhooks: [url], skill: undefined };
  assert.deepEqual(read(`${V1}SendMessage`, field(2, message), field(3, field(2, field(4, url)))), sent);
  assert.deepEqual(read(`${V03}SendMessage`, field(1, message), field(2, field(2, field(2, url)))), sent);
  assert.equal(read(`${V1}GetTask`, field(1, 'tenant'), field(2, 't')).taskId, 't');
  assert.equal(read(`${V03}CancelTask`, field(1, 'tasks/t')).taskId, 't');
  const name = 'tasks/t/pushNotificationConfigs/c';
  assert.equal(read(`${V03}GetTaskPushNotificationConfig`, field(1, name)).taskId, 't');
  assert.equal(read(`${V1}ListTaskPushNotificationConfigs`, field(1, 't')).taskId, 't');
  assert.equal(read(`${V1}ListTasks`, field(2, 'c')).contextId, 'c');
  assert.deepEqual(read(`${V1}GetExtendedAgentCard`), {
    taskId: undefined,
    contextId: undefined,
    webhooks: [],
    skill: undefined,
  });
});

test('fields that come twice all count, and other kinds of fields are passed over', () => {
  const numbers = Buffer.from([0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  const fixed = Buffer.concat([Buffer.from([0x21]), Buffer.alloc(8), Buffer.from([0x2d]), Buffer.alloc(4)]);
  const config = (url: string) => field(3, field(2, field(4, url)));
  assert.deepEqual(read(`${V1}SendMessage`, numbers, config('a'), fixed, config('b')).webhooks, ['a', 'b']);
  assert.throws(() => read(`${V1}GetTask`, field(2, 'a'), field(2, 'b')), /two tasks/);
});

test('the skill is found in the metadata of the message and of the request', () => {
  const struct = (name: string, value: string) =>
    field(1, Buffer.concat([field(1, name), field(2, field(3, value))]));
  const asking = (...metadata: Buffer[]) => field(2, Buffer.concat(metadata.map((each) => field(6, each))));
  assert.equal(read(`${V1}SendMessage`, asking(struct('skillId', 'echo'))).skill, 'echo');
  assert.equal(read(`${V1}SendStreamingMessage`, field(4, struct('skill_id', 'echo'))).skill, 'echo');
  assert.equal(read(`${V03}SendMessage`, field(1, field(6, struct('skill', 'echo')))).skill, 'echo');
  assert.equal(read(`${V03}SendMessage`, field(3, struct('skill', 'echo'))).skill, 'echo');
  const two = [asking(struct('skill', 'echo')), field(4, struct('skillId', 'shell'))];
  assert.equal(read(`${V1}SendMessage`, ...two).skill, undefined);
  assert.equal(read(`${V1}SendMessage`, asking(struct('skills', 'echo'))).skill, undefined);
});

test('what is not one whole message in the clear is refused', () => {
  const fields = grpcCall(`${V1}GetTask`)?.fields as GrpcFields;
  const good = framed(field(2, 't'));
  for (const body of [
    Buffer.alloc(0),
    good.subarray(0, 4),
    good.subarray(0, -1),
    Buffer.concat([good, good]),
    framed(field(2, 't'), 1),
    framed(Buffer.from([0x12, 0x7f])),
    framed(Buffer.from([0x12])),
    framed(Buffer.from([0x13])),
    framed(Buffer.alloc(12, 0xff)),
  ])
    assert.throws(() => readGrpc(body, fields), ProtobufError, body.toString('hex'));
});
