/** Codecs and hashes; each takes a text or bytes. */
import { createHash } from 'node:crypto';
import {
  type CelFunc,
  type CelMap,
  CelScalar,
  type CelValue,
  celFunc,
  celList,
  celMap,
  isCelList,
  mapType,
} from '@bufbuild/cel';
import { Fault } from '../frame.ts';

const { BYTES, DYN, STRING } = CelScalar;
const MAP = mapType(DYN, DYN);

const strict = new TextDecoder('utf-8', { fatal: true });

export const codecFunctions: readonly CelFunc[] = [
  ...['base64.encode', 'base64Encode'].flatMap((name) =>
    ofBoth(name, STRING, (data) => data.toString('base64')),
  ),
  ...['base64.decode', 'base64Decode'].flatMap((name) =>
    ofBoth(name, BYTES, (data) => base64(data.toString('latin1'))),
  ),
  celFunc('url.encode', [STRING], STRING, percentEncode),
  celFunc('url.encode', [BYTES], STRING, percentEncodeBytes),
  celFunc('url.decode', [STRING], STRING, percentDecode),
  ...ofBoth('form.decode', MAP, formDecode),
  celFunc('form.encode', [MAP], STRING, formEncode),
  ...['sha1', 'sha256', 'md5'].flatMap((hash) =>
    ofBoth(`${hash}.encode`, STRING, (data) => createHash(hash).update(data).digest('hex')),
  ),
];

type Result = typeof STRING | typeof BYTES | typeof MAP;

function ofBoth(
  name: string,
  result: Result,
  convert: (data: Buffer) => string | Uint8Array | CelMap,
): CelFunc[] {
  return [
    celFunc(name, [STRING], result, (text) => convert(Buffer.from(text))),
    celFunc(name, [BYTES], result, (bytes) => convert(Buffer.from(bytes))),
  ];
}

/** With or without padding; anything that another text would also be decoded to is refused. */
function base64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== text.replace(/={1,2}$/, ''))
    throw new Fault('this is not base64');
  return Uint8Array.from(bytes);
}

/** The payload of a token whose signature nobody checked. */
export function jwtPayload(token: string): string {
  const [head, payload, signature, ...more] = token.split('.');
  if (head === undefined || payload === undefined || signature === undefined || more.length > 0)
    throw new Fault('this is not a JWT');
  return strict.decode(Buffer.from(payload, 'base64url'));
}

/** Leaves letters, digits and `-._~`. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, percent);
}

function percentEncodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^A-Za-z0-9._~-]/g, percent);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function percentDecode(text: string): string {
  const latin = Buffer.from(text).toString('latin1');
  const bytes = latin.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return strict.decode(Buffer.from(bytes, 'latin1'));
}

function formDecode(data: Buffer): CelMap {
  const fields = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(data.toString())) {
    const before = fields.get(name);
    if (before === undefined) fields.set(name, value);
    else if (typeof before === 'string') fields.set(name, [before, value]);
    else before.push(value);
  }
  return celMap(
    new Map(
      Array.from(fields, ([name, value]) => [name, typeof value === 'string' ? value : celList(value)]),
    ),
  );
}

/** Sorted, so that the same map is always the same text. */
function formEncode(map: CelMap): string {
  const fields = Array.from(map, ([key, value]): [string, CelValue] => [String(key), value]);
  const form = new URLSearchParams();
  for (const [name, value] of fields.sort(([left], [right]) => (left < right ? -1 : 1))) {
    if (value === null) continue;
    for (const each of isCelList(value) ? value : [value]) {
      if (typeof each !== 'string') throw new Fault('form.encode() takes texts and lists of texts');
      form.append(name, each);
    }
  }
  return form.toString();
}
