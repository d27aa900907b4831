/**
 * A client's request as its server gets it, for all pairs of eras: the link's id, names and URIs as the server knows
 * them, the trace, and what one era says inside each request. Spans are replaced; every other byte stays as it came.
 * Knows nothing of links and answers.
 */
import { GatewayError } from '../../core/errors.ts';
import {
  type Edit,
  type JsonText,
  type MemberSpan,
  spaceBefore,
  splice,
  without,
} from '../../lib/json-text.ts';
import { type Member, type Message, replacing, SLOT } from '../message.ts';
import { traceMember } from '../trace.ts';
import { ENVELOPE_MEMBERS, type Envelope, envelopeText } from './envelope.ts';

export interface Rewrite {
  /** The id on the link; the progress token, where the client gave one, becomes the same. */
  readonly id: Buffer;
  /** Other members to replace, where they are present. Not those that `toModern` and `toLegacy` put or take. */
  readonly members: readonly Member[];
  /** Flat list; its traceparent goes into `_meta`, where servers over stdio find it too (SEP-414). */
  readonly headers: readonly string[] | undefined;
  /** A wish for a task of 2025-11-25 goes: the client could not get at it. For `sameEra`; `toLegacy` always does it. */
  readonly taskless?: boolean | undefined;
  /** What a further round of a modern call carries; for `toModern`. */
  readonly retry?: Retry | undefined;
}

/** The answer to an `input_required`. */
export interface Retry {
  /** A JSON object: the results by key. Undefined: it asked nothing, and only wants its state back. */
  readonly responses: Buffer | undefined;
  readonly state: string | undefined;
}

/** For a server of the client's own era. */
export function sameEra(message: Message, rewrite: Rewrite): Buffer {
  const { text } = message;
  const trace = traceMember(text, rewrite.headers);
  const taskless = rewrite.taskless === true && text.has(SLOT.task);
  if (!trace && !taskless) return written(message, rewrite, []);
  const meta = { put: trace ? [trace] : [], gone: [] };
  return written(message, rewrite, edited(text, meta, { put: [], gone: taskless ? spans(text, TASK) : [] }));
}

/**
 * A legacy client's request for a modern server: the envelope goes into `_meta`, which is made where there is none.
 * What the client itself has written in the places of the other era goes: it is not its to say. Throws INVALID_PARAMS
 * when "params" or "_meta" is no object.
 */
export function toModern(message: Message, rewrite: Rewrite, envelope: Envelope): Buffer {
  const { text } = message;
  mustHold(message, SLOT.params, 'params');
  mustHold(message, SLOT.meta, '_meta');
  const trace = traceMember(text, rewrite.headers);
  const put = trace ? [envelopeText(envelope), COMMA, trace] : [envelopeText(envelope)];
  const retry = rewrite.retry ? retryMembers(rewrite.retry) : [];
  if (text.first(SLOT.params) !== OPEN_BRACE) return written(message, rewrite, [newParams(text, put, retry)]);
  const meta = { put, gone: spans(text, ENVELOPE_MEMBERS) };
  return written(message, rewrite, edited(text, meta, { put: retry, gone: spans(text, INPUT_MEMBERS) }));
}

/**
 * A modern client's request for a legacy server: without the envelope, without what belongs to further rounds, and no
 * task. A `_meta` that is empty then goes too.
 */
export function toLegacy(message: Message, rewrite: Rewrite): Buffer {
  const { text } = message;
  const trace = traceMember(text, rewrite.headers);
  const meta = { put: trace ? [trace] : [], gone: spans(text, ENVELOPE_MEMBERS) };
  return written(message, rewrite, edited(text, meta, { put: [], gone: spans(text, NOT_LEGACY) }));
}

/** The edits that take the id of a subscription out of a notification. A `_meta` that is empty then goes too. */
export function withoutSubscription(text: JsonText): Edit[] {
  return edited(text, { put: [], gone: spans(text, SUBSCRIPTION) }, NOTHING);
}

function written({ text }: Message, { id, members }: Rewrite, edits: Edit[]): Buffer {
  const ids: Member[] = [
    [SLOT.id, id],
    [SLOT.metaProgressToken, id],
  ];
  return splice(text.bytes, replacing(text, members, replacing(text, ids, edits)), text);
}

const OPEN_BRACE = 0x7b;
/** Of `null`, which counts as absent. */
const LETTER_N = 0x6e;
const COMMA = Buffer.from(',');
const META_OPEN = Buffer.from('"_meta":{');
const PARAMS_OPEN = Buffer.from(',"params":{');
const OPEN = Buffer.from('{');
const CLOSE = Buffer.from('}');
const RESPONSES = Buffer.from('"inputResponses":');

type Named = readonly (readonly [slot: number, name: string])[];

