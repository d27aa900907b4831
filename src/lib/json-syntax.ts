/**
 * The grammar of JSON (RFC 8259) over bytes: every `skip*` checks one production and returns the offset behind it.
 * Byte loops without allocation: this runs over every message. Knows nothing of members; `json-text.ts` records those.
 */
import { isUtf8 } from 'node:buffer';

/** Nesting that is accepted; deeper text is an attack on some parser behind us. */
export const MAX_DEPTH = 128;

export type JsonFault = 'syntax' | 'utf8' | 'depth' | 'ambiguous';

/** `offset` counts bytes from the start of the Buffer given, not from the start of the range. */
export class JsonSyntaxError extends Error {
  readonly offset: number;
  readonly reason: JsonFault;
  constructor(reason: JsonFault, offset: number, detail: string) {
    super(`invalid JSON at byte ${offset}: ${detail}`);
    this.name = 'JsonSyntaxError';
    this.reason = reason;
    this.offset = offset;
  }
}

/** The text being scanned; ends at `end`. `wide` tells that a string held a byte above 0x7f, so UTF-8 must be checked. */
export interface Source {
  readonly bytes: Buffer;
  readonly end: number;
  wide: boolean;
  /** The whole memory of `bytes` as words, made when a long string is met. */
  words: Int32Array | undefined;
}

export function sourceOf(bytes: Buffer, end: number): Source {
  return { bytes, end, wide: false, words: undefined };
}

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_U = 0x75;

/** After so many plain bytes of a string it pays to go on by words. */
const LONG_RUN = 64;

/** 1 for the letters that may follow a backslash, `u` aside. */
const SHORT_ESCAPE = new Uint8Array(256);
for (const letter of '"\\/bfnrt') SHORT_ESCAPE[letter.charCodeAt(0)] = 1;

/** 1 for ASCII that stands for itself in a string. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x80);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

const HEX_DIGIT = new Uint8Array(256);
for (const letter of '0123456789abcdefABCDEF') HEX_DIGIT[letter.charCodeAt(0)] = 1;

const LITERALS: Readonly<Record<number, Buffer>> = {
  116: Buffer.from('true'),
  102: Buffer.from('false'),
  110: Buffer.from('null'),
};

export function skipSpace(source: Source, from: number): number {
  const { bytes, end } = source;
  let at = from;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    at++;
  }
  return at;
}

/** `at` is the first byte of the value; `depth` the number of containers around it. */
export function skipValue(source: Source, at: number, depth: number): number {
  if (at >= source.end) throw unexpected(source, at);
  const byte = source.bytes[at]!;
  if (byte === QUOTE) return skipString(source, at + 1);
  if (byte === OPEN_BRACE) return skipObject(source, at, depth + 1);
  if (byte === OPEN_BRACKET) return skipArray(source, at, depth + 1);
  if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return skipNumber(source, at);
  return skipLiteral(source, at);
}

/** `from` is behind the opening quote; the result behind the closing one. */
export function skipString(source: Source, from: number): number {
  const { bytes, end } = source;
  let at = from;
  for (;;) {
    at = skipPlain(source, at);
    if (at >= end) throw unexpected(source, end);
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at = SHORT_ESCAPE[bytes[at + 1]!] === 1 ? at + 2 : skipEscape(source, at);
    else if (byte < 0x20) throw new JsonSyntaxError('syntax', at, 'control character in a string');
    else at = skipWide(source, at);
  }
}

/** The first byte from `from` on that is no plain ASCII of a string: a quote, backslash, control or wide byte. */
export function skipPlain(source: Source, from: number): number {
  const { bytes, end } = source;
  const four = Math.min(end, from + LONG_RUN) - 3;
  let at = from;
  while (
    at < four &&
    (PLAIN[bytes[at]!]! & PLAIN[bytes[at + 1]!]! & PLAIN[bytes[at + 2]!]! & PLAIN[bytes[at + 3]!]!) === 1
  ) {
    at += 4;
  }
  if (at - from > LONG_RUN - 4) at = skipPlainWords(source, at);
  while (at < end && PLAIN[bytes[at]!] === 1) at++;
  return at;
}

/**
 * Goes on by words of four bytes behind LONG_RUN plain bytes; stops at most eight bytes before the one looked for.
 * A subtraction leaves a high bit where a byte was below 0x20, or was the quote or the backslash that the exclusive or
 * turned into zero. A wide byte has its high bit already, and loses it in one of the two exclusive ors at most.
 */
function skipPlainWords(source: Source, from: number): number {
  const { bytes, end } = source;
  source.words ??= new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
  const { words } = source;
  const offset = bytes.byteOffset;
  const last = ((offset + end) >> 2) - 1;
  let index = (offset + from) >> 2;
  for (; index < last; index += 2) {
    const one = words[index]!;
    const two = words[index + 1]!;
    const controls = (one - 0x20202020) | (two - 0x20202020);
    const quotes = ((one ^ 0x22222222) - 0x01010101) | ((two ^ 0x22222222) - 0x01010101);
    const backslashes = ((one ^ 0x5c5c5c5c) - 0x01010101) | ((two ^ 0x5c5c5c5c) - 0x01010101);
    if (((controls | quotes | backslashes) & 0x80808080) !== 0) break;
  }
  return (index << 2) - offset;
}

