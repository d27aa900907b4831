/**
 * Results and errors of a server as a client of the other era expects them. Members are put in and taken out; every
 * other byte stays as it came. Bodies come from servers and have not been validated: what is not JSON passes unchanged,
 * and the client is the one to judge it.
 */
import { GatewayError } from '../../core/errors.ts';
import {
  type Edit,
  JsonSyntaxError,
  type MemberSpan,
  memberBefore,
  members,
  type NamedSpan,
  quote,
  spaceBefore,
  splice,
  without,
} from '../../lib/json-text.ts';
import { Needle } from '../../lib/needle.ts';

export interface ModernResult {
  /** Of a method whose results clients may keep: they are told not to. */
  readonly cacheable: boolean;
  /** Raw JSON; goes to `_meta` unless the server has written its own there. */
  readonly serverInfo: Buffer | undefined;
}

/** A legacy server's result for a modern client; what the server itself has written stays. */
export function resultToModern(body: Buffer, { cacheable, serverInfo }: ModernResult): Buffer {
  if (body[0] !== OPEN_BRACE) return body;
  const known =
    NAME_TYPE.isIn(body) ||
    (serverInfo !== undefined && NAME_META.isIn(body)) ||
    (cacheable && (NAME_TTL.isIn(body) || NAME_SCOPE.isIn(body)));
  if (!known && !cacheable && serverInfo && !isEmpty(body, 1))
    return splice(body, [{ start: 0, end: 1, with: leadOf(serverInfo) }]);
  const there = known ? readable(body) : NO_MEMBERS;
  if (!there) return body;
  const put: Buffer[] = [];
  if (!has(there, 'resultType')) put.push(TYPE);
  if (cacheable && !has(there, 'ttlMs')) put.push(TTL);
  if (cacheable && !has(there, 'cacheScope')) put.push(SCOPE);
  const meta = there.find(({ name }) => name === '_meta');
  if (serverInfo && !meta) put.push(META_OPEN, serverInfo, META_CLOSE);
  const edits = firstMembers(body, 0, put);
  if (serverInfo && meta) edits.push(...identityInto(body, meta, serverInfo));
  return edits.length === 0 ? body : splice(body, edits);
}

const leads = new WeakMap<Buffer, Buffer>();

/** How most results begin; remembered, for a server has one identity for all of them. */
function leadOf(serverInfo: Buffer): Buffer {
  let lead = leads.get(serverInfo);
  if (!lead) {
    lead = Buffer.concat([OPEN, TYPE, META_OPEN, serverInfo, META_CLOSE]);
    leads.set(serverInfo, lead);
  }
  return lead;
}

/** A modern server's result for a legacy client: without its `resultType`. */
export function resultToLegacy(body: Buffer): Buffer {
  if (startsWith(body, FRONT, 0)) return splice(body, [{ start: 1, end: FRONT.length, with: NOTHING }]);
  const type = typeAtEnd(body) ?? (NAME_TYPE.isIn(body) ? typeInside(body) : undefined);
  return type ? splice(body, without(body, [type])) : body;
}

export interface InputRequest {
  readonly key: string;
  readonly method: string;
  /** Raw JSON object. */
  readonly params: Buffer;
}

export interface InputRequired {
  /** In the server's order. */
  readonly requests: readonly InputRequest[];
  readonly state: string | undefined;
}

/** What a modern server asks for before it goes on; undefined for any other result. Throws UPSTREAM_PROTOCOL. */
export function readInputRequired(body: Buffer): InputRequired | undefined {
  if (!INPUT_REQUIRED.isIn(body)) return undefined;
  return strictly(() => {
    const there = unique(members(body));
    const type = there.get('resultType');
    if (!type || text(body, type) !== 'input_required') return undefined;
    const requests = there.get('inputRequests');
    const state = there.get('requestState');
    if (!requests && !state) throw malformed('neither "inputRequests" nor "requestState"');
    const decoded = state && text(body, state);
    if (state && decoded === undefined) throw malformed('"requestState" is no string');
    return { requests: requests ? inputRequests(body, requests) : [], state: decoded };
  });
}

