/**
 * Arguments of a tool that its caller repeats in HTTP headers (`x-mcp-header`, SEP-2243; Streamable HTTP of revision
 * 2026-07-28), so that what stands between can route without reading bodies. Reads which ones, writes and checks them.
 */
import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import { members, type NamedSpan } from '../../lib/json-text.ts';
import { isObject, parseObject } from '../../lib/json-value.ts';

export interface ParamHeader {
  /** Lower-case: `mcp-param-region`. */
  readonly header: string;
  /** Names of properties, from the arguments inwards. */
  readonly path: readonly string[];
  /** Compared as a number: `42.0` is `42`. */
  readonly numeric: boolean;
}

/**
 * The headers a tool wants, given the tool as a list has it. Undefined when an annotation breaks the rules: clients drop
 * such a tool, and whoever calls it nevertheless is served as if it had none.
 */
export function readParamHeaders(tool: Buffer): readonly ParamHeader[] | undefined {
  if (!tool.includes(ANNOTATION)) return NONE;
  const found: ParamHeader[] = [];
  const isSound = collect(parseObject(tool)?.['inputSchema'], [], found);
  const names = new Set(found.map(({ header }) => header));
  return isSound && names.size === found.length ? found : undefined;
}

/** Flat list for the request to the server. An argument that is absent, `null`, or no primitive has no header. */
export function paramHeaders(args: Buffer | undefined, wanted: readonly ParamHeader[]): string[] {
  if (!args || wanted.length === 0) return [];
  const top = members(args);
  const found: string[] = [];
  for (const { header, path } of wanted) {
    const value = argument(args, top, path);
    if (value) found.push(header, encodeHeaderValue(value.text));
  }
  return found;
}

/** Throws HEADER_MISMATCH unless each argument that is present is repeated in its header. Others are not looked at. */
export function checkParamHeaders(
  args: Buffer | undefined,
  wanted: readonly ParamHeader[],
  headers: Exchange['headers'],
): void {
  if (!args || wanted.length === 0) return;
  const top = members(args);
  for (const { header, path, numeric } of wanted) {
    const expected = argument(args, top, path);
    const given = headers[header];
    if (!expected || (given === undefined && !expected.safe)) continue;
    const where = `argument "${path.join('.')}"`;
    if (given === undefined) throw mismatch(`the ${header} header for ${where} is missing`);
    const value = decodeHeaderValue(given.toString());
    if (value === undefined) throw mismatch(`the ${header} header is not valid base64 of UTF-8`);
    if (value !== expected.text && !(numeric && expected.safe && isSameNumber(value, expected.text)))
      throw mismatch(`the ${header} header differs from ${where}`);
  }
}

/** A text as a header value: itself, or in base64 where a header would not keep it as it is. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !isEncoded(text)) return text;
  return `${OPENING}${Buffer.from(text).toString('base64')}${CLOSING}`;
}

/** Undefined when it is marked as base64 and is none, padded and of UTF-8. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!isEncoded(value)) return value;
  const base64 = value.slice(OPENING.length, -CLOSING.length);
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

const ANNOTATION = 'x-mcp-header';
const PREFIX = 'mcp-param-';
const NONE: readonly ParamHeader[] = [];

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII, with spaces and tabs inside. */
const PLAIN = /^[!-~](?:[\t -~]*[!-~])?$/;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

const OPENING = '=?base64?';
const CLOSING = '?=';

const TYPES: readonly unknown[] = ['string', 'integer', 'boolean'];

/** Where schemas stand that no argument is reached through by names of properties alone. */
const ELSEWHERE = [
  'items',
  'prefixItems',
  'contains',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
];
/** Objects of schemas by name. */
const ELSEWHERE_NAMED = ['patternProperties', 'dependentSchemas', '$defs', 'definitions'];

/** Adds what the schema's properties want. False when an annotation is wrong, or where none may be. */
function collect(schema: unknown, path: readonly string[], found: ParamHeader[]): boolean {
  if (!isObject(schema)) return true;
  if (Object.hasOwn(schema, ANNOTATION)) {
    const name = schema[ANNOTATION];
    if (path.length === 0 || typeof name !== 'string' || !TOKEN.test(name)) return false;
    if (!TYPES.includes(schema['type'])) return false;
    found.push({ header: PREFIX + name.toLowerCase(), path, numeric: schema['type'] === 'integer' });
  }
  if (inside(schema).some(isAnnotated)) return false;
  const { properties } = schema;
  if (!isObject(properties)) return true;
  return Object.entries(properties).every(([name, property]) => collect(property, [...path, name], found));
}

/** Whether a schema, or one inside it, is annotated. */
function isAnnotated(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  if (Object.hasOwn(schema, ANNOTATION)) return true;
  return [...inside(schema), ...valuesOf(schema['properties'])].some(isAnnotated);
}

/** The schemas inside a schema, those of its properties aside. */
function inside(schema: Record<string, unknown>): unknown[] {
  const single = ELSEWHERE.flatMap((keyword) => schema[keyword]);
  return [...single, ...ELSEWHERE_NAMED.flatMap((keyword) => valuesOf(schema[keyword]))];
}

function valuesOf(value: unknown): unknown[] {
  return isObject(value) ? Object.values(value) : [];
}

interface Argument {
  /** As a header has it. */
  readonly text: string;
  /** False for integers that JavaScript cannot hold: clients written in it send no header for them. */
  readonly safe: boolean;
}

/** The argument at a path, which begins at `top`. Throws INVALID_REQUEST when a name on the path comes twice. */
function argument(args: Buffer, top: NamedSpan[], path: readonly string[]): Argument | undefined {
  let found: NamedSpan | undefined;
  for (const name of path) {
    const [first, second] = (found ? members(args, found) : top).filter((member) => member.name === name);
    if (!first) return undefined;
    if (second) throw new GatewayError('INVALID_REQUEST', `argument "${path.join('.')}" comes twice`);
    found = first;
  }
  return found && primitive(args.toString('utf8', found.start, found.end));
}

/** Undefined for `null`, objects, arrays, and numbers that have no decimal form of their own. */
function primitive(raw: string): Argument | undefined {
  const first = raw[0];
  if (first === '"') return { text: JSON.parse(raw) as string, safe: true };
  if (raw === 'true' || raw === 'false') return { text: raw, safe: true };
  if (first === '{' || first === '[' || raw === 'null') return undefined;
  const value = Number(raw);
  const safe = Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
  if (safe) return { text: String(value), safe };
  return INTEGER.test(raw) ? { text: raw, safe } : undefined;
}

function isSameNumber(value: string, text: string): boolean {
  return DECIMAL.test(value) && Number(value) === Number(text);
}

function isEncoded(value: string): boolean {
  return (
    value.startsWith(OPENING) && value.endsWith(CLOSING) && value.length >= OPENING.length + CLOSING.length
  );
}

function mismatch(message: string): GatewayError {
  return new GatewayError('HEADER_MISMATCH', message);
}