function skipWide(source: Source, from: number): number {
  const { bytes, end } = source;
  source.wide = true;
  let at = from;
  while (at < end && bytes[at]! > 0x7f) at++;
  return at;
}

/** The value of a validated string literal, given with its quotes. */
export function decodeString(bytes: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at] === BACKSLASH) return JSON.parse(bytes.toString('utf8', start, end)) as string;
  }
  return bytes.toString('utf8', start + 1, end - 1);
}

/** Behind the object whose brace is at `at`. */
function skipObject(source: Source, at: number, depth: number): number {
  checkDepth(at, depth);
  const { bytes, end } = source;
  let next = skipSpace(source, at + 1);
  if (next < end && bytes[next] === CLOSE_BRACE) return next + 1;
  for (;;) {
    if (next >= end || bytes[next] !== QUOTE) throw unexpected(source, next);
    next = skipColon(source, skipString(source, next + 1));
    next = skipSpace(source, skipValue(source, next, depth));
    if (next >= end) throw unexpected(source, next);
    if (bytes[next] === CLOSE_BRACE) return next + 1;
    if (bytes[next] !== COMMA) throw unexpected(source, next);
    next = skipSpace(source, next + 1);
  }
}

/** From behind a member's name to the first byte of its value. */
export function skipColon(source: Source, from: number): number {
  const at = skipSpace(source, from);
  if (at >= source.end || source.bytes[at] !== COLON) throw unexpected(source, at);
  return skipSpace(source, at + 1);
}

function skipArray(source: Source, at: number, depth: number): number {
  checkDepth(at, depth);
  const { bytes, end } = source;
  let next = skipSpace(source, at + 1);
  if (next < end && bytes[next] === CLOSE_BRACKET) return next + 1;
  for (;;) {
    next = skipSpace(source, skipValue(source, next, depth));
    if (next >= end) throw unexpected(source, next);
    if (bytes[next] === CLOSE_BRACKET) return next + 1;
    if (bytes[next] !== COMMA) throw unexpected(source, next);
    next = skipSpace(source, next + 1);
  }
}

function skipNumber(source: Source, from: number): number {
  const { bytes, end } = source;
  let at = bytes[from] === MINUS ? from + 1 : from;
  if (at < end && bytes[at] === ZERO) at++;
  else at = skipDigits(source, at);
  if (at < end && bytes[at] === DOT) at = skipDigits(source, at + 1);
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at++;
    if (at < end && (bytes[at] === PLUS || bytes[at] === MINUS)) at++;
    at = skipDigits(source, at);
  }
  return at;
}

/** One digit at least. */
function skipDigits(source: Source, from: number): number {
  const { bytes, end } = source;
  let at = from;
  while (at < end && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  if (at === from) throw unexpected(source, at);
  return at;
}

function skipLiteral(source: Source, at: number): number {
  const literal = LITERALS[source.bytes[at]!];
  if (!literal) throw unexpected(source, at);
  const { bytes, end } = source;
  for (let index = 1; index < literal.length; index++) {
    const next = at + index;
    if (next >= end || bytes[next] !== literal[index]) throw unexpected(source, next);
  }
  return at + literal.length;
}

/**
 * Behind the escape whose backslash is at `at`; lone surrogates pass, as they do in JSON.parse. May look at bytes behind
 * the end of the source: the result lies behind it too then, and the caller sees that.
 */
function skipEscape(source: Source, at: number): number {
  const { bytes } = source;
  const letter = bytes[at + 1]!;
  if (SHORT_ESCAPE[letter] === 1) return at + 2;
  if (letter !== LOWER_U) throw unexpected(source, at + 1);
  for (let digit = at + 2; digit < at + 6; digit++) {
    if (HEX_DIGIT[bytes[digit]!] !== 1) throw unexpected(source, digit);
  }
  return at + 6;
}

function checkDepth(at: number, depth: number): void {
  if (depth > MAX_DEPTH) throw new JsonSyntaxError('depth', at, `nested deeper than ${MAX_DEPTH} levels`);
}

export function checkUtf8(source: Source, start: number): void {
  if (!source.wide) return;
  const text = source.bytes.subarray(start, source.end);
  if (isUtf8(text)) return;
  throw new JsonSyntaxError('utf8', start + firstBroken(text), 'not UTF-8');
}

/** Where decoding first replaces something. */
function firstBroken(text: Buffer): number {
  const repaired = Buffer.from(text.toString('utf8'), 'utf8');
  let at = 0;
  while (at < text.length && text[at] === repaired[at]) at++;
  return at;
}

export function unexpected(source: Source, at: number): JsonSyntaxError {
  const detail = at >= source.end ? 'unexpected end' : 'unexpected character';
  return new JsonSyntaxError('syntax', Math.min(at, source.end), detail);
}
