/**
 * Calls over gRPC: their operation, and the few fields of their message that rules, logs and the check of webhooks want.
 * Field numbers are those of a2a.proto, of 1.0 (`lf.a2a.v1`) and of 0.3 (`a2a.v1`). Pure.
 */
import { operationOf } from './operations.ts';

export interface GrpcCall {
  readonly operation: string;
  /** Where things stand in its message; undefined: it is none that is known. */
  readonly fields: GrpcFields | undefined;
}

export interface GrpcFields {
  /** Numbers of fields, from the outside in. */
  readonly taskId?: readonly number[];
  readonly contextId?: readonly number[];
  readonly webhook?: readonly number[];
}

export interface GrpcAsked {
  readonly taskId: string | undefined;
  readonly contextId: string | undefined;
  readonly webhooks: readonly string[];
}

/** Why a message cannot be read. */
export class GrpcMessageError extends Error {}

const task = (...taskId: number[]): GrpcFields => ({ taskId });

const SENT: GrpcFields = { taskId: [2, 3], contextId: [2, 2], webhook: [3, 2, 4] };
const SENT_BEFORE: GrpcFields = { taskId: [1, 3], contextId: [1, 2], webhook: [2, 2, 2] };

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
  const [, name = '', method] = /^\/((?:lf\.)?a2a\.v1)\.A2AService\/(\w+)$/.exec(path) ?? [];
  if (method === undefined) return undefined;
  const operation = Object.hasOwn(OLDER, method) ? (OLDER[method] as string) : operationOf(method);
  const known = PACKAGES[name] ?? {};
  return { operation, fields: Object.hasOwn(known, operation) ? known[operation] : undefined };
}

const HEAD = 5;

/** `body`: one message, as every call of A2A sends. Throws GrpcMessageError. */
export function readGrpc(body: Buffer, { taskId, contextId, webhook }: GrpcFields): GrpcAsked {
  if (body.length < HEAD || body.readUInt32BE(1) !== body.length - HEAD)
    throw new GrpcMessageError('expected one message of gRPC');
  if (body[0] !== 0) throw new GrpcMessageError('messages of gRPC to an agent are not taken compressed');
  const message = body.subarray(HEAD);
  return {
    taskId: plainId(one(textsAt(message, taskId), 'tasks')),
    contextId: one(textsAt(message, contextId), 'contexts'),
    webhooks: textsAt(message, webhook),
  };
}

/** 0.3 names a task, and what belongs to it, by a path: `tasks/<id>/pushNotificationConfigs/<id>`. */
function plainId(name: string | undefined): string | undefined {
  return name === undefined ? undefined : (/^tasks\/([^/]*)/.exec(name)?.[1] ?? name);
}

function one(texts: readonly string[], what: string): string | undefined {
  const found = new Set(texts.filter((text) => text !== ''));
  if (found.size > 1) throw new GrpcMessageError(`the message names two ${what}`);
  return [...found][0];
}

/** Of all fields at `path`: one that comes twice is merged by its reader, so each of them counts. */
function textsAt(message: Buffer, path: readonly number[] | undefined): string[] {
  if (!path) return [];
  const [number, ...rest] = path;
  return fieldsOf(message)
    .filter((field) => field.number === number)
    .flatMap(({ bytes }) => (rest.length > 0 ? textsAt(bytes, rest) : [bytes.toString('utf8')]));
}

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
}

/** Those with a length; the others are skipped. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  const at = { offset: 0 };
  while (at.offset < message.length) {
    const tag = varint(message, at);
    const size = sizeOf(tag & 7, message, at);
    const end = at.offset + size;
    if (end > message.length) throw broken();
    if ((tag & 7) === 2)
      fields.push({ number: Math.floor(tag / 8), bytes: message.subarray(at.offset, end) });
    at.offset = end;
  }
  return fields;
}

/** By wire type. Groups (3, 4) are of a time before A2A. */
function sizeOf(type: number, message: Buffer, at: { offset: number }): number {
  switch (type) {
    case 0:
      varint(message, at);
      return 0;
    case 1:
      return 8;
    case 2:
      return varint(message, at);
    case 5:
      return 4;
    default:
      throw broken();
  }
}

/** Numbers beyond 53 bits lose their low bits, which no tag and no length has. */
function varint(message: Buffer, at: { offset: number }): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = message[at.offset];
    if (byte === undefined) throw broken();
    at.offset += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw broken();
}

function broken(): GrpcMessageError {
  return new GrpcMessageError('the message of gRPC is broken');
}
