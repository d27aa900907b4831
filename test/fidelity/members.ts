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
export function entries(object: string): [string, string][] {
  const found: [string, string][] = [];
  for (const part of split(object)) {
    const end = stringEnd(part, 0);
    found.push([part.slice(1, end - 1), part.slice(part.indexOf(':', end) + 1).trim()]);
  }
  return found;
}

/** The texts of the elements of an array. */
export const elements = (array: string): string[] => split(array);

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

/** What stands between the outermost brackets, cut at the commas of that level. */
function split(container: string): string[] {
  const text = container.trim();
  const parts: string[] = [];
  let depth = 0;
  let start = 1;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if (char === ',' && depth === 1) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    } else if (char === '}' || char === ']') {
      depth--;
      if (depth > 0) continue;
      const last = text.slice(start, at).trim();
      if (last !== '') parts.push(last);
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
