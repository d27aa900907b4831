/**
 * Finds id and result of a JSON-RPC answer without reading what lies between its head and its tail.
 *
 * Why a string inside the result cannot fool it, given that the text is valid JSON: the head is read from the opening
 * brace, token by token. The last byte is the brace that closes the text, so it is outside of any string, and from
 * there members are read backwards in the same way. A quote that is directly preceded by a comma, a colon or
 * whitespace is not escaped, so it is where a string begins; as the reading came from outside, it is where the string
 * just read begins. Each step thus ends outside of strings again, at the same depth. Anything unusual (escapes, other
 * members, a member that comes twice, a result that is no object, an error) is left to the lexer.
 */
import { spaceBefore } from './json-back.ts';

/** What an answer answers, and the span of its `result` or `error` value in the bytes given. */
export interface Answer {
  readonly id: number | string;
  readonly kind: 'result' | 'error';
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NAME_ID = Buffer.from('"id"');
const NAME_VERSION = Buffer.from('"jsonrpc"');
const NAME_RESULT = Buffer.from('"result"');
const VERSION = Buffer.from('"2.0"');

/** Fifteen digits are always a safe integer. */
const MAX_DIGITS = 15;
/** Longer string ids are left to the lexer. */
const MAX_ID = 64;

/** The members seen so far; offsets are those of the value between them. */
interface Edges {
  readonly bytes: Buffer;
  id: number | string | undefined;
  version: boolean;
  start: number;
  end: number;
}

export function findAtEdges(bytes: Buffer): Answer | undefined {
  const edges: Edges = { bytes, id: undefined, version: false, start: 0, end: bytes.length };
  if (!readHead(edges) || !readTail(edges)) return undefined;
  const { id, start, end } = edges;
  return id === undefined ? undefined : { id, kind: 'result', start, end };
}

/** From the opening brace to the first byte of the result. */
function readHead(edges: Edges): boolean {
  const { bytes } = edges;
  let at = spaceAfter(bytes, 0);
  if (bytes[at] !== OPEN_BRACE) return false;
  // jsonrpc, id and result, in any order that ends with result.
  for (let members = 0; members < 3; members++) {
    at = spaceAfter(bytes, at + 1);
    const name =
      bytes[at + 1] === NAME_ID[1] ? NAME_ID : bytes[at + 1] === NAME_VERSION[1] ? NAME_VERSION : NAME_RESULT;
    if (!matches(name, bytes, at)) return false;
    at = spaceAfter(bytes, at + name.length);
    if (bytes[at] !== COLON) return false;
    at = spaceAfter(bytes, at + 1);
    if (name === NAME_RESULT) {
      edges.start = at;
      return bytes[at] === OPEN_BRACE;
    }
    at = spaceAfter(bytes, name === NAME_ID ? idAt(edges, at) : versionAt(edges, at));
    if (bytes[at] !== COMMA) return false;
  }
  return false;
}

/** From the closing brace back to the last byte of the result. */
function readTail(edges: Edges): boolean {
  const { bytes } = edges;
  let at = spaceBefore(bytes, bytes.length) - 1;
  if (bytes[at] !== CLOSE_BRACE) return false;
  for (let members = 0; members < 3; members++) {
    const end = spaceBefore(bytes, at);
    if (bytes[end - 1] === CLOSE_BRACE) {
      edges.end = end;
      return true;
    }
    at = memberBackwards(edges, end);
    if (at < 0) return false;
  }
  return false;
}

/** Reads the member whose value ends at `end`; the offset of the comma in front of it, or -1. */
function memberBackwards(edges: Edges, end: number): number {
  const { bytes } = edges;
  const value = bytes[end - 1] === QUOTE ? stringBackwards(bytes, end) : integerBackwards(bytes, end);
  if (value < 0) return -1;
  const colon = spaceBefore(bytes, value) - 1;
  if (bytes[colon] !== COLON) return -1;
  const nameEnd = spaceBefore(bytes, colon);
  const name = bytes[nameEnd - 2] === NAME_ID[2] ? NAME_ID : NAME_VERSION;
  const nameStart = nameEnd - name.length;
  if (!matches(name, bytes, nameStart)) return -1;
  const comma = spaceBefore(bytes, nameStart) - 1;
  if (bytes[comma] !== COMMA) return -1;
  const behind = name === NAME_ID ? idAt(edges, value) : versionAt(edges, value);
  return behind === end ? comma : -1;
}

/** Reads the id at `at`; the offset behind it, or -1 when it is unusual or the second one. */
function idAt(edges: Edges, at: number): number {
  if (edges.id !== undefined) return -1;
  const { bytes } = edges;
  const isString = bytes[at] === QUOTE;
  const behind = isString ? stringForwards(bytes, at) : integerForwards(bytes, at);
  if (behind < 0) return -1;
  edges.id = isString ? bytes.toString('latin1', at + 1, behind - 1) : integerValue(bytes, at, behind);
  return behind;
}

function versionAt(edges: Edges, at: number): number {
  if (edges.version || !matches(VERSION, edges.bytes, at)) return -1;
  edges.version = true;
  return at + VERSION.length;
}

/** Behind the short plain string whose opening quote is at `at`, or -1. */
function stringForwards(bytes: Buffer, at: number): number {
  let behind = at + 1;
  while (isPlain(bytes[behind]) && behind - at <= MAX_ID) behind++;
  return bytes[behind] === QUOTE ? behind + 1 : -1;
}

/** The opening quote of the plain string that ends at `end`, or -1. */
function stringBackwards(bytes: Buffer, end: number): number {
  let start = end - 2;
  while (isPlain(bytes[start])) start--;
  return bytes[start] === QUOTE ? start : -1;
}

function integerForwards(bytes: Buffer, at: number): number {
  const digits = bytes[at] === MINUS ? at + 1 : at;
  let behind = digits;
  while (isDigit(bytes[behind]) && behind - digits < MAX_DIGITS) behind++;
  return behind > digits ? behind : -1;
}

function integerBackwards(bytes: Buffer, end: number): number {
  let start = end;
  while (isDigit(bytes[start - 1])) start--;
  if (start === end) return -1;
  return bytes[start - 1] === MINUS ? start - 1 : start;
}

function integerValue(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = bytes[start] === MINUS ? start + 1 : start; at < end; at++)
    value = value * 10 + bytes[at]! - ZERO;
  return bytes[start] === MINUS ? -value : value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** ASCII that stands for itself in a string. */
function isPlain(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH;
}

function matches(expected: Buffer, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[start + index] !== expected[index]) return false;
  }
  return true;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The first offset from `at` on that holds no whitespace. */
function spaceAfter(bytes: Buffer, at: number): number {
  let next = at;
  while (isSpace(bytes[next])) next++;
  return next;
}
