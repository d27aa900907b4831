/**
 * Arguments of a call with their numbers as they were written: an id of 19 digits is another id when it has been a
 * double. Such numbers are kept as texts with a mark in front, and printed as they came.
 */
/** No argument begins like this: a text with a NUL, which JSON writes as an escape. */
const MARK = '\u0000number:';
const LONG = /[\d.]{16}/;
const NUMBERS = /-?\d[\d.eE+-]{15,}/g;
const PRINTED = /"\\u0000number:(-?\d[\d.eE+-]*)"/g;

/** Of valid JSON text. */
export function parseExact(text: string): unknown {
  return JSON.parse(LONG.test(text) ? marked(text) : text) as unknown;
}

/** Without one expression for whole strings: the longest ones would take all of its stack. */
function marked(text: string): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < text.length) {
    const opening = text.indexOf('"', at);
    const end = opening < 0 ? text.length : opening;
    pieces.push(text.slice(at, end).replace(NUMBERS, '"\\u0000number:$&"'));
    at = opening < 0 ? end : endOfString(text, opening);
    if (opening >= 0) pieces.push(text.slice(opening, at));
  }
  return pieces.join('');
}

function endOfString(text: string, opening: number): number {
  for (let at = opening + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** JSON text of a value, or of a part of one, that `parseExact` gave. */
export function printed(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.includes('\\u0000number:') ? text.replace(PRINTED, '$1') : text;
}

/** A text of such a value; of a number its digits. */
export function unmarked(text: string): string {
  return text.startsWith(MARK) ? text.slice(MARK.length) : text;
}
