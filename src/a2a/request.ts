/**
 * What the body of a request says that rules and logs want to know, read without changing a byte of it. Names in
 * snake_case are the same to servers that read ProtoJSON. Pure.
 */
import { elements, type JsonText, lex, members, Shape, type Span } from '../lib/json-text.ts';

export interface Asked {
  /** It is a JSON-RPC request, or claims to be. */
  readonly isRpc: boolean;
  /** JSON text of the id, where it is a text or a number. */
  readonly id: Buffer | undefined;
  readonly method: string | undefined;
  readonly taskId: string | undefined;
  readonly contextId: string | undefined;
  /** What the client says it wants: see `skillOf`. */
  readonly skill: string | undefined;
}

const MESSAGE = { taskId: true, task_id: true, contextId: true, context_id: true, metadata: true } as const;
const PARAMS = {
  id: true,
  taskId: true,
  task_id: true,
  contextId: true,
  context_id: true,
  metadata: true,
  message: MESSAGE,
  request: MESSAGE,
} as const;
const SHAPE = new Shape({ jsonrpc: true, method: true, params: PARAMS, ...PARAMS });
const ID = SHAPE.slot('id');
const JSONRPC = SHAPE.slot('jsonrpc');
const METHOD = SHAPE.slot('method');
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;

interface Slots {
  readonly id: number;
  readonly taskId: readonly number[];
  readonly contextId: readonly number[];
  readonly metadata: readonly number[];
}

/** Of the parameters of JSON-RPC, and of a body of HTTP+JSON: the same members, one level up. */
const IN_PARAMS = slotsBelow('params');
const IN_BODY = slotsBelow();

function slotsBelow(...before: string[]): Slots {
  const slots = (name: string, ...older: string[]): number[] =>
    ['message', 'request', undefined].flatMap((of) =>
      [name, ...older].map((each) => SHAPE.slot(...before, ...(of === undefined ? [] : [of]), each)),
    );
  return {
    id: SHAPE.slot(...before, 'id'),
    taskId: slots('taskId', 'task_id'),
    contextId: slots('contextId', 'context_id'),
    metadata: slots('metadata'),
  };
}

/** Where a body cannot be taken for one request of which everybody reads the same. */
export class AmbiguousRequest extends Error {}

/** Throws JsonSyntaxError, AmbiguousRequest. */
export function readRequest(bytes: Buffer): Asked {
  const text = lex(bytes, SHAPE);
  const first = bytes[text.start];
  if (first === OPEN_BRACKET) throw new AmbiguousRequest('batches are not part of A2A');
  if (first !== OPEN_BRACE) throw new AmbiguousRequest('the body is no JSON object');
  const isRpc = text.has(JSONRPC) || text.has(METHOD);
  const slots = isRpc ? IN_PARAMS : IN_BODY;
  return {
    isRpc,
    id: isRpc ? idOf(text) : undefined,
    method: text.text(METHOD),
    taskId: only(text, slots.taskId, 'task ids') ?? (isRpc ? text.text(slots.id) : undefined),
    contextId: only(text, slots.contextId, 'context ids'),
    skill: skillOf(text, slots.metadata),
  };
}

function idOf(text: JsonText): Buffer | undefined {
  if (!text.has(ID)) return undefined;
  const raw = text.raw(ID);
  return text.first(ID) === QUOTE || /^-?\d{1,20}$/.test(raw.toString('latin1')) ? raw : undefined;
}

/** Two spellings with two values: a rule would read one and the agent the other. */
function only(text: JsonText, slots: readonly number[], what: string): string | undefined {
  const found = new Set(slots.map((slot) => text.text(slot)).filter((value) => value !== undefined));
  if (found.size > 1) throw new AmbiguousRequest(`the request names two ${what}`);
  return [...found][0];
}

/**
 * The protocol has no member for the skill that is asked for; agents that want one take it from metadata of the message
 * or of the request. Two that differ are none.
 */
function skillOf(text: JsonText, slots: readonly number[]): string | undefined {
  const found = new Set<string>();
  for (const slot of slots) {
    if (text.first(slot) !== OPEN_BRACE) continue;
    for (const { name, start, end } of members(text.bytes, {
      start: text.startOf(slot),
      end: text.endOf(slot),
    })) {
      if (!namesSkill(name)) continue;
      const value: unknown = JSON.parse(text.bytes.toString('utf8', start, end));
      if (typeof value === 'string') found.add(value);
    }
  }
  return found.size === 1 ? [...found][0] : undefined;
}

export function namesSkill(name: string): boolean {
  return name === 'skill' || folded(name) === 'skillid';
}

/** What users put into a message is theirs: members of the parameters, or of a body of HTTP+JSON. */
const CONTENT: ReadonlySet<string> = new Set(['message', 'request', 'metadata']);

/**
 * Every `url` of a request that is no content: webhooks for push notifications are all there is, however a version
 * nests them. `bytes` have been read by `readRequest`. One that is no text is named as JSON.
 */
export function webhookUrls(bytes: Buffer): string[] {
  return urlsOf(bytes, { start: 0, end: bytes.length }, true);
}

/** `withContent`: content may stand there. */
function urlsOf(bytes: Buffer, span: Span, withContent: boolean): string[] {
  return members(bytes, span).flatMap(({ name, start, end }) => {
    const key = folded(name);
    if (withContent && CONTENT.has(key)) return [];
    return urlsIn(bytes, { start, end }, { key, withContent: withContent && key === 'params' });
  });
}

function urlsIn(bytes: Buffer, span: Span, at: { key: string; withContent: boolean }): string[] {
  const { start, end } = span;
  if (bytes[start] === OPEN_BRACE) return urlsOf(bytes, span, at.withContent);
  if (bytes[start] !== OPEN_BRACKET) return at.key === 'url' ? [textAt(bytes, start, end)] : [];
  const urls: string[] = [];
  const spans = elements(bytes, start, end);
  for (let each = 0; each < spans.length; each += 2) {
    const element = { start: spans[each] as number, end: spans[each + 1] as number };
    urls.push(...urlsIn(bytes, element, { ...at, withContent: false }));
  }
  return urls;
}

function textAt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  const value: unknown = JSON.parse(text);
  return typeof value === 'string' ? value : value === null ? '' : text;
}

/** As the most lenient readers of ProtoJSON and of Go compare names. */
export function folded(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}
