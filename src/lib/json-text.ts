/**
 * JsonText: a message kept as the bytes it came in, validated once, with the spans of the members that are routed on.
 * Unknown members, number precision and order survive because nothing is ever re-serialised. Knows no protocol.
 */
import type { Span } from './json-edit.ts';
import type { Found, Shape, ShapeMember, ShapeNode } from './json-shape.ts';
import {
  CLOSE_BRACE,
  COMMA,
  checkUtf8,
  decodeString,
  JsonSyntaxError,
  OPEN_BRACE,
  QUOTE,
  type Source,
  skipColon,
  skipPlain,
  skipSpace,
  skipString,
  skipValue,
  sourceOf,
  unexpected,
} from './json-syntax.ts';

export { type MemberSpan, memberBefore, spaceBefore } from './json-back.ts';
export {
  compact,
  type Edit,
  elements,
  members,
  type NamedSpan,
  quote,
  type Span,
  splice,
  without,
} from './json-edit.ts';
export { Shape } from './json-shape.ts';
export { JsonSyntaxError, MAX_DEPTH } from './json-syntax.ts';

/** What `lex` found. A slot comes from `Shape.slot`. */
export class JsonText {
  readonly bytes: Buffer;
  readonly #spans: readonly number[];

  /** Use `lex`. `spans` holds a start and an end for each slot; slot 0 is the value itself. */
  constructor(bytes: Buffer, spans: readonly number[]) {
    this.bytes = bytes;
    this.#spans = spans;
  }

  /** Of the value itself, without the whitespace around it. */
  get start(): number {
    return this.#spans[0]!;
  }

  get end(): number {
    return this.#spans[1]!;
  }

  has(slot: number): boolean {
    return this.#spans[2 * slot]! >= 0;
  }

  /** Where the member's value starts; -1 when absent. */
  startOf(slot: number): number {
    return this.#spans[2 * slot]!;
  }

  endOf(slot: number): number {
    return this.#spans[2 * slot + 1]!;
  }

  /** The bytes of the member's value, not copied. Throws when absent. */
  raw(slot: number): Buffer {
    if (!this.has(slot)) throw new Error('raw() of a member that is absent');
    return this.bytes.subarray(this.startOf(slot), this.endOf(slot));
  }

  /** The member's string, decoded; undefined when absent or no string. */
  text(slot: number): string | undefined {
    if (this.first(slot) !== QUOTE) return undefined;
    return decodeString(this.bytes, this.startOf(slot), this.endOf(slot));
  }

  /** The first byte of the member's value tells its type; -1 when absent. */
  first(slot: number): number {
    const start = this.startOf(slot);
    return start < 0 ? -1 : this.bytes[start]!;
  }
}

/**
 * Validates one JSON value and records spans. Whitespace may stand around it and nothing else. Throws JsonSyntaxError,
 * with reason `ambiguous` for a remembered member that comes twice or is spelt so that parsers may disagree about it.
 */
export function lex(bytes: Buffer, shape: Shape, span?: Span): JsonText {
  const start = span?.start ?? 0;
  const end = span?.end ?? bytes.length;
  const source = sourceOf(bytes, end);
  const spans = shape.blank.slice();
  const first = skipSpace(source, start);
  const isObject = first < end && bytes[first] === OPEN_BRACE;
  const last = isObject
    ? record({ source, spans, behindName: 0 }, shape.root, first)
    : skipValue(source, first, 0);
  const rest = skipSpace(source, last);
  if (rest < end) throw unexpected(source, rest);
  checkUtf8(source, start);
  spans[0] = first;
  spans[1] = last;
  return new JsonText(bytes, spans);
}

interface Recording {
  readonly source: Source;
  readonly spans: number[];
  /** Set by findMember: the offset behind the name's closing quote. */
  behindName: number;
}

/** Behind the object whose brace is at `at`; its members that `node` knows are recorded. */
function record(recording: Recording, node: ShapeNode, at: number): number {
  const { source } = recording;
  const { bytes, end } = source;
  let next = skipSpace(source, at + 1);
  if (next < end && bytes[next] === CLOSE_BRACE) return next + 1;
  for (;;) {
    if (next >= end || bytes[next] !== QUOTE) throw unexpected(source, next);
    const member = findMember(recording, node, next + 1);
    next = skipColon(source, recording.behindName);
    next = member ? recordMember(recording, member, next) : skipValue(source, next, node.depth);
    next = skipSpace(source, next);
    if (next >= end) throw unexpected(source, next);
    if (bytes[next] === CLOSE_BRACE) return next + 1;
    if (bytes[next] !== COMMA) throw unexpected(source, next);
    next = skipSpace(source, next + 1);
  }
}

/** The member whose name begins at `start`, behind its quote. */
function findMember(recording: Recording, node: ShapeNode, start: number): ShapeMember | undefined {
  const { source } = recording;
  const { bytes, end } = source;
  const stop = skipPlain(source, start);
  let found: Found;
  if (stop < end && bytes[stop] === QUOTE) {
    recording.behindName = stop + 1;
    found = node.find(bytes, start, stop);
  } else {
    recording.behindName = skipString(source, stop);
    found = node.findDecoded(decodeString(bytes, start - 1, recording.behindName));
  }
  if (found !== 'look-alike') return found;
  throw new JsonSyntaxError('ambiguous', start, 'a member name that parsers read differently');
}

/** Behind the value at `at`. */
function recordMember(recording: Recording, member: ShapeMember, at: number): number {
  const { source, spans } = recording;
  const index = 2 * member.slot;
  if (spans[index] !== -1) throw new JsonSyntaxError('ambiguous', at, `member ${member.name} comes twice`);
  const { node } = member;
  const isObject = at < source.end && source.bytes[at] === OPEN_BRACE;
  const end = node && isObject ? record(recording, node, at) : skipValue(source, at, member.depth);
  spans[index] = at;
  spans[index + 1] = end;
  return end;
}
