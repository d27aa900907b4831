/**
 * Between our values and CEL's, both ways. Into CEL everything stays as it is until an expression comes to it: a rule
 * about one claim must not cost a copy of all. Whole numbers become ints, as in the Rust gateway.
 */
import {
  type CelInput,
  type CelMap,
  type CelValue,
  celList,
  celMap,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
} from '@bufbuild/cel';
import { isMessage, toJson } from '@bufbuild/protobuf';
import { isReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { DurationSchema, TimestampSchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { HeaderView, isSensitiveHeader } from '../header-view.ts';
import { LazyRecord } from '../lazy-record.ts';
import { Secret } from '../secret.ts';
import { type Conversion, Fault, frame } from './frame.ts';
import { opaqueText, secretValue } from './opaque.ts';

type Input = CelInput;
type Key = Parameters<CelMap['get']>[0];
type Members = ReadonlyMap<Exclude<Key, number>, Input>;

/** What `masked` places make of values differs, so each kind of place converts for itself. */
export class Converter implements Conversion {
  readonly #masked: boolean;
  readonly #known = new WeakMap<object, Input>();

  constructor(masked: boolean) {
    this.#masked = masked;
  }

  /** Throws for what expressions cannot hold: functions, symbols. */
  input(value: unknown): Input {
    switch (typeof value) {
      case 'string':
      case 'boolean':
      case 'bigint':
        return value;
      case 'number':
        return Number.isSafeInteger(value) ? BigInt(value) : value;
      case 'undefined':
        return null;
      case 'object':
        return value === null ? null : this.#convert(value);
      default:
        throw new Fault(`expressions cannot read a ${typeof value}`);
    }
  }

  /** For what outlives a request (claims of a token that comes again): converted once, with what was read of it. */
  lasting(value: unknown): Input {
    if (typeof value !== 'object' || value === null) return this.input(value);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const made = this.input(value);
    this.#known.set(value, made);
    return made;
  }

  #convert(value: object): Input {
    if (Array.isArray(value)) return this.#list(value);
    if (value instanceof Uint8Array) return value;
    if (value instanceof Date) return reflect(TimestampSchema, timestampFromDate(value));
    if (value instanceof Secret) return secretValue(value.text);
    if (value instanceof HeaderView) return this.headers(value);
    if (value instanceof LazyRecord) return celMap(new LazyMembers(value, this));
    return celMap(new DataMembers(value as Record<string, unknown>, this));
  }

  #list(values: readonly unknown[]): Input {
    frame().charge(values.length / 2);
    return celList(values.map((item) => this.input(item)));
  }

  headers(view: HeaderView): CelMap {
    const map: HeaderMap = celMap(new HeaderMembers(view, this.#masked));
    map[VIEW] = view;
    return map;
  }

  /** A cookie's value, which is as sensitive as its header. */
  cookie(view: HeaderView, name: string): Input | undefined {
    const value = view.cookie(name);
    return value !== undefined && this.#masked ? secretValue(value) : value;
  }
}

const VIEW = Symbol('view');
type HeaderMap = CelMap & { [VIEW]?: HeaderView };

/** The headers that a map shows; undefined for any other map. */
export function viewOf(map: HeaderMap): HeaderView | undefined {
  return map[VIEW];
}

/** A map over something that is read member by member. */
abstract class MembersBase implements ReadonlyMap<Exclude<Key, number>, Input> {
  abstract get(key: Exclude<Key, number>): Input | undefined;
  abstract names(): readonly string[];

  get size(): number {
    return this.names().length;
  }

  has(key: Exclude<Key, number>): boolean {
    return this.get(key) !== undefined;
  }

  forEach(visit: (value: Input, key: Exclude<Key, number>, map: Members) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  keys(): MapIterator<string> {
    return this.names().values() as MapIterator<string>;
  }

  *values(): MapIterator<Input> {
    for (const name of this.names()) yield this.get(name) ?? null;
  }

  *entries(): MapIterator<[string, Input]> {
    for (const name of this.names()) yield [name, this.get(name) ?? null];
  }

  [Symbol.iterator](): MapIterator<[string, Input]> {
    return this.entries();
  }
}

class DataMembers extends MembersBase {
  readonly #data: Readonly<Record<string, unknown>>;
  readonly #converter: Converter;
  #read: Map<string, Input> | undefined;

  constructor(data: Readonly<Record<string, unknown>>, converter: Converter) {
    super();
    this.#data = data;
    this.#converter = converter;
  }

  /** Own members only: `x.constructor` is what the sender wrote under that name, or nothing. */
  get(key: Exclude<Key, number>): Input | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.#data, key)) return undefined;
    const value = this.#data[key];
    if (typeof value !== 'object' || value === null)
      return value === undefined ? undefined : this.#converter.input(value);
    this.#read ??= new Map();
    let made = this.#read.get(key);
    if (made === undefined) {
      made = this.#converter.input(value);
      this.#read.set(key, made);
    }
    return made;
  }

  names(): readonly string[] {
    return Object.keys(this.#data);
  }
}

class LazyMembers extends MembersBase {
  readonly #record: LazyRecord;
  readonly #converter: Converter;

  constructor(record: LazyRecord, converter: Converter) {
    super();
    this.#record = record;
    this.#converter = converter;
  }

  get(key: Exclude<Key, number>): Input | undefined {
    if (typeof key !== 'string' || !this.#record.names.includes(key)) return undefined;
    const value = this.#record.read(key);
    return value === undefined ? undefined : this.#converter.input(value);
  }

  /** What is null can be compared, and is not there for `has`. */
  override has(key: Exclude<Key, number>): boolean {
    return (this.get(key) ?? null) !== null;
  }

  /** Those that have a value: `request` as a whole has no body where none was read. */
  names(): readonly string[] {
    return this.#record.names.filter((name) => (this.#record.read(name) ?? null) !== null);
  }
}

class HeaderMembers extends MembersBase {
  readonly #view: HeaderView;
  readonly #masked: boolean;

  constructor(view: HeaderView, masked: boolean) {
    super();
    this.#view = view;
    this.#masked = masked;
  }

  get(key: Exclude<Key, number>): Input | undefined {
    if (typeof key !== 'string') return undefined;
    const value = this.#view.get(key);
    if (value === undefined || !this.#masked || this.#view.masked || !isSensitiveHeader(key.toLowerCase()))
      return value;
    return typeof value === 'string' ? secretValue(value) : value.map(secretValue);
  }

  names(): readonly string[] {
    return this.#view.names();
  }
}

/** A result as plain data. Bytes stay bytes; what prints as text becomes text. */
export function plain(value: CelValue): unknown {
  frame().charge(1);
  if (typeof value === 'bigint') return plainInteger(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (isCelUint(value)) return plainInteger(value.value);
  if (isCelList(value)) return Array.from(value, plain);
  if (isCelMap(value))
    return Object.fromEntries(Array.from(value, ([key, item]) => [keyText(key), plain(item)]));
  if (isCelType(value)) return value.name;
  return messageText(value);
}

/** A number where that is exact, else its digits. */
function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function keyText(key: Exclude<Key, number>): string {
  return String(isCelUint(key) ? key.value : key);
}

/** JSON text: integers keep their digits, bytes are base64. Throws for types and messages without a text. */
export function jsonText(value: CelValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (isCelUint(value)) return value.value.toString();
  if (isCelList(value)) return `[${Array.from(value, jsonText).join(',')}]`;
  if (isCelMap(value)) {
    const members = Array.from(value, ([key, item]) => `${JSON.stringify(keyText(key))}:${jsonText(item)}`);
    return `{${members.join(',')}}`;
  }
  if (isCelType(value)) throw new Fault('a type has no JSON');
  return JSON.stringify(messageText(value));
}

function messageText(value: CelValue): string {
  if (isReflectMessage(value)) {
    const text = opaqueText(value);
    if (text !== undefined) return text;
    const { message } = value;
    if (isMessage(message, TimestampSchema)) return toJson(TimestampSchema, message);
    if (isMessage(message, DurationSchema)) return toJson(DurationSchema, message);
  }
  throw new Fault('a message has no text');
}
