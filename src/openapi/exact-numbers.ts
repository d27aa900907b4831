/**
 * Arguments of a call with their numbers as they were written: an id of 19 digits is another id when it has been a
 * double. Such numbers are kept as texts with a mark in front, and printed as they came.
 */
/** No argument begins like this: a text with a NUL, which JSON writes as an escape. */
const MARK = '\u0000number:';
const LONG = /[\d.]{16}/;
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]{15,}/g;
const PRINTED = /"\\u0000number:(-?\d[\d.eE+-]*)"/g;

/** Of valid JSON text. */
export function parseExact(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text) as unknown;
  const marked = text.replace(TOKENS, (token) =>
    token.startsWith('"') ? token : `"\\u0000number:${token}"`,
  );
  return JSON.parse(marked) as unknown;
}

/** JSON text of a value, or of a part of one, that `parseExact` gave. */
export function printed(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.includes('\\u0000number:') ? text.replace(PRINTED, '$1') : text;
}

/** A text of such a value; of a number its digits. */
export function unmarked(text: string): string {
  return text.startsWith(MARK) ? text.slice(MARK.length) : text;
}
