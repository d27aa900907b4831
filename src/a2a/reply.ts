/** What a short JSON answer, or an event of a stream, says that logs want to know. Reads; changes nothing. Pure. */
import { type JsonText, lex, Shape } from '../lib/json-text.ts';

export interface Answered {
  /** Of JSON-RPC. */
  readonly errorCode: number | undefined;
  readonly isError: boolean;
  readonly kind: 'task' | 'message' | undefined;
  readonly state: string | undefined;
  readonly taskId: string | undefined;
  readonly contextId: string | undefined;
}

const TASK = { id: true, contextId: true, status: { state: true } } as const;
const MESSAGE = { taskId: true, contextId: true, messageId: true } as const;
const UPDATE = { taskId: true, contextId: true, status: { state: true } } as const;
const PAYLOAD = {
  ...TASK,
  ...MESSAGE,
  task: TASK,
  message: MESSAGE,
  statusUpdate: UPDATE,
  artifactUpdate: UPDATE,
} as const;
const SHAPE = new Shape({ error: { code: true }, result: PAYLOAD, ...PAYLOAD });
const ERROR = SHAPE.slot('error');
const CODE = SHAPE.slot('error', 'code');
const LOWER_N = 0x6e;

const IN_RESULT = slotsBelow('result');
const IN_BODY = slotsBelow();

function slotsBelow(...before: string[]) {
  const at = (...path: string[]): number => SHAPE.slot(...before, ...path);
  const below = (name: string): number[] => [
    ...['message', 'statusUpdate', 'artifactUpdate'].map((of) => at(of, name)),
    at(name),
  ];
  return {
    task: at('task'),
    message: at('message'),
    messageId: at('messageId'),
    update: [at('statusUpdate'), at('artifactUpdate')],
    state: [at('task', 'status', 'state'), at('statusUpdate', 'status', 'state'), at('status', 'state')],
    taskId: [at('task', 'id'), ...below('taskId')],
    id: at('id'),
    contextId: [at('task', 'contextId'), ...below('contextId')],
  };
}

/** undefined: not JSON, or nothing that everybody reads alike. */
export function readReply(bytes: Buffer, isRpc: boolean): Answered | undefined {
  let text: JsonText;
  try {
    text = lex(bytes, SHAPE);
  } catch {
    return undefined;
  }
  const slots = isRpc ? IN_RESULT : IN_BODY;
  const state = first(text, slots.state);
  const isTask = text.has(slots.task) || state !== undefined || slots.update.some((slot) => text.has(slot));
  const isMessage = text.has(slots.message) || text.has(slots.messageId);
  const code = text.has(CODE) ? Number(text.raw(CODE).toString('latin1')) : Number.NaN;
  return {
    isError: text.has(ERROR) && text.first(ERROR) !== LOWER_N,
    errorCode: Number.isSafeInteger(code) ? code : undefined,
    kind: isTask ? 'task' : isMessage ? 'message' : undefined,
    state,
    taskId: first(text, slots.taskId) ?? (isTask ? text.text(slots.id) : undefined),
    contextId: first(text, slots.contextId),
  };
}

function first(text: JsonText, slots: readonly number[]): string | undefined {
  for (const slot of slots) {
    const value = text.text(slot);
    if (value !== undefined) return value;
  }
  return undefined;
}
