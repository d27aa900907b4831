/** Bodies of requests: JSON, forms, multipart with files, text, raw bytes. */
import { isObject } from '../lib/json-value.ts';
import { printed } from './exact-numbers.ts';
import { essence, mediaKind } from './media-types.ts';
import type { BodyPlan } from './plan.ts';
import { ArgumentProblem, encoded, plainText, queryPairs } from './styles.ts';
import type { JsonObject } from './text.ts';

export interface SentBody {
  readonly type: string;
  readonly bytes: Buffer;
}

export interface BodyOptions {
  boundary(): string;
}

export function bodyWriter(body: BodyPlan, { boundary }: BodyOptions): (value: unknown) => SentBody {
  const kind = mediaKind(body.type);
  const type = sendable(body.type);
  switch (kind) {
    case 'json':
      return (value) => ({
        type,
        bytes: Buffer.from(printed(body.structured ? parsedIfText(value) : value)),
      });
    case 'form':
      return (value) => ({ type, bytes: Buffer.from(formText(objectOf(value), body.encoding)) });
    case 'multipart': {
      const files = new Set(body.files);
      return (value) =>
        multipart(objectOf(value), { type, files, encoding: body.encoding, boundary: boundary() });
    }
    case 'text':
      return (value) => ({ type, bytes: Buffer.from(plainText(value)) });
    case 'binary':
      return (value) => ({ type, bytes: base64(value, 'body') });
  }
}

/** Ranges are for descriptions. */
function sendable(type: string): string {
  const name = essence(type);
  if (name === '*/*' || name === 'application/*') return 'application/json';
  if (name.includes('*')) return 'application/octet-stream';
  return /^[\t\x20-\x7e]+$/.test(type) ? type : name;
}

/** Models sometimes write the JSON of an object where the object should be. */
function parsedIfText(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function objectOf(value: unknown): JsonObject {
  const object = parsedIfText(value);
  if (isObject(object)) return object;
  throw new ArgumentProblem('the body has to be an object: it is sent as a form');
}

/** OpenAPI, encoding object: by style where one is said, else lists repeat their name and objects are JSON. */
function formText(value: JsonObject, encoding: JsonObject): string {
  const pairs = Object.entries(value).flatMap(([name, member]) => {
    if (member === undefined || member === null) return [];
    const { style, explode, allowReserved } = encodingOf(encoding, name);
    const styled = style !== undefined || explode !== undefined;
    if (isObject(member) && !styled) return [`${encoded(name)}=${encoded(printed(member))}`];
    const parameter = {
      name,
      style: typeof style === 'string' ? style : 'form',
      explode: typeof explode === 'boolean' ? explode : style === undefined || style === 'form',
      allowReserved: allowReserved === true,
      content: undefined,
    };
    return queryPairs(parameter, member);
  });
  return pairs.join('&');
}

function encodingOf(encoding: JsonObject, name: string): JsonObject {
  const own = Object.hasOwn(encoding, name) ? encoding[name] : undefined;
  return isObject(own) ? own : {};
}

interface Multipart extends BodyOptionsOnce {
  readonly type: string;
  readonly files: ReadonlySet<string>;
  readonly encoding: JsonObject;
}

interface BodyOptionsOnce {
  readonly boundary: string;
}

interface Part {
  readonly name: string;
  readonly filename?: string | undefined;
  readonly type: string | undefined;
  readonly bytes: Buffer;
}

function multipart(value: JsonObject, { type, files, encoding, boundary }: Multipart): SentBody {
  const pieces: Buffer[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined || member === null) continue;
    const contentType = contentTypeOf(encodingOf(encoding, name));
    for (const item of Array.isArray(member) ? member : [member]) {
      const part = files.has(name) ? filePart(name, item, contentType) : plainPart(name, item, contentType);
      pieces.push(Buffer.from(`--${boundary}\r\n${headOf(part)}\r\n`), part.bytes, Buffer.from('\r\n'));
    }
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { type: `${essence(type)}; boundary=${boundary}`, bytes: Buffer.concat(pieces) };
}

function headOf({ name, filename, type }: Part): string {
  const file = filename === undefined ? '' : `; filename="${quotable(filename)}"`;
  const content = type === undefined ? '' : `Content-Type: ${type}\r\n`;
  return `Content-Disposition: form-data; name="${quotable(name)}"${file}\r\n${content}`;
}

/** As browsers write it (HTML, multipart form data): nothing can end the header. */
function quotable(text: string): string {
  return text.replace(/["\r\n]/g, (character) => encoded(character));
}

/** The first of those that are said. */
function contentTypeOf({ contentType }: JsonObject): string | undefined {
  const first = typeof contentType === 'string' ? (contentType.split(',')[0] as string).trim() : undefined;
  return first !== undefined && MEDIA_TYPE.test(first) ? first : undefined;
}

const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;\s*[\w.+-]+=[\w.+-]+)*$/;

function plainPart(name: string, value: unknown, said: string | undefined): Part {
  const json = typeof value === 'object' && value !== null;
  const text = json || (said !== undefined && /json/i.test(said)) ? printed(value) : plainText(value);
  return { name, type: said ?? (json ? 'application/json' : undefined), bytes: Buffer.from(text) };
}

/** `{text | base64, filename, contentType}`; a text alone is the content. */
function filePart(name: string, value: unknown, said: string | undefined): Part {
  if (typeof value === 'string') return filePart(name, { text: value }, said);
  if (!isObject(value)) throw new ArgumentProblem(`"${name}" is a file: give an object with text or base64`);
  const { text, base64: coded, filename, contentType } = value;
  if ((text === undefined) === (coded === undefined))
    throw new ArgumentProblem(`"${name}" is a file: give one of text, base64`);
  const bytes = coded === undefined ? Buffer.from(plainText(text)) : base64(coded, name);
  const given = typeof contentType === 'string' && MEDIA_TYPE.test(contentType) ? contentType : undefined;
  const standard = coded === undefined ? 'text/plain; charset=utf-8' : 'application/octet-stream';
  return {
    name,
    filename: typeof filename === 'string' ? filename : name,
    type: given ?? said ?? standard,
    bytes,
  };
}

/** Standard or URL-safe, with or without padding; a data URL is taken for what it holds. */
function base64(value: unknown, name: string): Buffer {
  const text = typeof value === 'string' ? value.replace(/^data:[^,]*;base64,/i, '').replace(/\s+/g, '') : '';
  if (typeof value === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return Buffer.from(text, 'base64');
  throw new ArgumentProblem(`"${name}" has to be a text in base64`);
}
