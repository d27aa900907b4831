/**
 * Looks into JSON text without parsing it, so that what is compared is what was sent. Works on text decoded as latin1
 * (one character per byte): everything it looks for is ASCII. Trusts the text to be JSON.
 */

const SPACE = /[ \t\r\n]/;

/** The text of a member of an object; undefined when it has none of that name. The first one, of several. */
export function member(object: string, name: string): string | undefined {
  for (const [key, value] of entries(object)) if (key === name) return value;
  return undefined;
}

/** Names (as spelled between the quotes) and texts of the values. */
export const entries = (object: string): [string, string][] =>
  spans(object).map(({ name, value, end }) => [name, object.slice(value, end)]);

interface Span {
  readonly name: string;
  /** Where the name's quote, its value, and what is behind the value stand. */
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

function spans(object: string): Span[] {
  return split(object).map(([start, end]) => {
    const nameEnd = stringEnd(object, start);
    const colon = object.indexOf(':', nameEnd);
    const space = object.slice(colon + 1, end).search(/\S/);
    return { name: object.slice(start + 1, nameEnd - 1), start, value: colon + 1 + space, end };
  });
}

/** The object without its first member of this name and its comma. */
export function without(object: string, name: string): string {
  const all = spans(object);
  const at = all.findIndex((each) => each.name === name);
  const span = all[at];
  if (!span) return object;
  if (at + 1 < all.length)
    return object.slice(0, span.start) + object.slice(object.indexOf(',', span.end) + 1);
  const from = all[at - 1]?.end ?? span.start;
  return object.slice(0, from) + object.slice(span.end);
}

/** The object with another value for its first member of this name. */
export function replaced(object: string, name: string, value: string): string {
  const span = spans(object).find((each) => each.name === name);
  return span ? object.slice(0, span.value) + value + object.slice(span.end) : object;
}

/** The object with texts of members in front of its own. */
export function putFirst(object: string, members: string): string {
  const comma = spans(object).length > 0 ? ',' : '';
  const at = object.indexOf('{') + 1;
  return object.slice(0, at) + members + comma + object.slice(at);
}

/** The object with texts of members behind its own. */
export function putLast(object: string, members: string): string {
  const end = spans(object).at(-1)?.end;
  if (end === undefined) return putFirst(object, members);
  return `${object.slice(0, end)},${members}${object.slice(end)}`;
}

/** The texts of the elements of an array. */
export const elements = (array: string): string[] =>
  split(array).map(([start, end]) => array.slice(start, end));

/** The text without the white space between its tokens. */
export function compact(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    if (char === '"') {
      const end = stringEnd(text, at);
      out += text.slice(at, end);
      at = end;
    } else {
      if (!SPACE.test(char)) out += char;
      at++;
    }
  }
  return out;
}

/** Start and end of what stands between the outermost brackets, cut at the commas of that level. */
function split(text: string): [number, number][] {
  const parts: [number, number][] = [];
  let depth = 0;
  let start = 0;
  const cut = (end: number): void => {
    const part = text.slice(start, end);
    if (part.trim() !== '') parts.push([start + part.search(/\S/), start + part.trimEnd().length]);
    start = end + 1;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === '{' || char === '[') {
      if (depth === 0) start = at + 1;
      depth++;
    } else if (char === ',' && depth === 1) cut(at);
    else if ((char === '}' || char === ']') && --depth === 0) {
      cut(at);
      return parts;
    }
  }
  throw new Error(`not a whole object or array: ${text.slice(0, 100)}`);
}

/** Where the string that starts at `from` is over. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw new Error(`a string without an end: ${text.slice(from, from + 100)}`);
}
