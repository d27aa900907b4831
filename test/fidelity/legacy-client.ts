/** A client of revision 2025-11-25: a handshake, a session, and answers to requests that come on its streams. */
import { type Client, Heard, IDENTITY, type Question, type Reply, type Request } from './client.ts';
import { Connection, type Headers } from './connection.ts';
import { member } from './members.ts';

const INITIALIZE = `{"protocolVersion":"2025-11-25","capabilities":${IDENTITY.capabilities},"clientInfo":${IDENTITY.info}}`;

export class LegacyClient implements Client {
  readonly era = 'legacy';
  readonly #connection: Connection;
  readonly #heard = new Heard();
  #session: Headers = {};
  #opened: Promise<Reply> | undefined;
  /** The call under way; some servers ask on the listening stream. */
  #asked: ((message: string) => void) | undefined;

  constructor(url: string, headers: Headers = {}) {
    this.#connection = new Connection(url, headers);
  }

  open(): Promise<Reply> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<Reply> {
    const text = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${INITIALIZE}}`;
    const { status, headers, messages, sent } = await this.#connection.post(text, {});
    const session = headers['mcp-session-id'];
    this.#session = {
      'mcp-protocol-version': '2025-11-25',
      ...(typeof session === 'string' ? { 'mcp-session-id': session } : {}),
    };
    await this.#post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    const answer = messages.find(isAnswer);
    return { status, answer, events: [], questions: [], rounds: [], sent: { text, headers: sent } };
  }

  async listen(uris: readonly string[]): Promise<void> {
    await this.#connection.stream(undefined, this.#session, (message) => {
      if (isRequest(message)) this.#asked?.(message);
      else this.#heard.hear(message);
    });
    for (const [index, uri] of uris.entries()) {
      const params = `{"uri":${JSON.stringify(uri)}}`;
      await this.#post(
        `{"jsonrpc":"2.0","id":${index + 2},"method":"resources/subscribe","params":${params}}`,
      );
    }
  }

  async request({ method, params, answers = [] }: Request, id: () => string): Promise<Reply> {
    const text = `{"jsonrpc":"2.0","id":${id()},"method":"${method}","params":${params}}`;
    const questions: Question[] = [];
    const said: Promise<unknown>[] = [];
    const hear = (message: string): void => {
      if (!isRequest(message)) return;
      const answer = answers[questions.length];
      questions.push({
        method: member(message, 'method') ?? '',
        params: member(message, 'params') ?? 'none',
      });
      const outcome = answer === undefined ? REFUSAL : `"result":${answer}`;
      const back = Buffer.from(member(message, 'id') ?? '', 'latin1').toString('utf8');
      said.push(this.#post(`{"jsonrpc":"2.0","id":${back},${outcome}}`));
    };
    this.#asked = hear;
    const { status, messages, sent } = await this.#post(text, hear);
    await Promise.all(said);
    this.#asked = undefined;
    const events = messages.filter((message) => !isAnswer(message) && !isRequest(message));
    const answer = messages.find(isAnswer);
    return { status, answer, events, questions, rounds: [], sent: { text, headers: sent } };
  }

  async notify(method: string, params: string): Promise<string> {
    const text = `{"jsonrpc":"2.0","method":"${method}","params":${params}}`;
    await this.#post(text);
    return text;
  }

  heard(count: number): Promise<string[]> {
    return this.#heard.take(count);
  }

  close(): void {
    this.#connection.close();
  }

  #post(text: string, hear?: (message: string) => void) {
    return this.#connection.post(text, this.#session, hear);
  }
}

const REFUSAL = '"error":{"code":-32601,"message":"not expected"}';
const isRequest = (message: string): boolean =>
  member(message, 'method') !== undefined && member(message, 'id') !== undefined;
const isAnswer = (message: string): boolean => member(message, 'method') === undefined;
