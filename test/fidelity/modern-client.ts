/** A client of revision 2026-07-28: each request says who asks, and is sent again with what the server wants to know. */
import {
  type Client,
  Heard,
  IDENTITY,
  modernHeaders,
  type Question,
  type Reply,
  type Request,
} from './client.ts';
import { Connection, type Headers } from './connection.ts';
import { entries, member, putFirst, putLast, replaced } from './members.ts';

const PREFIX = 'io.modelcontextprotocol/';
const VERSION = '2026-07-28';
const ENVELOPE =
  `"${PREFIX}protocolVersion":"${VERSION}","${PREFIX}clientCapabilities":${IDENTITY.capabilities},` +
  `"${PREFIX}clientInfo":${IDENTITY.info}`;
const ROUNDS = 12;

export class ModernClient implements Client {
  readonly era = 'modern';
  readonly #connection: Connection;
  readonly #heard = new Heard();
  #opened: Promise<Reply> | undefined;

  constructor(url: string, headers: Headers = {}) {
    this.#connection = new Connection(url, headers);
  }

  open(): Promise<Reply> {
    this.#opened ??= this.request({ method: 'server/discover', params: '{}' }, () => '1');
    return this.#opened;
  }

  async listen(uris: readonly string[]): Promise<void> {
    const method = 'subscriptions/listen';
    const wanted = { toolsListChanged: true, resourcesListChanged: true, resourceSubscriptions: uris };
    const params = withEnvelope(`{"notifications":${JSON.stringify(wanted)}}`);
    const text = `{"jsonrpc":"2.0","id":"listening","method":"${method}","params":${params}}`;
    await this.#connection.stream(text, modernHeaders({ method, params }), (message) =>
      this.#heard.hear(message),
    );
    await this.#heard.take(1);
  }

  async request(one: Request, id: () => string): Promise<Reply> {
    const { method, answers = [] } = one;
    const base = withEnvelope(one.params, one.logLevel);
    const headers = modernHeaders(one);
    const questions: Question[] = [];
    const rounds: string[] = [];
    const events: string[] = [];
    for (let params = base; ; ) {
      const text = `{"jsonrpc":"2.0","id":${id()},"method":"${method}","params":${params}}`;
      const { status, messages, sent } = await this.#connection.post(text, headers);
      events.push(...messages.filter((message) => !isAnswer(message)));
      const answer = messages.find(isAnswer);
      const round = answer && inputRequired(answer);
      if (round === undefined || rounds.length === ROUNDS)
        return { status, answer, events, questions, rounds, sent: { text, headers: sent } };
      rounds.push(round);
      const asked = entries(member(round, 'inputRequests') ?? '{}');
      const responses = asked.map(([key], at) => `"${utf8(key)}":${answers[questions.length + at] ?? '{}'}`);
      for (const [, request] of asked) {
        const question = member(request, 'method') ?? 'none';
        questions.push({ method: question, params: member(request, 'params') ?? 'none' });
      }
      params = retry(base, responses, member(round, 'requestState'));
    }
  }

  async notify(method: string, params: string): Promise<string> {
    const text = `{"jsonrpc":"2.0","method":"${method}","params":${params}}`;
    await this.#connection.post(text, modernHeaders({ method, params }));
    return text;
  }

  heard(count: number): Promise<string[]> {
    return this.#heard.take(count);
  }

  close(): void {
    this.#connection.close();
  }
}

const isAnswer = (message: string): boolean => member(message, 'method') === undefined;

function inputRequired(answer: string): string | undefined {
  const result = member(answer, 'result');
  return result !== undefined && member(result, 'resultType') === '"input_required"' ? result : undefined;
}

/** As members that can be taken out again without a trace. */
function withEnvelope(params: string, logLevel?: string): string {
  const level = logLevel === undefined ? '' : `,"${PREFIX}logLevel":"${logLevel}"`;
  const meta = member(params, '_meta');
  if (meta === undefined) return putLast(params, `"_meta":{${ENVELOPE}${level}}`);
  return replaced(params, '_meta', putFirst(meta, `${ENVELOPE}${level}`));
}

/** What came, as it is written in what is sent. */
const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');

function retry(params: string, responses: readonly string[], state: string | undefined): string {
  const answered = responses.length === 0 ? [] : [`"inputResponses":{${responses.join(',')}}`];
  const members = state === undefined ? answered : [...answered, `"requestState":${utf8(state)}`];
  return putLast(params, members.join(','));
}