/** The result with another `requestState`. */
export function withRequestState(body: Buffer, state: string): Buffer {
  const value = quote(state);
  const there = strictly(() => members(body).filter(({ name }) => name === 'requestState'));
  if (there.length > 0)
    return splice(
      body,
      there.map(({ start, end }) => ({ start, end, with: value })),
    );
  return splice(body, firstMembers(body, 0, [Buffer.from('"requestState":'), value, COMMA]));
}

/** A whole `input_required` result; `serverInfo` is raw JSON. */
export function inputRequiredResult(
  requests: readonly InputRequest[],
  state: string | undefined,
  serverInfo: Buffer | undefined,
): Buffer {
  const pieces: Buffer[] = [Buffer.from('{"resultType":"input_required","inputRequests":{')];
  for (const [index, { key, method, params }] of requests.entries()) {
    const head = `${index === 0 ? '' : ','}${quote(key)}:{"method":${quote(method)},"params":`;
    pieces.push(Buffer.from(head), params, CLOSE);
  }
  pieces.push(CLOSE);
  if (state !== undefined) pieces.push(Buffer.from(`,"requestState":${quote(state)}`));
  if (serverInfo) pieces.push(COMMA, META_OPEN, serverInfo, CLOSE, CLOSE);
  else pieces.push(CLOSE);
  return Buffer.concat(pieces);
}

/** A legacy server's error for a modern client: a resource that is not there has another code. */
export function errorToModern(error: Buffer): Buffer {
  return withCode(error, '-32002', '-32602');
}

/** The reverse; `method` is that of the request. */
export function errorToLegacy(error: Buffer, method: string): Buffer {
  // The older revisions have no number for a capability that a client lacks.
  if (error.includes('-32021')) return withCode(error, '-32021', '-32603');
  if (method !== 'resources/read' || !error.includes('"uri"')) return error;
  const data = readable(error)?.find(({ name }) => name === 'data');
  const uri = data && readable(error, data)?.some(({ name }) => name === 'uri');
  return uri ? withCode(error, '-32602', '-32002') : error;
}

/** HTTP status of the reply that carries this JSON-RPC error to a modern client. */
export function errorStatus(error: Buffer): number {
  const code = readable(error)?.find(({ name }) => name === 'code');
  return (code && STATUS[raw(error, code)]) ?? 200;
}

/** Every other error is in-band: the reply itself is in order. */
const STATUS: Readonly<Record<string, number>> = {
  '-32601': 404,
  '-32600': 400,
  '-32700': 400,
  '-32020': 400,
  '-32021': 400,
  '-32022': 400,
};

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const QUOTE_BYTE = 0x22;
const COMMA_BYTE = 0x2c;

const NAME_TYPE = new Needle('"resultType"', 'Type"');
const NAME_META = new Needle('"_meta"', '_meta');
const NAME_TTL = new Needle('"ttlMs"', 'Ms"');
const NAME_SCOPE = new Needle('"cacheScope"', 'Scope"');
const INPUT_REQUIRED = new Needle('"input_required"', '_requi');
const FRONT = Buffer.from('{"resultType":"complete",');

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
const TYPE = Buffer.from('"resultType":"complete",');
const TTL = Buffer.from('"ttlMs":0,');
const SCOPE = Buffer.from('"cacheScope":"private",');
const IDENTITY = Buffer.from(`"${SERVER_INFO}":`);
const META_OPEN = Buffer.from(`"_meta":{"${SERVER_INFO}":`);
const META_CLOSE = Buffer.from('},');
const COMMA = Buffer.from(',');
const OPEN = Buffer.from('{');
const CLOSE = Buffer.from('}');
const EMPTY_OBJECT = Buffer.from('{}');
const NOTHING = Buffer.alloc(0);
const NO_MEMBERS: readonly NamedSpan[] = [];

/** So much of a result's end is looked at before it is read from the front. */
const REACH = 2048;

