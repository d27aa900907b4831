/**
 * Lanes: what carries one request at a time to the system under measurement. Requests are serialised beforehand; only
 * the digits of their ids are written anew for each call.
 */
import { connect, type Socket } from 'node:net';
import { HttpConnection } from './connection.ts';
import { type Endpoint, endpoint, INITIALIZE, openSession, request, type Session } from './session.ts';

export interface Lane {
  /** `done` gets undefined, or what was wrong. */
  call(done: (problem: string | undefined) => void): void;
  close(): void;
}

/** Ten digits, so that any id fits where the first one stood. */
export const FIRST_ID = 1_000_000_000;
const PLACEHOLDER = String(FIRST_ID);
const TAIL = 32;

let lastId = FIRST_ID;

/** A request as bytes with the places where its id stands. */
export class Template {
  readonly bytes: Buffer;
  readonly #places: number[] = [];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    for (let at = bytes.indexOf(PLACEHOLDER); at >= 0; at = bytes.indexOf(PLACEHOLDER, at + 1))
      this.#places.push(at);
  }

  /** Writes the next id into the bytes and hands it back. */
  next(): string {
    const id = String(++lastId);
    for (const place of this.#places) this.bytes.write(id, place, 'latin1');
    return id;
  }
}

/** The body of a call, with the placeholder where the id goes. */
export function callBody(tool: string, text: string, progress = false): string {
  const id = FIRST_ID;
  const extra = progress ? { steps: 20 } : {};
  const params = {
    name: tool,
    arguments: { ...extra, text },
    ...(progress ? { _meta: { progressToken: id } } : {}),
  };
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params });
}

export const listBody = (): string =>
  `{"jsonrpc":"2.0","id":${PLACEHOLDER},"method":"tools/list","params":{}}`;

/** Streamable HTTP: its requests in turn, over one connection. */
export class HttpLane implements Lane {
  readonly #connection: HttpConnection;
  readonly #templates: readonly Template[];
  #turn = 0;
  #failed: ((problem: string) => void) | undefined;

  constructor(to: Endpoint, templates: readonly Template[]) {
    this.#templates = templates;
    this.#connection = new HttpConnection(to, (error) => this.#failed?.(error.message));
  }

  call(done: (problem: string | undefined) => void): void {
    const template = this.#templates[this.#turn++ % this.#templates.length] as Template;
    const id = template.next();
    this.#failed = done;
    this.#connection.send(template.bytes, { bytes: id }, ({ status, right }) => {
      done(
        status === 200 && right
          ? undefined
          : `status ${status}${right ? '' : ', not the answer to the request'}`,
      );
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#connection.close();
  }
}

/** The old transport: answers come on a stream of their own. For peers that serve nothing else. */
export class OldSseLane implements Lane {
  readonly #stream: Socket;
  readonly #posts: HttpConnection;
  readonly #template: Template;
  #awaited: { id: string; seen: boolean; done: (problem: string | undefined) => void } | undefined;
  /** The end of the last chunk: ids and event ends may be cut anywhere. */
  #tail = Buffer.alloc(0);
  /** What came since the last call, when somebody wants to read it. */
  #kept: Buffer[] | undefined;

  constructor(stream: Socket, posts: HttpConnection, template: Template) {
    this.#stream = stream;
    this.#posts = posts;
    this.#template = template;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('close', () => this.#awaited?.done('the stream closed'));
  }

  static async open(url: string, body: (to: Endpoint) => string): Promise<OldSseLane> {
    const at = endpoint(url);
    const stream = connect({ host: at.hostname, port: Number(at.port), noDelay: true });
    stream.write(
      `GET ${at.path} HTTP/1.1\r\nHost: localhost:${at.port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    const path = await announced(stream);
    const to = endpoint(new URL(path, `http://127.0.0.1:${at.port}`).href);
    const posts = new HttpConnection(to, () => stream.destroy());
    const post = (text: string) =>
      new Promise<void>((resolve) => posts.send(request(to, text), { bytes: '' }, () => resolve()));
    await post(INITIALIZE);
    await post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return new OldSseLane(stream, posts, new Template(request(to, body(to))));
  }

  call(done: (problem: string | undefined) => void): void {
    const id = this.#template.next();
    this.#awaited = { id, seen: false, done };
    this.#posts.send(this.#template.bytes, { bytes: '' }, ({ status }) => {
      if (status >= 300) this.#awaited?.done(`status ${status}`);
    });
  }

  /** One call and all that came for it. */
  whole(): Promise<string> {
    this.#kept = [];
    return new Promise((resolve, reject) => {
      this.call((problem) => {
        const text = Buffer.concat(this.#kept ?? []).toString('utf8');
        if (problem === undefined) resolve(text);
        else reject(new Error(problem));
      });
    });
  }

  close(): void {
    this.#awaited = undefined;
    this.#stream.destroy();
    this.#posts.close();
  }

  /** The event with the result is over at the first empty line after its id. */
  #read(chunk: Buffer): void {
    const data = Buffer.concat([this.#tail, chunk]);
    this.#tail = data.subarray(-TAIL);
    const awaited = this.#awaited;
    if (!awaited) return;
    this.#kept?.push(chunk);
    const at = awaited.seen ? 0 : data.indexOf(`"id":${awaited.id}`);
    if (at >= 0) awaited.seen = true;
    if (!awaited.seen || data.indexOf('\n\n', at) < 0) return;
    this.#awaited = undefined;
    this.#tail = Buffer.alloc(0);
    awaited.done(undefined);
  }
}

function announced(stream: Socket): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const path = /event: endpoint\r?\ndata: ?([^\r\n]+)\r?\n/.exec(text)?.[1];
      if (path === undefined) return;
      stream.off('data', read);
      resolve(path);
    };
    stream.on('data', read);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(`no endpoint announced: ${text}`)));
  });
}

/** A connection that fails loudly, for handshakes. */
export async function withConnection<T>(
  to: Endpoint,
  use: (connection: HttpConnection) => Promise<T>,
): Promise<T> {
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const connection = new HttpConnection(to, (error) => fail(error));
  try {
    return await Promise.race([use(connection), failure]);
  } finally {
    connection.close();
  }
}

/** Opens sessions, several at a time. */
export async function openSessions(url: string, count: number, atOnce = 16): Promise<Session[]> {
  const to = endpoint(url);
  const sessions: Session[] = [];
  const worker = (): Promise<void> =>
    withConnection(to, async (connection) => {
      while (sessions.length < count) {
        const place = sessions.length;
        sessions.length = place + 1;
        sessions[place] = await openSession(connection, to);
      }
    });
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return sessions;
}
