/**
 * Answers over gRPC: cards with the addresses of the gateway in them, and what logs want to know of tasks. Tasks and events
 * have the same numbers in 1.0 and in 0.3. Pure.
 */
import type { UrlOf } from './card.ts';
import { type GrpcCall, HEAD } from './grpc.ts';
import { blocksAt, changed, fieldsOf, ProtobufError } from './protobuf.ts';
import type { Answered } from './reply.ts';

interface CardFields {
  readonly url?: number;
  readonly interfaces: number;
  readonly signatures: number;
}

const CARDS: Readonly<Record<GrpcCall['version'], CardFields>> = {
  '1.0': { interfaces: 3, signatures: 13 },
  '0.3': { url: 3, interfaces: 15, signatures: 17 },
};
/** Of an interface, in both. */
const URL_FIELD = 1;

/** `body`: a whole answer, which is one message or none. Throws ProtobufError. */
export function rewriteGrpcCard(body: Buffer, version: GrpcCall['version'], urlOf: UrlOf): Buffer {
  if (body.length === 0) return body;
  if (body.length < HEAD || body.readUInt32BE(1) !== body.length - HEAD)
    throw new ProtobufError('expected one message of gRPC');
  if (body[0] !== 0) throw new ProtobufError('it is compressed, unasked');
  const { url, interfaces, signatures } = CARDS[version];
  const text = (bytes: Buffer): Buffer => {
    const [before, after] = [bytes.toString('utf8'), urlOf(bytes.toString('utf8'))];
    return before === after ? bytes : Buffer.from(after);
  };
  const card = changed(body.subarray(HEAD), (number, bytes) => {
    if (number === signatures) return undefined;
    if (number === url && bytes.length > 0) return text(bytes);
    if (number !== interfaces) return bytes;
    return changed(bytes, (field, value) => (field === URL_FIELD ? text(value) : value));
  });
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(card.length, 1);
  return Buffer.concat([head, card]);
}

/** What `TaskState` numbers mean. */
const STATES = 'UNSPECIFIED SUBMITTED WORKING COMPLETED FAILED CANCELED INPUT_REQUIRED REJECTED AUTH_REQUIRED'
  .split(' ')
  .map((state) => `TASK_STATE_${state}`);

/** Calls whose answers, or events, are one of a task, a message, and what has changed of a task. */
const ONE_OF: ReadonlySet<string> = new Set(['SendMessage', 'SendStreamingMessage', 'SubscribeToTask']);
const A_TASK: ReadonlySet<string> = new Set(['GetTask', 'CancelTask']);
const MESSAGE = 2;

/** `message`: without its head. undefined: it says nothing of a task, or is broken. */
export function readGrpcReply(message: Buffer, operation: string): Answered | undefined {
  try {
    if (A_TASK.has(operation)) return ofTask(message);
    const payload = ONE_OF.has(operation) ? fieldsOf(message).at(-1) : undefined;
    if (!payload?.bytes) return undefined;
    return payload.number === MESSAGE ? ofMessage(payload.bytes) : ofTask(payload.bytes);
  } catch {
    return undefined;
  }
}

const NOTHING_WRONG = { isError: false, errorCode: undefined } as const;

/** Its own id, context and status, or those of the task of an event. */
function ofTask(bytes: Buffer): Answered {
  const [status] = blocksAt(bytes, [3]).slice(-1);
  const state = status && fieldsOf(status).findLast(({ number }) => number === 1)?.value;
  return {
    ...NOTHING_WRONG,
    kind: 'task',
    state: state === undefined ? undefined : STATES[state],
    taskId: textAt(bytes, 1),
    contextId: textAt(bytes, 2),
  };
}

function ofMessage(bytes: Buffer): Answered {
  return {
    ...NOTHING_WRONG,
    kind: 'message',
    state: undefined,
    taskId: textAt(bytes, 3),
    contextId: textAt(bytes, 2),
  };
}

function textAt(bytes: Buffer, number: number): string | undefined {
  return blocksAt(bytes, [number]).at(-1)?.toString('utf8') || undefined;
}
