/**
 * Values of parameters as text of a URL, a header or a cookie: the styles of OpenAPI (parameter object, "style values"),
 * which are those of RFC 6570 and a few more. Everything that is not unreserved is percent-encoded, so no value can end
 * its place.
 */
import { printed, unmarked } from './exact-numbers.ts';
import type { Parameter } from './operations.ts';

/** What a caller has given cannot be sent; said to the caller as the result of the tool. */
export class ArgumentProblem extends Error {}

type Styled = Pick<Parameter, 'name' | 'style' | 'explode' | 'allowReserved' | 'content'>;
type Encode = (text: string) => string;

/** One variable of a path, behind what stands before it there. */
export function pathText(parameter: Styled, value: unknown): string {
  const { name, style, explode } = parameter;
  const parts = partsOf(parameter, value, encoded);
  if (style === 'matrix') return matrixText(encoded(name), parts, explode);
  const list = joined(parts, { between: style === 'label' && explode ? '.' : ',', explode });
  return style === 'label' ? `.${list}` : list;
}

/** `name=value` texts. */
export function queryPairs(parameter: Styled, value: unknown): string[] {
  const { style, explode, allowReserved, content } = parameter;
  const name = encoded(parameter.name);
  const encode = allowReserved ? keptReserved : encoded;
  if (style === 'deepObject' && content === undefined && isContainer(value))
    return deepPairs(name, value, encode);
  const parts = partsOf(parameter, value, encode);
  if (parts.kind === 'one') return [`${name}=${parts.text}`];
  if (parts.kind === 'list') {
    if (parts.items.length === 0) return [];
    return explode
      ? parts.items.map((item) => `${name}=${item}`)
      : [`${name}=${parts.items.join(delimiter(style))}`];
  }
  if (parts.members.length === 0) return [];
  if (explode && style === 'form') return parts.members.map(([key, item]) => `${key}=${item}`);
  return [`${name}=${parts.members.flat().join(delimiter(style))}`];
}

/** Throws ArgumentProblem for what would begin another header. */
export function headerText(parameter: Styled, value: unknown): string {
  const text = joined(partsOf(parameter, value, same), { between: ',', explode: parameter.explode });
  if (/^[\t\x20-\x7e]*$/.test(text)) return text.trim();
  throw new ArgumentProblem(`"${parameter.name}" is sent as a header: printable ASCII characters only`);
}

/** `name=value` texts. */
export function cookiePairs(parameter: Styled, value: unknown): string[] {
  return queryPairs({ ...parameter, style: 'form', allowReserved: false }, value);
}

type Parts =
  | { readonly kind: 'one'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'members'; readonly members: readonly (readonly [string, string])[] };

function partsOf({ content }: Styled, value: unknown, encode: Encode): Parts {
  if (content !== undefined) return { kind: 'one', text: encode(contentText(content, value)) };
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => encode(plainText(item))) };
  if (!isContainer(value)) return { kind: 'one', text: encode(plainText(value)) };
  const members = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
  return { kind: 'members', members: members.map(([key, item]) => [encode(key), encode(plainText(item))]) };
}

function contentText(type: string, value: unknown): string {
  return typeof value === 'string' && /^text\//i.test(type) ? unmarked(value) : printed(value);
}

/** There is no style for what lies deeper. */
export function plainText(value: unknown): string {
  return typeof value === 'object' && value !== null ? printed(value) : unmarked(String(value));
}

function joined(parts: Parts, { between, explode }: { between: string; explode: boolean }): string {
  if (parts.kind === 'one') return parts.text;
  if (parts.kind === 'list') return parts.items.join(between);
  const members = explode ? parts.members.map((member) => member.join('=')) : parts.members.flat();
  return members.join(between);
}

function matrixText(name: string, parts: Parts, explode: boolean): string {
  const one = (key: string, text: string): string => (text === '' ? `;${key}` : `;${key}=${text}`);
  if (parts.kind === 'one') return one(name, parts.text);
  if (!explode) return one(name, joined(parts, { between: ',', explode }));
  if (parts.kind === 'list') return parts.items.map((item) => one(name, item)).join('');
  return parts.members.map(([key, item]) => one(key, item)).join('');
}

/** `a[b][0]=c`: lists are numbered, since those that hold objects could not be told apart otherwise. */
function deepPairs(name: string, value: object, encode: Encode): string[] {
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const inner = `${name}${encoded(`[${key}]`)}`;
    if (item === undefined || item === null) return [];
    return isContainer(item) ? deepPairs(inner, item, encode) : [`${inner}=${encode(plainText(item))}`];
  });
}

function delimiter(style: string): string {
  if (style === 'spaceDelimited') return '%20';
  if (style === 'pipeDelimited') return '%7C';
  return style === 'tabDelimited' ? '%09' : ',';
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function same(text: string): string {
  return text;
}

/** Everything but the unreserved characters of RFC 3986. */
export function encoded(text: string): string {
  try {
    return encodeURIComponent(text).replace(/[!'()*]/g, hex);
  } catch {
    throw new ArgumentProblem('a text is no valid Unicode: half a surrogate pair');
  }
}

/** `allowReserved`: reserved characters and escapes stay, except those that would end the value or the query. */
function keptReserved(text: string): string {
  return encoded(text).replace(/%(?:25[0-9A-F]{2}|3A|2F|3F|40|21|24|27|28|29|2A|2C|3B|3D)/gi, (coded) =>
    coded.length > 3 ? `%${coded.slice(3)}` : decodeURIComponent(coded),
  );
}

function hex(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