const INPUT_MEMBERS: Named = [
  [SLOT.inputResponses, 'inputResponses'],
  [SLOT.requestState, 'requestState'],
];
const TASK: Named = [[SLOT.task, 'task']];
const NOT_LEGACY: Named = [...INPUT_MEMBERS, ...TASK];
const META: Named = [[SLOT.meta, '_meta']];
const SUBSCRIPTION: Named = [[SLOT.metaSubscription, 'io.modelcontextprotocol/subscriptionId']];

/** What happens to an object. */
interface Change {
  /** Texts that together are its new first members. */
  readonly put: readonly Buffer[];
  /** Whole members, in the order of the text. */
  readonly gone: readonly MemberSpan[];
}

const NOTHING: Change = { put: [], gone: [] };

/** The edits for `_meta` and for the "params" around it, which must be an object; without one there are none. */
function edited(text: JsonText, meta: Change, params: Change): Edit[] {
  if (text.first(SLOT.params) !== OPEN_BRACE) return [];
  const first = text.first(SLOT.meta);
  if (first === OPEN_BRACE) {
    const inner = changes(text, SLOT.meta, meta);
    if (inner.length === 0) return changes(text, SLOT.params, params);
    if (meta.put.length > 0 || !emptied(text, SLOT.meta, inner))
      return inOrder([...changes(text, SLOT.params, params), ...inner]);
    const gone = inOrder([...params.gone, ...spans(text, META)]);
    return changes(text, SLOT.params, { put: params.put, gone });
  }
  if (meta.put.length === 0 || (first >= 0 && first !== LETTER_N)) return changes(text, SLOT.params, params);
  const gone = inOrder([...params.gone, ...spans(text, META)]);
  return changes(text, SLOT.params, { put: metaOf(meta.put, params.put), gone });
}

/** The edits for the object at `slot`. */
function changes(text: JsonText, slot: number, { put, gone }: Change): Edit[] {
  const edits = gone.length > 0 ? without(text.bytes, gone) : [];
  if (put.length === 0) return edits;
  const at = text.startOf(slot) + 1;
  const added = put.map((piece) => ({ start: at, end: at, with: piece }));
  if (!emptied(text, slot, edits)) added.push({ start: at, end: at, with: COMMA });
  return edits.length > 0 ? [...added, ...edits] : added;
}

/** Whether the object at `slot` has no member left when the edits of `without` are made. */
function emptied(text: JsonText, slot: number, edits: readonly Edit[]): boolean {
  const { bytes } = text;
  const start = text.startOf(slot) + 1;
  const rest = spaceBefore(bytes, text.endOf(slot) - 1);
  const [edit] = edits;
  if (!edit) return rest <= start;
  return edits.length === 1 && spaceBefore(bytes, edit.start) === start && rest === edit.end;
}

/** Where these members stand, as `without` takes them. */
export function spans(text: JsonText, wanted: Named): MemberSpan[] {
  const found: MemberSpan[] = [];
  for (const [slot, name] of wanted) {
    const start = text.startOf(slot);
    if (start < 0) continue;
    // Backwards over the colon to the name, which has no escapes: another spelling would have been refused.
    const colon = spaceBefore(text.bytes, start) - 1;
    const behindName = spaceBefore(text.bytes, colon);
    found.push({ at: behindName - name.length - 2, start, end: text.endOf(slot) });
  }
  return inOrder(found);
}

/** Stable: what is put at a place comes before what is taken out there. */
function inOrder<T extends { readonly start: number }>(found: T[]): T[] {
  let last = -1;
  for (const { start } of found) {
    if (start < last) return found.sort((a, b) => a.start - b.start);
    last = start;
  }
  return found;
}

function metaOf(put: readonly Buffer[], others: readonly Buffer[]): Buffer[] {
  const meta = [META_OPEN, ...put, CLOSE];
  return others.length > 0 ? [...meta, COMMA, ...others] : meta;
}

function retryMembers({ responses, state }: Retry): Buffer[] {
  const found: Buffer[] = responses ? [RESPONSES, responses] : [];
  if (responses && state !== undefined) found.push(COMMA);
  if (state !== undefined) found.push(Buffer.from(`"requestState":${JSON.stringify(state)}`));
  return found;
}

/** Parameters where there are none, or `null`. */
function newParams(text: JsonText, meta: readonly Buffer[], others: readonly Buffer[]): Edit {
  const put = [...metaOf(meta, others), CLOSE];
  const start = text.startOf(SLOT.params);
  if (start >= 0) return { start, end: text.endOf(SLOT.params), with: Buffer.concat([OPEN, ...put]) };
  const at = text.end - 1;
  return { start: at, end: at, with: Buffer.concat([PARAMS_OPEN, ...put]) };
}

function mustHold({ text, method }: Message, slot: number, name: string): void {
  if (!text.has(slot) || text.first(slot) === OPEN_BRACE || text.first(slot) === LETTER_N) return;
  throw new GatewayError('INVALID_PARAMS', `${method}: "${name}" must be an object`);
}
