/**
 * The least of an MCP client: sends bytes, hands back the bytes of what came, JSON or SSE. It interprets nothing but
 * the framing; no SDK, since SDKs drop what they do not know.
 */
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
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

const PATIENCE_MS = 40_000;
const HEARING_MS = 2_000;

const isAnswer = (message: string): boolean => member(message, 'method') === undefined;

export class RawClient {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ keepAlive: true });
  #session: string | undefined;
  #stream: ClientRequest | undefined;
  #heard: string[] = [];
  #hearing: (() => void) | undefined;

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
    const response = await this.#fetch('POST', body);
    const session = response.headers['mcp-session-id'];
    if (typeof session === 'string') this.#session = session;
    const bytes = (await read(response)).toString('latin1');
    const messages = isStream(response) ? readEvents(bytes) : [bytes.trim()].filter((one) => one !== '');
    return {
      status: response.statusCode ?? 0,
      answer: messages.find(isAnswer),
      events: messages.filter((message) => !isAnswer(message)),
    };
  }

  /** Opens the stream for what belongs to no answer. Servers need not have one. */
  async listen(): Promise<void> {
    const response = await this.#fetch('GET');
    if (!isStream(response)) {
      response.resume();
      return;
    }
    let pending = '';
    response.setEncoding('latin1').on('data', (chunk: string) => {
      pending += chunk;
      const end = pending.lastIndexOf('\n\n');
      if (end < 0) return;
      this.#heard.push(...readEvents(pending.slice(0, end)));
      pending = pending.slice(end);
      this.#hearing?.();
    });
    response.on('error', () => {});
  }

  /** What came on the listening stream since the last look; waits a moment for `count` messages. */
  async heard(count: number): Promise<string[]> {
    const end = Date.now() + HEARING_MS;
    while (this.#heard.length < count && Date.now() < end) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, end - Date.now());
        this.#hearing = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  close(): void {
    this.#stream?.destroy();
    this.#agent.destroy();
  }

  #fetch(method: 'GET' | 'POST', body?: Buffer): Promise<IncomingMessage> {
    const session = this.#session;
    const headers = {
      accept: body ? 'application/json, text/event-stream' : 'text/event-stream',
      ...(body ? { 'content-type': 'application/json', 'content-length': String(body.length) } : {}),
      ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      ...this.#headers,
    };
    return new Promise((resolve, reject) => {
      const request = this.#request({ method, headers, ...(body ? { timeout: PATIENCE_MS } : {}) });
      if (!body) this.#stream = request;
      request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
      request.on('response', resolve).on('error', reject);
      request.end(body);
    });
  }

  #request(options: RequestOptions): ClientRequest {
    if (this.#url.protocol === 'https:') return httpsRequest(this.#url, options);
    return httpRequest(this.#url, { ...options, agent: this.#agent });
  }
}

const isStream = ({ statusCode, headers }: IncomingMessage): boolean =>
  statusCode === 200 && headers['content-type']?.startsWith('text/event-stream') === true;

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
