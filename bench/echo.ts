/**
 * The upstream's answers, built from bytes with as little work as possible: an echo, the same with progress, a list of
 * tools. It relies on what the load generator sends (compact JSON, no escapes), so it is no server for anything else.
 */

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
const ECHO_END = Buffer.from('"}]}}');

export function answer(ask: Ask, tools: Buffer): Buffer {
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${ask.id}`);
  if (ask.method === 'tools/call') {
    const start = ask.body.indexOf('"text":"') + '"text":"'.length;
    return Buffer.concat([
      head,
      ECHO_START,
      ask.body.subarray(start, ask.body.indexOf('"', start)),
      ECHO_END,
    ]);
  }
  if (ask.method === 'tools/list')
    return Buffer.concat([head, Buffer.from(',"result":'), tools, Buffer.from('}')]);
  const version = /"protocolVersion":"([^"]+)"/.exec(ask.body.toString('latin1'))?.[1] ?? '2025-11-25';
  return Buffer.from(`${head}${ask.method === 'initialize' ? initialize(version) : ',"result":{}}'}`);
}

const initialize = (version: string): string =>
  `,"result":{"protocolVersion":"${version}","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}}`;

/** `echo` first, then generated tools of the size real ones have (about 500 bytes). */
export function toolList(count: number): Buffer {
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
  return Buffer.from(JSON.stringify({ tools: [echo, ...generated].slice(0, count) }));
}
