/**
 * The least of an MCP client, of either era: sends bytes, hands back the bytes of what came. It interprets nothing but
 * what it must answer; no SDK, since SDKs drop what they do not know.
 */
import type { Era } from '../../src/mcp/revisions.ts';
import type { Case } from './case.ts';
import type { Headers } from './connection.ts';
import { member } from './members.ts';

/** All texts are latin1: one character per byte. */
export interface Reply {
  readonly status: number;
  /** The message that answers; undefined when there was none. */
  readonly answer: string | undefined;
  /** Notifications that came before it on the same stream. */
  readonly events: readonly string[];
  /** What the client was asked, in order, whatever carried it. */
  readonly questions: readonly Question[];
  /** Results that only asked for input (modern clients). */
  readonly rounds: readonly string[];
  /** The last request that was sent, and its headers. */
  readonly sent: { readonly text: string; readonly headers: Headers };
}

export interface Question {
  readonly method: string;
  readonly params: string;
}

export interface Client {
  readonly era: Era;
  /** The answer to `initialize` or `server/discover`, after which the other requests may come. Asked for once. */
  open(): Promise<Reply>;
  /** Opens the stream for what belongs to no answer, and asks for updates of these resources. */
  listen(uris: readonly string[]): Promise<void>;
  /** Answers what it is asked with the answers of the case, in order. `id` gives the id of each message. */
  request(one: Request, id: () => string): Promise<Reply>;
  /** Returns the text of the message. */
  notify(method: string, params: string): Promise<string>;
  /** What came on the listening stream since the last look; waits a moment for `count` messages. */
  heard(count: number): Promise<string[]>;
  close(): void;
}

export type Request = Pick<Case, 'method' | 'params' | 'answers' | 'logLevel' | 'headers'>;

/** What the client says of itself: JSON texts, odd enough to show who writes them anew. */
export const IDENTITY = {
  info: '{"name":"fidelity","version":"1","x-unknown":[1.0]}',
  capabilities:
    '{"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true},"experimental":{"vendor/x":{"n":1.0,"big":12345678901234567890}},"tasks":{"list":{}},"extensions":{"io.modelcontextprotocol/tasks":{},"vendor/x":{"n":1.0}}}',
} as const;

const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** What a modern client repeats of a request in headers. */
export function modernHeaders({ method, params, headers }: Request): Headers {
  const key = NAMED[method];
  const raw = key === undefined ? undefined : member(params, key);
  const name = raw === undefined ? undefined : String(JSON.parse(raw));
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': headerValue(name) }),
    ...headers,
  };
}

/** What a header cannot carry, or would be taken for base64, is in base64 between marks. */
export function headerValue(text: string): string {
  const plain = /^[!-~](?:[ -~]*[!-~])?$/.test(text) && !text.startsWith('=?');
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

const HEARING_MS = 2_000;

/** Messages of a listening stream, for whoever looks later. */
export class Heard {
  #messages: string[] = [];
  #tell: (() => void) | undefined;

  hear(message: string): void {
    this.#messages.push(message);
    this.#tell?.();
  }

  async take(count: number): Promise<string[]> {
    const end = Date.now() + HEARING_MS;
    while (this.#messages.length < count && Date.now() < end) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, end - Date.now());
        this.#tell = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }
}
