/**
 * Calls over gRPC: their operation, and the few fields of their message that rules, logs and the check of webhooks want.
 * Field numbers are those of a2a.proto, of 1.0 (`lf.a2a.v1`) and of 0.3 (`a2a.v1`). Pure.
 */
import { GET_EXTENDED_CARD, operationOf } from './operations.ts';
import { blocksAt, ProtobufError } from './protobuf.ts';
import { namesSkill } from './request.ts';

/** Of a message: whether it is compressed, and its length. */
export const HEAD = 5;

export interface GrpcCall {
  readonly operation: string;
  readonly version: '1.0' | '0.3';
  /** Where things stand in its message; undefined: it is none that is known. */
  readonly fields: GrpcFields | undefined;
}

export interface GrpcFields {
  /** Numbers of fields, from the outside in. */
  readonly taskId?: readonly number[];
  readonly contextId?: readonly number[];
  readonly webhook?: readonly number[];
  /** Wherever it may stand. */
  readonly metadata?: readonly (readonly number[])[];
}

export interface GrpcAsked {
  readonly taskId: string | undefined;
  readonly contextId: string | undefined;
  readonly webhooks: readonly string[];
  readonly skill: string | undefined;
}

const task = (...taskId: number[]): GrpcFields => ({ taskId });

const SENT: GrpcFields = { taskId: [2, 3], contextId: [2, 2], webhook: [3, 2, 4], metadata: [[2, 6], [4]] };
const SENT_BEFORE: GrpcFields = {
  taskId: [1, 3],
  contextId: [1, 2],
  webhook: [2, 2, 2],
  metadata: [[1, 6], [3]],
};

const PACKAGES: Readonly<Record<string, Readonly<Record<string, GrpcFields>>>> = {
  'lf.a2a.v1': {
    SendMessage: SENT,
    SendStreamingMessage: SENT,
    GetTask: task(2),
    ListTasks: { contextId: [2] },
    CancelTask: task(2),
    SubscribeToTask: task(2),
    CreateTaskPushNotificationConfig: { taskId: [3], webhook: [4] },
    GetTaskPushNotificationConfig: task(2),
    ListTaskPushNotificationConfigs: task(1),
    DeleteTaskPushNotificationConfig: task(2),
    GetExtendedAgentCard: {},
  },
  'a2a.v1': {
    SendMessage: SENT_BEFORE,
    SendStreamingMessage: SENT_BEFORE,
    GetTask: task(1),
    CancelTask: task(1),
    SubscribeToTask: task(1),
    CreateTaskPushNotificationConfig: { taskId: [1], webhook: [3, 2, 2] },
    GetTaskPushNotificationConfig: task(1),
    ListTaskPushNotificationConfigs: task(1),
    DeleteTaskPushNotificationConfig: task(1),
    GetExtendedAgentCard: {},
  },
};

/** Methods of 0.3 that 1.0 calls otherwise. */
const OLDER: Readonly<Record<string, string>> = {
  TaskSubscription: 'SubscribeToTask',
  ListTaskPushNotificationConfig: 'ListTaskPushNotificationConfigs',
  GetAgentCard: 'GetExtendedAgentCard',
};

/** undefined: another service. */
export function grpcCall(path: string): GrpcCall | undefined {
  // Drafts of 1.0 had the package of 0.3; the extended card's method is the one they alone had.
  const [, name = '', method] = /^\/((?:lf\.)?a2a\.v1)\.A2AService\/(\w+)$/.exec(path) ?? [];
  if (method === undefined) return undefined;
  const operation = Object.hasOwn(OLDER, method) ? (OLDER[method] as string) : operationOf(method);
  const known = PACKAGES[name] ?? {};
  const version = name === 'a2a.v1' && method !== GET_EXTENDED_CARD ? '0.3' : '1.0';
  return { operation, version, fields: Object.hasOwn(known, operation) ? known[operation] : undefined };
}

/** `body`: one message, as every call of A2A sends. Throws ProtobufError. */
export function readGrpc(body: Buffer, { taskId, contextId, webhook, metadata = [] }: GrpcFields): GrpcAsked {
  if (body.length < HEAD || body.readUInt32BE(1) !== body.length - HEAD)
    throw new ProtobufError('expected one message of gRPC');
  if (body[0] !== 0) throw new ProtobufError('messages of gRPC to an agent are not taken compressed');
  const message = body.subarray(HEAD);
  return {
    taskId: plainId(one(textsAt(message, taskId), 'tasks')),
    contextId: one(textsAt(message, contextId), 'contexts'),
    webhooks: textsAt(message, webhook),
    skill: skillOf(metadata.flatMap((path) => blocksAt(message, path))),
  };
}

/** 0.3 names a task, and what belongs to it, by a path: `tasks/<id>/pushNotificationConfigs/<id>`. */
function plainId(name: string | undefined): string | undefined {
  return name === undefined ? undefined : (/^tasks\/([^/]*)/.exec(name)?.[1] ?? name);
}

function one(texts: readonly string[], what: string): string | undefined {
  const found = new Set(texts.filter((text) => text !== ''));
  if (found.size > 1) throw new ProtobufError(`the message names two ${what}`);
  return [...found][0];
}

function textsAt(message: Buffer, path: readonly number[] | undefined): string[] {
  return path ? blocksAt(message, path).map((bytes) => bytes.toString('utf8')) : [];
}

/** As in JSON: texts in google.protobuf.Struct, which is a map (1) of names (1) to values (2), of which texts are 3. */
function skillOf(metadata: readonly Buffer[]): string | undefined {
  const found = new Set<string>();
  for (const entry of metadata.flatMap((struct) => blocksAt(struct, [1])))
    if (textsAt(entry, [1]).some(namesSkill)) for (const text of textsAt(entry, [2, 3])) found.add(text);
  return found.size === 1 ? [...found][0] : undefined;
}
