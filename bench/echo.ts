/**
 * The upstream's answers, built from bytes with as little work as possible: an echo, the same with progress or after a
 * question, a list of tools. It relies on what the load generator sends (compact JSON, no escapes), so it is no server
 * for anything else.
 */
import type { Era } from '../src/mcp/revisions.ts';

export interface Ask {
  readonly method: string;
  /** Its JSON text; undefined for notifications. */
  readonly id: string | undefined;
  readonly body: Buffer;
}

const HEAD = 400;

/** Members are looked for at both ends, where every known writer puts them: the payload lies between. */
export function readAsk(body: Buffer): Ask {
  const text =
    body.length <= 2 * HEAD
      ? body.toString('latin1')
      : `${body.toString('latin1', 0, HEAD)}${body.toString('latin1', body.length - HEAD)}`;
  const id = /"id":("[^"]*"|-?\d+)/.exec(text)?.[1];
  return { method: /"method":"([^"]+)"/.exec(text)?.[1] ?? '', id, body };
}

export function progressToken({ body }: Ask): string | undefined {
  const at = body.indexOf('"progressToken":');
  return at < 0 ? undefined : /:("[^"]*"|\d+)/.exec(body.toString('latin1', at, at + 100))?.[1];
}

export const progressEvent = (token: string, progress: number): string =>
  `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":${progress},"total":20}}`;

const ECHO_START = Buffer.from(',"result":{"content":[{"type":"text","text":"');
/** What the official SDK puts behind a modern server's results. */
const MODERN_END =
  ',"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"echo","version":"1"}}';
const ECHO_END: Readonly<Record<Era, Buffer>> = {
  legacy: Buffer.from('"}]}}'),
  modern: Buffer.from(`"}]${MODERN_END}}}`),
};

export function answer(ask: Ask, tools: Buffer, era: Era = 'legacy'): Buffer {
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${ask.id}`);
  if (ask.method === 'tools/call') {
    const start = ask.body.indexOf('"text":"') + '"text":"'.length;
    return Buffer.concat([
      head,
      ECHO_START,
      ask.body.subarray(start, ask.body.indexOf('"', start)),
      ECHO_END[era],
    ]);
  }
  if (ask.method === 'tools/list')
    return Buffer.concat([head, Buffer.from(',"result":'), tools, Buffer.from('}')]);
  return Buffer.from(`${head}${greeting(ask, era)}}`);
}

/** Each era refuses the greeting of the other. */
function greeting({ method, body }: Ask, era: Era): string {
  if (method === (era === 'modern' ? 'server/discover' : 'initialize'))
    return era === 'modern' ? DISCOVERED : initialize(body);
  const known = era === 'legacy' && method !== 'server/discover';
  return known ? ',"result":{}' : ',"error":{"code":-32601,"message":"Method not found"}';
}

function initialize(body: Buffer): string {
  const version = /"protocolVersion":"([^"]+)"/.exec(body.toString('latin1'))?.[1] ?? '2025-11-25';
  return `,"result":{"protocolVersion":"${version}","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}`;
}

const DISCOVERED = `,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"${MODERN_END}}`;

const QUESTION =
  '"method":"elicitation/create","params":{"message":"Which one?","requestedSchema":{"type":"object","properties":{"one":{"type":"string"}}}}';

/** A legacy server's question within a call. */
export const question = (id: number): string => `{"jsonrpc":"2.0","id":"q${id}",${QUESTION}}`;

/** A modern server's. */
export const inputRequired = ({ id }: Ask): Buffer =>
  Buffer.from(
    `{"jsonrpc":"2.0","id":${id},"result":{"inputRequests":{"one":{${QUESTION}}},"requestState":"${STATE}","resultType":"input_required"}}`,
  );
const STATE = 'c'.repeat(100);

/** `echo` first, then generated tools of the size real ones have (about 500 bytes). */
export function toolList(count: number, era: Era = 'legacy'): Buffer {
  const echo = {
    name: 'echo',
    description: 'Answers what it is given.',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  };
  const generated = Array.from({ length: Math.max(0, count - 1) }, (_, index) => ({
    name: `search-records-${index}`,
    title: `Search records ${index}`,
    description:
      'Searches the records of one collection for those that fit the query, newest first, and answers at most as many as asked for.',
    inputSchema: {
      type: 'object',
      properties: {
        query: { type: 'string', description: 'Words to look for; all of them must occur.' },
        limit: { type: 'integer', description: 'How many at most.', minimum: 1, maximum: 100 },
      },
      required: ['query'],
    },
    annotations: { readOnlyHint: true },
  }));
  const tools = JSON.stringify([echo, ...generated].slice(0, count));
  const end = era === 'modern' ? `,"ttlMs":0,"cacheScope":"private"${MODERN_END}` : '';
  return Buffer.from(`{"tools":${tools}${end}}`);
}
