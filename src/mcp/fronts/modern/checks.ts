/**
 * What a modern request must say of itself, in its `_meta` and in the headers that repeat it (revision 2026-07-28,
 * "Request Metadata"): whoever routes by the headers must not be shown something else than the server carries out.
 * The order is that of the official SDK, so that a request with several faults gets the same answer.
 */
import { GatewayError } from '../../../core/errors.ts';
import { type Exchange, header } from '../../../core/exchange.ts';
import { type Envelope, readEnvelope } from '../../bridge/envelope.ts';
import { decodeHeaderValue } from '../../bridge/param-headers.ts';
import { type Message, SLOT } from '../../message.ts';
import { MODERN_REVISION, REVISIONS } from '../../revisions.ts';

/** What of the parameters `Mcp-Name` repeats: its slot and the name for people. */
const NAMED: ReadonlyMap<string, readonly [slot: number, member: string]> = new Map([
  ['tools/call', [SLOT.name, 'name']],
  ['prompts/get', [SLOT.name, 'name']],
  ['resources/read', [SLOT.uri, 'uri']],
  ['tasks/get', [SLOT.taskId, 'taskId']],
  ['tasks/update', [SLOT.taskId, 'taskId']],
  ['tasks/cancel', [SLOT.taskId, 'taskId']],
]);

/** Of older revisions. A server behind must not be reached by them: it may be one that knows them. */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/list',
  'tasks/result',
]);

/** What a request says of its client. Throws the error that answers a request at fault. */
export function checkRequest(exchange: Exchange, message: Message): Envelope {
  const envelope = readEnvelope(message);
  const version = field(exchange, 'mcp-protocol-version');
  const method = field(exchange, 'mcp-method');
  if (version !== undefined) agree('MCP-Protocol-Version', version, envelope.version);
  if (method !== undefined) agree('Mcp-Method', method, message.method);
  checkRevision(envelope.version);
  if (version === undefined) throw missing('MCP-Protocol-Version', envelope.version);
  if (method === undefined) throw missing('Mcp-Method', message.method);
  checkName(exchange, message);
  checkMethod(message);
  return envelope;
}

/** The same where there are no headers: a channel. */
export function checkEnvelope(message: Message): Envelope {
  const envelope = readEnvelope(message);
  checkRevision(envelope.version);
  checkMethod(message);
  return envelope;
}

/** Notifications need no `_meta` and no headers, but what they have must agree. */
export function checkNotification(exchange: Exchange, { text, method }: Message): void {
  const claimed = text.text(SLOT.metaVersion);
  if (claimed === undefined && text.has(SLOT.metaVersion)) {
    throw new GatewayError(
      'INVALID_PARAMS',
      `${method}: in params._meta, "io.modelcontextprotocol/protocolVersion" must be a string`,
    );
  }
  const version = field(exchange, 'mcp-protocol-version');
  const named = field(exchange, 'mcp-method');
  if (claimed !== undefined && version !== undefined) agree('MCP-Protocol-Version', version, claimed);
  if (named !== undefined) agree('Mcp-Method', named, method);
  checkRevision(claimed ?? version ?? '');
}

/** A header without the white space that HTTP allows around it. */
export function field(exchange: Exchange, name: string): string | undefined {
  const value = header(exchange, name);
  if (value === undefined) return undefined;
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return end - start === value.length ? value : value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function checkRevision(requested: string): void {
  if (requested === MODERN_REVISION) return;
  throw new GatewayError('REVISION_UNSUPPORTED', `Unsupported protocol version: ${short(requested)}`, {
    data: { supported: REVISIONS, requested: short(requested) },
  });
}

function checkMethod({ method }: Message): void {
  if (REMOVED.has(method) || method.startsWith('notifications/'))
    throw new GatewayError('METHOD_NOT_FOUND', `Method not found: ${short(method)}`);
}

function checkName(exchange: Exchange, { method, text }: Message): void {
  const source = NAMED.get(method);
  if (!source) return;
  const [slot, member] = source;
  const value = text.text(slot);
  const given = field(exchange, 'mcp-name');
  if (given === undefined) {
    // What a request lacks altogether is for whoever carries it out to say.
    if (value === undefined) return;
    throw missing('Mcp-Name', value);
  }
  const decoded = decodeHeaderValue(given);
  if (decoded === undefined)
    throw new GatewayError('HEADER_MISMATCH', 'Header mismatch: Mcp-Name is not valid Base64');
  if (value !== undefined) agree(`Mcp-Name (params.${member})`, decoded, value);
}

function agree(name: string, value: string, body: string): void {
  if (value === body) return;
  throw new GatewayError(
    'HEADER_MISMATCH',
    `Header mismatch: ${name} header value '${short(value)}' does not match body value '${short(body)}'`,
  );
}

function missing(name: string, body: string): GatewayError {
  return new GatewayError(
    'HEADER_MISMATCH',
    `Header mismatch: the ${name} header is missing; the body says '${short(body)}'`,
  );
}

const LONGEST = 100;

/** What strangers write is repeated only so far. */
function short(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}
