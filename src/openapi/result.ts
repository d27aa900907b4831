/**
 * The reply of an API as the result of a tool call: JSON as structured content and text, pictures and sound as such,
 * other bytes as an embedded resource, refusals as tool errors. Knows no connection.
 */
import { STATUS_CODES } from 'node:http';
import { JsonSyntaxError, lex, quote, Shape } from '../lib/json-text.ts';
import { parseObject } from '../lib/json-value.ts';
import type { Conformity } from './conformity.ts';
import { essence, isJson, isText } from './media-types.ts';

export interface ApiReply {
  readonly status: number;
  readonly contentType: string | undefined;
  /** `gzip`: nobody has asked for it. */
  readonly contentEncoding: string | undefined;
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  readonly bytes: Buffer;
  /** There was more. */
  readonly cut: boolean;
}

export interface ExpectedOutput {
  /** MCP takes objects only: anything else stands in the member `data` of one. */
  readonly wrapped: boolean;
  readonly faultOf: Conformity;
}

export interface ResultOptions {
  readonly output: ExpectedOutput | undefined;
  /** Names what was fetched, where it is passed on as a resource. */
  readonly uri: string;
}

const ANY = new Shape({});
const IMAGES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
]);
const ERROR_LENGTH = 8 * 1024;
const OPEN_BRACE = 0x7b;

/** JSON text of the result. */
export function toolResult(reply: ApiReply, options: ResultOptions): Buffer {
  if (reply.status >= 400) return textResult(refusalText(reply), true);
  const bytes = withoutMark(reply.bytes);
  const { output } = options;
  const structured = reply.status < 300 && !reply.cut && looksLikeJson(reply) && isValid(bytes);
  if (!structured) return unstructured(reply, options);
  const text = bytes.toString();
  const fault = output?.faultOf(output.wrapped ? { data: JSON.parse(text) } : JSON.parse(text));
  if (fault !== undefined) return unpromised(reply, `is not as the description promises (${fault})`);
  if (output?.wrapped) return structuredResult(text, Buffer.concat([DATA, bytes, CLOSE]));
  return firstByte(bytes) === OPEN_BRACE ? structuredResult(text, bytes) : textResult(text, false);
}

/** A tool error: something the caller can do otherwise. */
export function textResult(text: string, isError: boolean): Buffer {
  return result([Buffer.from('{"type":"text","text":'), quote(text), CLOSE], isError);
}

const DATA = Buffer.from('{"data":');
const CLOSE = Buffer.from('}');
const STRUCTURED = Buffer.from('}],"structuredContent":');
const TEXT = Buffer.from('{"content":[{"type":"text","text":');

function structuredResult(text: string, structured: Buffer): Buffer {
  return Buffer.concat([TEXT, quote(text), STRUCTURED, structured, CLOSE]);
}

function result(content: readonly Buffer[], isError: boolean): Buffer {
  const end = isError ? ERROR_END : Buffer.from(']}');
  return Buffer.concat([Buffer.from('{"content":['), ...content, end]);
}

const ERROR_END = Buffer.from('],"isError":true}');

/** Of a result that was made here: structured content ends otherwise, whatever it says. */
export function isErrorResult(made: Buffer): boolean {
  return made.subarray(-ERROR_END.length).equals(ERROR_END);
}

function unstructured(reply: ApiReply, { output, uri }: ResultOptions): Buffer {
  if (output) {
    const large = 'is too large to be passed on whole';
    return unpromised(reply, reply.cut ? large : 'is not the JSON that the description promises');
  }
  if (reply.bytes.length === 0) return textResult(statusText(reply), false);
  const type = essence(reply.contentType ?? '');
  if (reply.contentEncoding !== undefined || !isReadable(reply, type)) return binary(reply, type, uri);
  const notice = reply.cut ? cutNotice(reply.bytes.length) : '';
  return textResult(`${decoded(reply)}${notice}`, false);
}

/** Clients refuse a result without the structured content that the tool promises, unless it is an error. */
function unpromised(reply: ApiReply, why: string): Buffer {
  const head = `The API has carried out the request (${statusText(reply)}), but its reply ${why}.`;
  return textResult(`${head}\n${excerpt(reply)}`, true);
}

