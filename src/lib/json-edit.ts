/**
 * Work on JSON text by its spans: elements of an array, members of an object, spans replaced and members taken out,
 * one-line form, string literals.
 */
import { type MemberSpan, spaceBefore } from './json-back.ts';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  decodeString,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipColon,
  skipSpace,
  skipString,
  skipValue,
  sourceOf,
  unexpected,
} from './json-syntax.ts';

/** Part of a buffer: [start, end). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Edit extends Span {
  readonly with: Buffer;
}

/** Spans of the elements of a validated array: start, end, start, end ... Empty when the value is no array. */
export function elements(bytes: Buffer, start: number, end: number): number[] {
  const source = sourceOf(bytes, end);
  const spans: number[] = [];
  let next = skipSpace(source, start);
  if (next >= end || bytes[next] !== OPEN_BRACKET) return spans;
  next = skipSpace(source, next + 1);
  while (next < end && bytes[next] !== CLOSE_BRACKET) {
    const behind = skipValue(source, next, 1);
    spans.push(next, behind);
    // Over the comma: the text was validated, so nothing else stands there but the closing bracket.
    next = skipSpace(source, behind);
    if (bytes[next] !== CLOSE_BRACKET) next = skipSpace(source, next + 1);
  }
  return spans;
}

/** A member with its name, decoded. */
export interface NamedSpan extends MemberSpan {
  readonly name: string;
}

/**
 * The members of an object in their order; one that comes twice is there twice. Empty when the value is no object. With
 * `until`, reading stops behind the first member of that name. The text need not be validated: throws JsonSyntaxError
 * where the object is broken, or when something stands behind it.
 */
export function members(bytes: Buffer, span?: Span, until?: string): NamedSpan[] {
  const end = span?.end ?? bytes.length;
  const source = sourceOf(bytes, end);
  const found: NamedSpan[] = [];
  let next = skipSpace(source, span?.start ?? 0);
  if (next >= end || bytes[next] !== OPEN_BRACE) return found;
  next = skipSpace(source, next + 1);
  const isEmpty = next < end && bytes[next] === CLOSE_BRACE;
  while (!isEmpty) {
    if (next >= end || bytes[next] !== QUOTE) throw unexpected(source, next);
    const behindName = skipString(source, next + 1);
    const start = skipColon(source, behindName);
    const behind = skipValue(source, start, 1);
    const name = decodeString(bytes, next, behindName);
    found.push({ name, at: next, start, end: behind });
    if (name === until) return found;
    next = skipSpace(source, behind);
    if (next < end && bytes[next] === CLOSE_BRACE) break;
    if (next >= end || bytes[next] !== COMMA) throw unexpected(source, next);
    next = skipSpace(source, next + 1);
  }
  const rest = skipSpace(source, next + 1);
  if (rest < end) throw unexpected(source, rest);
  return found;
}

/**
 * Edits that take members out of a validated object; they are all of one object, in their order. Neighbours go
 * together, with one of the commas around them.
 */
export function without(bytes: Buffer, gone: readonly MemberSpan[]): Edit[] {
  const source = sourceOf(bytes, bytes.length);
  const edits: Edit[] = [];
  let index = 0;
  while (index < gone.length) {
    const start = gone[index]!.at;
    let end: number;
    let follower: number;
    do {
      end = gone[index]!.end;
      const next = skipSpace(source, end);
      follower = bytes[next] === COMMA ? skipSpace(source, next + 1) : -1;
      index += 1;
    } while (index < gone.length && gone[index]!.at === follower);
    if (follower >= 0) edits.push({ start, end: follower, with: NOTHING });
    else edits.push({ start: commaBefore(bytes, start), end, with: NOTHING });
  }
  return edits;
}

const NOTHING = Buffer.alloc(0);

/** Where the comma before a member is; `start` itself when the member is the first one. */
function commaBefore(bytes: Buffer, start: number): number {
  const at = spaceBefore(bytes, start) - 1;
  return bytes[at] === COMMA ? at : start;
}

/** bytes[start, end) with the spans replaced; they ascend and do not overlap. A span of no length inserts. */
export function splice(bytes: Buffer, edits: readonly Edit[], span?: Span): Buffer {
  const start = span?.start ?? 0;
  const end = span?.end ?? bytes.length;
  let size = end - start;
  let from = start;
  for (const edit of edits) {
    if (edit.start < from || edit.end < edit.start || edit.end > end)
      throw new RangeError('edits overlap or leave the range');
    size += edit.with.length - (edit.end - edit.start);
    from = edit.end;
  }
  const result = Buffer.allocUnsafe(size);
  let at = 0;
  from = start;
  for (const edit of edits) {
    at += bytes.copy(result, at, from, edit.start);
    at += edit.with.copy(result, at);
    from = edit.end;
  }
  bytes.copy(result, at, from, end);
  return result;
}

/**
 * A validated text with neither LF nor CR, for framings that end a message at a line's end: the whitespace between
 * tokens is removed when there is one. Not copied when there is none. Throws when a string holds one raw, which a
 * validated text cannot.
 */
export function compact(bytes: Buffer, start = 0, end = bytes.length): Buffer {
  const text = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  if (text.indexOf(LF) < 0 && text.indexOf(CR) < 0) return text;
  const source = sourceOf(text, text.length);
  const result = Buffer.allocUnsafe(text.length);
  let size = 0;
  for (let at = skipSpace(source, 0); at < text.length; at = skipSpace(source, at)) {
    const behind = text[at] === QUOTE ? skipString(source, at + 1) : at + 1;
    while (at < behind) result[size++] = text[at++]!;
  }
  return result.subarray(0, size);
}

const LF = 0x0a;
const CR = 0x0d;

/** A JSON string literal. Lone surrogates are escaped, so the bytes are always UTF-8. */
export function quote(text: string): Buffer {
  return Buffer.from(JSON.stringify(text));
}
