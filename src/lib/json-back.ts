/**
 * Reads a validated JSON object from its end: what stands last is found without reading what lies before it.
 *
 * Why a string cannot fool it: the reading begins outside of strings, behind the last value. Where a value ends with a
 * quote, its string begins at the nearest quote before it that no backslash precedes: inside a string every quote has
 * one, and what stands before a string's first quote is a bracket, a comma, a colon or whitespace. So each step ends
 * outside of strings again.
 */
/** A member of an object. */
export interface MemberSpan {
  /** Where its name begins, at the quote. */
  readonly at: number;
  /** Of the value. */
  readonly start: number;
  readonly end: number;
}

/**
 * The member whose value ends before `end`, which is the offset of the brace or comma behind it. Undefined when it
 * does not lie behind `floor` with a byte to spare.
 */
export function memberBefore(bytes: Buffer, end: number, floor: number): MemberSpan | undefined {
  const behind = spaceBefore(bytes, end);
  const start = valueBefore(bytes, behind, floor);
  if (start < 0) return undefined;
  const colon = spaceBefore(bytes, start) - 1;
  if (bytes[colon] !== COLON) return undefined;
  const behindName = spaceBefore(bytes, colon);
  const at = bytes[behindName - 1] === QUOTE ? stringBefore(bytes, behindName, floor) : -1;
  return at < 0 ? undefined : { at, start, end: behind };
}

/** Where the whitespace that ends at `end` begins. */
export function spaceBefore(bytes: Buffer, end: number): number {
  let at = end;
  while (at > 0 && isSpace(bytes[at - 1]!)) at -= 1;
  return at;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Where the value that ends at `end` begins; -1 when that is not behind `floor`. */
function valueBefore(bytes: Buffer, end: number, floor: number): number {
  const last = bytes[end - 1];
  if (last === QUOTE) return stringBefore(bytes, end, floor);
  if (last === CLOSE_BRACE || last === CLOSE_BRACKET) return containerBefore(bytes, end, floor);
  let at = end;
  while (at > floor && !isDelimiter(bytes[at - 1]!)) at -= 1;
  return at > floor && at < end ? at : -1;
}

function stringBefore(bytes: Buffer, end: number, floor: number): number {
  for (let at = end - 2; at > floor; at--) {
    if (bytes[at] === QUOTE && bytes[at - 1] !== BACKSLASH) return at;
  }
  return -1;
}

function containerBefore(bytes: Buffer, end: number, floor: number): number {
  let depth = 0;
  let at = end;
  while (at > floor) {
    at -= 1;
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      at = stringBefore(bytes, at + 1, floor);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth += 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth -= 1;
      if (depth === 0) return at > floor ? at : -1;
    }
  }
  return -1;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** What stands before a number or literal. */
function isDelimiter(byte: number): boolean {
  return byte === COLON || byte === COMMA || byte === OPEN_BRACKET || isSpace(byte);
}