function binary(reply: ApiReply, type: string, uri: string): Buffer {
  const { bytes, contentEncoding } = reply;
  const named = type === '' ? 'application/octet-stream' : type;
  if (contentEncoding !== undefined)
    return textResult(
      `The reply (${named}) is compressed (${contentEncoding}), which nobody has asked for.`,
      true,
    );
  if (reply.cut)
    return textResult(`The reply (${named}) is longer than ${bytes.length} bytes and left out.`, false);
  const data = quote(bytes.toString('base64'));
  const kind = IMAGES.has(type) ? 'image' : type.startsWith('audio/') ? 'audio' : undefined;
  if (kind) {
    const head = Buffer.from(`{"type":"${kind}","mimeType":${JSON.stringify(type)},"data":`);
    return result([head, data, CLOSE], false);
  }
  const resource = `{"type":"resource","resource":{"uri":${JSON.stringify(uri)},"mimeType":${JSON.stringify(named)},"blob":`;
  return result([Buffer.from(resource), data, Buffer.from('}}')], false);
}

/** A type is not always said. */
function isReadable({ bytes }: ApiReply, type: string): boolean {
  if (type !== '') return isText(type) || isJson(type);
  return !bytes.includes(0);
}

function looksLikeJson({ contentType, contentEncoding, bytes }: ApiReply): boolean {
  if (contentEncoding !== undefined || bytes.length === 0) return false;
  const type = essence(contentType ?? '');
  return type === '' ? /^\s*[[{]/.test(bytes.toString('latin1', 0, 64)) : isJson(type);
}

function statusText({ status, location }: ApiReply): string {
  const name = STATUS_CODES[status];
  const to = location === undefined ? '' : `, location: ${location}`;
  return `HTTP ${status}${name === undefined ? '' : ` ${name}`}${to}`;
}

/** What went wrong, in the words of the API: the members of RFC 9457 first, words of a web page without its tags. */
function refusalText(reply: ApiReply): string {
  const { retryAfter } = reply;
  const wait = retryAfter === undefined ? '' : ` (retry after: ${retryAfter})`;
  const said = excerpt(reply);
  return `${statusText(reply)}${wait}${said === '' ? '' : `\n${said}`}`;
}

function excerpt(reply: ApiReply): string {
  const { bytes, contentEncoding } = reply;
  const type = essence(reply.contentType ?? '');
  if (bytes.length === 0 || contentEncoding !== undefined || !isReadable(reply, type)) return '';
  const problem = /\+json$/.test(type) ? parseObject(bytes) : undefined;
  if (problem && type === 'application/problem+json') return problemText(problem);
  const text = decoded(reply);
  const words = /^\s*<(?:!doctype|html)/i.test(text) ? wordsOf(text.slice(0, ERROR_LENGTH)) : text;
  const short = words.slice(0, ERROR_LENGTH);
  return short.length < words.length || reply.cut ? `${short}${cutNotice(short.length)}` : short;
}

function problemText(problem: Record<string, unknown>): string {
  const { title, detail, ...rest } = problem;
  const said = [title, detail].filter((text) => typeof text === 'string' && text !== '');
  const { status: _, type: kind, ...more } = rest;
  const others = { ...(kind !== undefined && kind !== 'about:blank' && { type: kind }), ...more };
  const further = Object.keys(others).length === 0 ? [] : [JSON.stringify(others).slice(0, ERROR_LENGTH)];
  return [said.join(': '), ...further].filter((line) => line !== '').join('\n');
}

function wordsOf(page: string): string {
  return page
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

function cutNotice(length: number): string {
  return `\n[cut after ${length} bytes: the reply is longer]`;
}

function decoded({ bytes, contentType }: ApiReply): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}

/** The body becomes a part of our own message: it must be one value, and end where we think it ends. */
function isValid(bytes: Buffer): boolean {
  try {
    lex(bytes, ANY);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}

function firstByte(bytes: Buffer): number | undefined {
  return bytes.find((byte) => byte > 0x20);
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}
