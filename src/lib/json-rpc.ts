/**
 * Framing of JSON-RPC 2.0 messages around bytes that stay as they are. Knows no method and no protocol built on it.
 */

import { type Answer, findAtEdges } from './json-rpc-edges.ts';
import { lex, quote, Shape } from './json-text.ts';

export type { Answer };

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * The id comes last, as the official SDKs write it, and that is a guard too: `findAnswer` does not look inside a large
 * result, so an upstream could write members of its own behind it, and most parsers let the last `id` win.
 */
export function resultMessage(id: Buffer, result: Buffer): Buffer {
  return Buffer.concat(resultPieces(id, result));
}

/** The same in pieces, so that a large result is written without being copied. */
export function resultPieces(id: Buffer, result: Buffer): Buffer[] {
  return [RESULT_HEAD, result, RESULT_TAIL, id, CLOSE];
}

/** `id` is undefined when the request's could not be read: the answer then says null. */
export function errorMessage(id: Buffer | undefined, error: RpcError): Buffer {
  const { code, message, data } = error;
  return Buffer.concat([
    HEAD_ID,
    id ?? NULL,
    ERROR,
    Buffer.from(JSON.stringify({ code, message, data })),
    CLOSE,
  ]);
}

/** `error` is the JSON text of the error object. */
export function rawErrorMessage(id: Buffer, error: Buffer): Buffer {
  return Buffer.concat([HEAD_ID, id, ERROR, error, CLOSE]);
}

export function requestMessage(id: number, method: string, params?: Buffer): Buffer {
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`);
  return params ? Buffer.concat([head, PARAMS, params, CLOSE]) : Buffer.concat([head, CLOSE]);
}

export function notificationMessage(method: string, params?: Buffer): Buffer {
  const head = Buffer.concat([HEAD_METHOD, quote(method)]);
  return params ? Buffer.concat([head, PARAMS, params, CLOSE]) : Buffer.concat([head, CLOSE]);
}

const RESULT_HEAD = Buffer.from('{"result":');
const RESULT_TAIL = Buffer.from(',"jsonrpc":"2.0","id":');
const HEAD_ID = Buffer.from('{"jsonrpc":"2.0","id":');
const HEAD_METHOD = Buffer.from('{"jsonrpc":"2.0","method":');
const ERROR = Buffer.from(',"error":');
const PARAMS = Buffer.from(',"params":');
const NULL = Buffer.from('null');
const CLOSE = Buffer.from('}');

const SHAPE = new Shape({ jsonrpc: true, id: true, method: true, result: true, error: true });
const ID = SHAPE.slot('id');
const METHOD = SHAPE.slot('method');
const RESULT = SHAPE.slot('result');
const ERROR_SLOT = SHAPE.slot('error');
const LOWER_N = 0x6e;
const QUOTE = 0x22;

/**
 * Reads an answer at its edges when it is an object result in one of the usual orders of members, whatever its size:
 * then the result was NOT validated, and is one JSON value only if the sender is honest. Everything else is lexed
 * whole, and throws JsonSyntaxError when invalid. Undefined when the message is no answer, or answers the id null.
 */
export function findAnswer(bytes: Buffer): Answer | undefined {
  return findAtEdges(bytes) ?? findByLexing(bytes);
}

function findByLexing(bytes: Buffer): Answer | undefined {
  const text = lex(bytes, SHAPE);
  if (text.has(METHOD)) return undefined;
  const isError = text.has(ERROR_SLOT) && (text.first(ERROR_SLOT) !== LOWER_N || !text.has(RESULT));
  const slot = isError ? ERROR_SLOT : RESULT;
  const id =
    text.first(ID) === QUOTE ? text.text(ID) : integer(text.has(ID) ? text.raw(ID).toString('latin1') : '');
  if (id === undefined || !text.has(slot)) return undefined;
  return { id, kind: isError ? 'error' : 'result', start: text.startOf(slot), end: text.endOf(slot) };
}

function integer(raw: string): number | undefined {
  const value = raw === '' ? Number.NaN : Number(raw);
  return Number.isSafeInteger(value) ? value : undefined;
}
