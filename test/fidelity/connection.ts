/** Bytes over HTTP, and the framing of messages: JSON or SSE. Knows no era. Texts are latin1: one character per byte. */
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';

export type Headers = Readonly<Record<string, string>>;

export interface Posted {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly messages: readonly string[];
  /** As they were sent. */
  readonly sent: Headers;
}

const PATIENCE_MS = 40_000;

export class Connection {
  readonly #url: URL;
  readonly #headers: Headers;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #streams = new Set<ClientRequest>();

  constructor(url: string, headers: Headers = {}) {
    this.#url = new URL(url);
    this.#headers = headers;
  }

  /** Sends one message, given as text. `hear` is told each message of the answer when it comes. */
  async post(text: string, headers: Headers, hear: (message: string) => void = () => {}): Promise<Posted> {
    const body = Buffer.from(text);
    const sent = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...headers,
      ...this.#headers,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = this.#request({ method: 'POST', headers: sent, timeout: PATIENCE_MS });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
      request.on('response', resolve).on('error', reject);
      request.end(body);
    });
    const messages: string[] = [];
    await read(response, (message) => {
      messages.push(message);
      hear(message);
    });
    return { status: response.statusCode ?? 0, headers: response.headers, messages, sent };
  }

  /** Opens a stream that stays. Resolves when its head is there; servers need not have one. */
  async stream(text: string | undefined, headers: Headers, hear: (message: string) => void): Promise<void> {
    const method = text === undefined ? 'GET' : 'POST';
    const type: Headers = text === undefined ? {} : { 'content-type': 'application/json' };
    const accept = text === undefined ? 'text/event-stream' : 'application/json, text/event-stream';
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = this.#request({ method, headers: { accept, ...type, ...headers, ...this.#headers } });
      this.#streams.add(request);
      request.on('response', resolve).on('error', reject);
      request.end(text);
    });
    if (isStream(response)) void read(response, hear).catch(() => undefined);
    else response.resume();
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#agent.destroy();
  }

  #request(options: RequestOptions): ClientRequest {
    if (this.#url.protocol === 'https:') return httpsRequest(this.#url, options);
    // A stream would keep one of the connections that are used again.
    return httpRequest(
      this.#url,
      options.timeout === undefined ? options : { ...options, agent: this.#agent },
    );
  }
}

const isStream = ({ statusCode, headers }: IncomingMessage): boolean =>
  statusCode === 200 && headers['content-type']?.startsWith('text/event-stream') === true;

async function read(response: IncomingMessage, hear: (message: string) => void): Promise<void> {
  const stream = isStream(response);
  let text = '';
  for await (const chunk of response) {
    text += (chunk as Buffer).toString('latin1');
    const end = text.lastIndexOf('\n\n');
    if (!stream || end < 0) continue;
    readEvents(text.slice(0, end)).forEach(hear);
    text = text.slice(end);
  }
  if (stream) readEvents(text).forEach(hear);
  else if (text.trim() !== '') hear(text.trim());
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
