/** JSON, maps, queries, headers, chance, secrets. */
import {
  type CelFunc,
  type CelInput,
  type CelMap,
  CelScalar,
  celFunc,
  celList,
  celMap,
  celMethod,
  listType,
  mapType,
} from '@bufbuild/cel';
import type { Ports } from '../../../core/ports.ts';
import { type Conversion, Fault } from '../frame.ts';
import { SECRET, secretOf } from '../opaque.ts';
import { jsonText, viewOf } from '../values.ts';
import { jwtPayload } from './codecs.ts';

const { BYTES, DOUBLE, DYN, STRING } = CelScalar;
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `converter` is of the place that evaluates. */
export function dataFunctions(converter: () => Conversion, ports: Pick<Ports, 'random'>): readonly CelFunc[] {
  const parse = (text: string): CelInput => converter().input(parseJson(text));
  return [
    celFunc('json', [STRING], DYN, parse),
    celFunc('json', [BYTES], DYN, (bytes) => parse(utf8.decode(bytes))),
    celFunc('jsonField', [STRING, STRING], DYN, (text, name) =>
      converter().input(field(parseJson(text), name)),
    ),
    celFunc('jsonField', [BYTES, STRING], DYN, (bytes, name) =>
      converter().input(field(parseJson(utf8.decode(bytes)), name)),
    ),
    celFunc('toJson', [DYN], STRING, jsonText),
    celFunc('to_json', [DYN], STRING, jsonText),
    celFunc('unvalidatedJwtPayload', [STRING], DYN, (token) => parse(jwtPayload(token))),
    celMethod('merge', MAP, [MAP], MAP, function (other) {
      return celMap(new Map([...this, ...other]));
    }),
    celFunc('fail', [], DYN, () => fail('fail()')),
    celFunc('fail', [STRING], DYN, (reason) => fail(reason)),
    celFunc('random', [], DOUBLE, () => chance(ports)),
    celFunc('uuid', [], STRING, () => uuid(ports)),
    celMethod('unredacted', SECRET, [], STRING, function () {
      return secretOf(this);
    }),
    celMethod('unredacted', STRING, [], STRING, function () {
      return this;
    }),
    celFunc('string', [SECRET], STRING, () => fail('a secret is no text: .unredacted() makes it one')),
    ...queryFunctions,
    ...headerFunctions(converter),
  ];
}

function fail(reason: string): never {
  throw new Fault(reason);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new Fault('this is not JSON');
  }
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name))
    throw new Fault(NO_SUCH_KEY);
  return value[name as keyof typeof value];
}

function chance(ports: Pick<Ports, 'random'>): number {
  return ports.random(6).readUIntBE(0, 6) / 2 ** 48;
}

function uuid(ports: Pick<Ports, 'random'>): string {
  const bytes = ports.random(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const queryFunctions: readonly CelFunc[] = [
  celMethod('query', STRING, [STRING], LIST, function (name) {
    const values = splitQuery(this).query.getAll(name);
    if (values.length === 0) throw new Fault(NO_SUCH_KEY);
    return celList(values);
  }),
  celMethod('addQuery', STRING, [STRING, STRING], STRING, function (name, value) {
    const { before, query, after } = splitQuery(this);
    query.append(name, value);
    return `${before}?${query}${after}`;
  }),
  celMethod('setQuery', STRING, [STRING, STRING], STRING, function (name, value) {
    const { before, query, after } = splitQuery(this);
    query.delete(name);
    query.append(name, value);
    return `${before}?${query}${after}`;
  }),
];

function splitQuery(uri: string): { before: string; query: URLSearchParams; after: string } {
  const hash = uri.indexOf('#');
  const head = hash < 0 ? uri : uri.slice(0, hash);
  const mark = head.indexOf('?');
  return {
    before: mark < 0 ? head : head.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : head.slice(mark + 1)),
    after: hash < 0 ? '' : uri.slice(hash),
  };
}

/** Said by everything that looks for a member and finds none; `default` takes it for "missing". */
export const NO_SUCH_KEY = 'no such key';

function headerFunctions(converter: () => Conversion): CelFunc[] {
  const shapes = (['join', 'raw', 'split'] as const).map((shape) =>
    celMethod(shape, MAP, [], MAP, function () {
      return converter().headers(headersOf(this).as(shape));
    }),
  );
  return [
    ...shapes,
    celMethod('redacted', MAP, [], MAP, function () {
      return converter().headers(headersOf(this).redacted());
    }),
    celMethod('cookie', MAP, [STRING], DYN, function (name) {
      return converter().cookie(headersOf(this), name) ?? fail(NO_SUCH_KEY);
    }),
  ];
}

function headersOf(map: CelMap): NonNullable<ReturnType<typeof viewOf>> {
  return viewOf(map) ?? fail('this is a function of headers');
}
