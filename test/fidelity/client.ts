/**
 * The least of an MCP client: sends bytes, hands back the bytes of what came, JSON or SSE. It interprets nothing but
 * the framing; no SDK, since SDKs drop what they do not know.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { member } from './members.ts';

/** All texts are latin1: one character per byte. */
export interface Reply {
  readonly status: number;
  /** The message that answers; undefined when there was none. */
  readonly answer: string | undefined;
  /** What came before it on the same stream. */
  readonly events: readonly string[];
}

const PATIENCE_MS = 20_000;

export class RawClient {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ keepAlive: true });
  #session: string | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = new URL(url);
    this.#headers = headers;
  }

  /** The answer to `initialize`, after which the session is open. */
  async open(params: string): Promise<Reply> {
    const reply = await this.send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":${params}}`);
    await this.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return reply;
  }

  /** Sends one message, given as text. */
  async send(text: string): Promise<Reply> {
    const body = Buffer.from(text);
    const response = await this.#post(body);
    const session = response.headers['mcp-session-id'];
    if (typeof session === 'string') this.#session = session;
    const bytes = (await read(response)).toString('latin1');
    const stream = response.headers['content-type']?.startsWith('text/event-stream');
    const messages = stream ? readEvents(bytes) : bytes.trim() === '' ? [] : [bytes.trim()];
    const isAnswer = (message: string): boolean => member(message, 'method') === undefined;
    return {
      status: response.statusCode ?? 0,
      answer: messages.find(isAnswer),
      events: messages.filter((message) => !isAnswer(message)),
    };
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  #post(body: Buffer): Promise<IncomingMessage> {
    const secure = this.#url.protocol === 'https:';
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': String(body.length),
      ...(this.#session === undefined
        ? {}
        : { 'mcp-session-id': this.#session, 'mcp-protocol-version': '2025-11-25' }),
      ...this.#headers,
    };
    return new Promise((resolve, reject) => {
      const options = {
        method: 'POST',
        headers,
        timeout: PATIENCE_MS,
        ...(secure ? {} : { agent: this.#agent }),
      };
      const request = (secure ? httpsRequest : httpRequest)(this.#url, options, resolve);
      request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
      request.on('error', reject);
      request.end(body);
    });
  }
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The data of each event; events without data (comments, priming) are none. */
function readEvents(text: string): string[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((event) =>
      event
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice('data:'.length).replace(/^ /, ''))
        .join('\n'),
    )
    .filter((data) => data.trim() !== '');
}