/** `resultType` among the last members: that is where the official TypeScript SDK writes it. */
function typeAtEnd(body: Buffer): MemberSpan | undefined {
  const floor = Math.max(0, body.length - REACH);
  let end = body.length - 1;
  if (body[end] !== CLOSE_BRACE) return undefined;
  for (;;) {
    const member = memberBefore(body, end, floor);
    if (!member) return undefined;
    if (startsWith(body, NAME_TYPE.bytes, member.at)) return member;
    end = spaceBefore(body, member.at) - 1;
    if (body[end] !== COMMA_BYTE) return undefined;
  }
}

function startsWith(body: Buffer, wanted: Buffer, at: number): boolean {
  // The third byte first: most bodies differ there.
  if (body[at + 2] !== wanted[2] || at + wanted.length > body.length) return false;
  return wanted.compare(body, at, at + wanted.length) === 0;
}

function typeInside(body: Buffer): MemberSpan | undefined {
  try {
    const last = members(body, undefined, 'resultType').at(-1);
    return last?.name === 'resultType' ? last : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

/** Undefined when the text is broken. */
function readable(bytes: Buffer, span?: MemberSpan): NamedSpan[] | undefined {
  try {
    return members(bytes, span);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

function has(there: readonly NamedSpan[], wanted: string): boolean {
  return there.some(({ name }) => name === wanted);
}

/** Edits that put texts, the last of which ends with a comma, first into the object whose brace is at `at`. */
function firstMembers(bytes: Buffer, at: number, put: readonly Buffer[]): Edit[] {
  const start = at + 1;
  const edits = put.map((piece): { start: number; end: number; with: Buffer } => ({
    start,
    end: start,
    with: piece,
  }));
  const last = edits.at(-1);
  if (last && isEmpty(bytes, start)) last.with = last.with.subarray(0, -1);
  return edits;
}

/** Whether an object closes here, behind its brace. */
function isEmpty(bytes: Buffer, behindBrace: number): boolean {
  let at = behindBrace;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at += 1;
  return bytes[at] === CLOSE_BRACE;
}

/** Nothing when `_meta` is no object, or the server has said who it is. */
function identityInto(body: Buffer, meta: NamedSpan, serverInfo: Buffer): Edit[] {
  if (body[meta.start] !== OPEN_BRACE || has(members(body, meta), SERVER_INFO)) return [];
  return firstMembers(body, meta.start, [IDENTITY, serverInfo, COMMA]);
}

function withCode(error: Buffer, from: string, to: string): Buffer {
  if (!error.includes(from)) return error;
  const code = readable(error)?.find(({ name }) => name === 'code');
  if (!code || raw(error, code) !== from) return error;
  return splice(error, [{ start: code.start, end: code.end, with: Buffer.from(to) }]);
}

function inputRequests(body: Buffer, span: NamedSpan): InputRequest[] {
  if (body[span.start] !== OPEN_BRACE) throw malformed('"inputRequests" is no object');
  return [...unique(members(body, span)).values()].map((entry) => {
    const { name: key } = entry;
    const there = unique(members(body, entry));
    const named = there.get('method');
    const method = named && text(body, named);
    if (method === undefined) throw malformed(`"inputRequests" has no method for ${quote(key)}`);
    const params = there.get('params');
    if (params && body[params.start] !== OPEN_BRACE)
      throw malformed(`"inputRequests" has params that are no object for ${quote(key)}`);
    return { key, method, params: params ? body.subarray(params.start, params.end) : EMPTY_OBJECT };
  });
}

/** Two readers must not see two different questions. */
function unique(there: readonly NamedSpan[]): Map<string, NamedSpan> {
  const byName = new Map(there.map((member) => [member.name, member]));
  if (byName.size < there.length) throw malformed('a member comes twice');
  return byName;
}

function raw(bytes: Buffer, { start, end }: MemberSpan): string {
  return bytes.toString('latin1', start, end);
}

/** A string, decoded; undefined for other values. */
function text(bytes: Buffer, { start, end }: MemberSpan): string | undefined {
  return bytes[start] === QUOTE_BYTE ? (JSON.parse(bytes.toString('utf8', start, end)) as string) : undefined;
}

function strictly<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw malformed(error.message);
    throw error;
  }
}

function malformed(why: string): GatewayError {
  return new GatewayError('UPSTREAM_PROTOCOL', `the server's input_required result is malformed: ${why}`);
}
