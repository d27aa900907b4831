/** Work on JSON that is already validated: elements of an array, replaced spans, one-line form, string literals. */
import {
  CLOSE_BRACKET,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  skipString,
  skipValue,
  sourceOf,
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
