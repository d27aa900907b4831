/**
 * One JSON-RPC message as MCP uses it: validated bytes plus the spans of the members we route on. What is not routed
 * on stays untouched bytes, so unknown members, number precision and order survive.
 */
import { GatewayError } from '../core/errors.ts';
import { compact, type Edit, JsonSyntaxError, type JsonText, lex, Shape, splice } from '../lib/json-text.ts';

const SHAPE = new Shape({
  jsonrpc: true,
  id: true,
  method: true,
  params: {
    name: true,
    uri: true,
    cursor: true,
    level: true,
    requestId: true,
    progressToken: true,
    protocolVersion: true,
    capabilities: true,
    clientInfo: true,
    ref: { type: true, name: true, uri: true },
    arguments: true,
    task: true,
    taskId: true,
    notifications: true,
    inputResponses: true,
    requestState: true,
    _meta: {
      progressToken: true,
      traceparent: true,
      'io.modelcontextprotocol/protocolVersion': true,
      'io.modelcontextprotocol/clientInfo': true,
      'io.modelcontextprotocol/clientCapabilities': true,
      'io.modelcontextprotocol/logLevel': true,
      'io.modelcontextprotocol/subscriptionId': true,
    },
  },
  result: true,
  error: true,
});

const JSONRPC = SHAPE.slot('jsonrpc');
const ID = SHAPE.slot('id');
const METHOD = SHAPE.slot('method');
const RESULT = SHAPE.slot('result');
const ERROR = SHAPE.slot('error');

/** Slots of the members that are read or replaced, for `Message.text`. */
export const SLOT = {
  id: ID,
  params: SHAPE.slot('params'),
  name: SHAPE.slot('params', 'name'),
  uri: SHAPE.slot('params', 'uri'),
  cursor: SHAPE.slot('params', 'cursor'),
  level: SHAPE.slot('params', 'level'),
  requestId: SHAPE.slot('params', 'requestId'),
  progressToken: SHAPE.slot('params', 'progressToken'),
  protocolVersion: SHAPE.slot('params', 'protocolVersion'),
  capabilities: SHAPE.slot('params', 'capabilities'),
  clientInfo: SHAPE.slot('params', 'clientInfo'),
  refType: SHAPE.slot('params', 'ref', 'type'),
  refName: SHAPE.slot('params', 'ref', 'name'),
  refUri: SHAPE.slot('params', 'ref', 'uri'),
  meta: SHAPE.slot('params', '_meta'),
  metaProgressToken: SHAPE.slot('params', '_meta', 'progressToken'),
  traceparent: SHAPE.slot('params', '_meta', 'traceparent'),
  arguments: SHAPE.slot('params', 'arguments'),
  task: SHAPE.slot('params', 'task'),
  taskId: SHAPE.slot('params', 'taskId'),
  notifications: SHAPE.slot('params', 'notifications'),
  inputResponses: SHAPE.slot('params', 'inputResponses'),
  requestState: SHAPE.slot('params', 'requestState'),
  metaVersion: SHAPE.slot('params', '_meta', 'io.modelcontextprotocol/protocolVersion'),
  metaInfo: SHAPE.slot('params', '_meta', 'io.modelcontextprotocol/clientInfo'),
  metaCapabilities: SHAPE.slot('params', '_meta', 'io.modelcontextprotocol/clientCapabilities'),
  metaLogLevel: SHAPE.slot('params', '_meta', 'io.modelcontextprotocol/logLevel'),
  metaSubscription: SHAPE.slot('params', '_meta', 'io.modelcontextprotocol/subscriptionId'),
  result: RESULT,
  error: ERROR,
} as const;

export interface Message {
  readonly kind: 'request' | 'notification' | 'response';
  readonly text: JsonText;
  /** Empty for responses. */
  readonly method: string;
  /** Raw JSON text of the id (`7`, `"7"`): number and string ids stay distinct. Empty for notifications. */
  readonly id: string;
}

/** Reads one message. Line breaks between its tokens are taken out: stdio and SSE frame by lines. */
export function readMessage(bytes: Buffer): Message {
  try {
    const text = lex(bytes, SHAPE);
    // Not before: taking the break out of `1\n2` would make something valid of it.
    const line = compact(bytes, text.start, text.end);
    return classify(line.length === text.end - text.start ? text : lex(line, SHAPE));
  } catch (error) {
    throw syntaxToGateway(error);
  }
}

/** Whether the body is a JSON-RPC batch; decided by its first byte that is not white space. */
export function isBatch(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte === 0x5b) return true;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false;
  }
  return false;
}

export function syntaxToGateway(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (!(error instanceof JsonSyntaxError)) throw error;
  const code = error.reason === 'ambiguous' ? 'INVALID_REQUEST' : 'PARSE_ERROR';
  return new GatewayError(code, error.message);
}

function classify(text: JsonText): Message {
  if (text.bytes[text.start] !== 0x7b) throw invalid('a JSON-RPC message is an object');
  if (text.text(JSONRPC) !== '2.0') throw invalid('"jsonrpc" must be "2.0"');
  if (text.has(METHOD)) {
    const method = text.text(METHOD);
    if (method === undefined || method === '') throw invalid('"method" must be a non-empty string');
    if (!text.has(ID)) return { kind: 'notification', text, method, id: '' };
    return { kind: 'request', text, method, id: readId(text) };
  }
  if (!text.has(RESULT) && !text.has(ERROR)) throw invalid('neither a method nor a result nor an error');
  return { kind: 'response', text, method: '', id: readId(text) };
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;

function readId(text: JsonText): string {
  if (!text.has(ID)) throw invalid('a response needs an id');
  const raw = text.raw(ID).toString('utf8');
  if (raw.length > 256) throw invalid('"id" is longer than 256 bytes');
  if (raw.startsWith('"') || INTEGER.test(raw)) return raw;
  throw invalid('"id" must be a string or an integer');
}

function invalid(message: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', message);
}

/** The message with some members replaced: `[slot, new JSON text]`; members that are absent are left out. */
export function withMembers({ text }: Message, members: readonly Member[]): Buffer {
  return splice(text.bytes, replacing(text, members, []), text);
}

/** Adds the edits that replace members to other edits, which are in the order of the text. */
export function replacing(text: JsonText, members: readonly Member[], edits: Edit[]): Edit[] {
  for (const [slot, value] of members) {
    const start = text.startOf(slot);
    if (start < 0) continue;
    const edit = { start, end: text.endOf(slot), with: value };
    // In the order of the text; there are two or three.
    let at = edits.length;
    while (at > 0 && (edits[at - 1] as Edit).start > start) at -= 1;
    if (at === edits.length) edits.push(edit);
    else edits.splice(at, 0, edit);
  }
  return edits;
}

/** Slot and new JSON text. */
export type Member = readonly [number, Buffer];

export function numberText(value: number): Buffer {
  return Buffer.from(String(value), 'latin1');
}

export function wholeMessage(message: Message): Buffer {
  return message.text.bytes.subarray(message.text.start, message.text.end);
}
