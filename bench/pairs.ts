/**
 * The four pairs of eras side by side: what it costs the gateway when client and server speak the same, and what it
 * costs to join them where they do not.
 */
import type { Era } from '../src/mcp/revisions.ts';
import { HttpConnection } from './connection.ts';
import { FIRST_ID, HttpLane, type Lane, Template, withConnection } from './lanes.ts';
import { type Behind, gatewayHttp, type Leg, type Running, type Variant } from './legs.ts';
import type { LoadScenario } from './scenarios.ts';
import {
  type Endpoint,
  endpoint,
  exchange,
  initialize,
  modernRequest,
  openSession,
  request,
  type Session,
} from './session.ts';

/** As most clients have it. */
const CAPABILITIES = { elicitation: {} };
const LANES = 16;

/** A client of one era: its requests as bytes. */
interface Client {
  readonly era: Era;
  readonly to: Endpoint;
  /** Of a legacy client. */
  readonly session: Session | undefined;
  request(method: string, params: Params, id?: number): Buffer;
}

interface Params {
  readonly name?: string;
  readonly [member: string]: unknown;
}

interface Asked {
  readonly method: string;
  readonly params: (running: Running, lane: number) => Params;
}

async function client({ url, client: era = 'legacy' }: Running): Promise<Client> {
  const to = endpoint(url);
  if (era === 'modern')
    return {
      era,
      to,
      session: undefined,
      request: (method, params, id = FIRST_ID) =>
        modernRequest(to, { id, method, params, capabilities: CAPABILITIES }),
    };
  const session = await withConnection(to, (connection) =>
    openSession(connection, to, initialize(CAPABILITIES)),
  );
  return {
    era,
    to,
    session,
    request: (method, params, id = FIRST_ID) =>
      request(to, JSON.stringify({ jsonrpc: '2.0', id, method, params }), session),
  };
}

/** Waits for its own call alone; the server asks something before it answers. */
class LegacyAskLane implements Lane {
  readonly #client: Client;
  readonly #template: Template;
  readonly #calls: HttpConnection;
  readonly #answers: HttpConnection;
  #failed: ((problem: string) => void) | undefined;

  constructor(client: Client, bytes: Buffer) {
    this.#client = client;
    this.#template = new Template(bytes);
    const failed = (error: Error): void => this.#failed?.(error.message);
    this.#calls = new HttpConnection(client.to, failed);
    this.#answers = new HttpConnection(client.to, failed);
  }

  call(done: (problem: string | undefined) => void): void {
    const id = this.#template.next();
    let answered = false;
    let problem: string | undefined;
    let left = 2;
    const over = (): void => {
      left -= 1;
      if (left === 0) done(problem);
    };
    this.#failed = done;
    const seen = (part: Buffer): void => {
      answered = true;
      this.#answer(part.toString('latin1'), (status) => {
        if (status !== 202) problem = `the answer got status ${status}`;
        over();
      });
    };
    const expected = { bytes: '"elicitation/create"', keep: true, seen };
    this.#calls.send(this.#template.bytes, expected, ({ status, body }) => {
      if (status !== 200 || !body.includes(`"id":${id}`)) problem = `status ${status}, or no answer`;
      if (!answered) done('it was not asked');
      else over();
    });
  }

  #answer(part: string, done: (status: number) => void): void {
    const id = /"id":("[^"]*"|\d+)/.exec(part)?.[1];
    const body = `{"jsonrpc":"2.0","id":${id},"result":${ANSWER}}`;
    this.#answers.send(request(this.#client.to, body, this.#client.session), { bytes: '' }, ({ status }) =>
      done(status),
    );
  }

  close(): void {
    this.#failed = undefined;
    this.#calls.close();
    this.#answers.close();
  }
}

/** Sends its call again with the answer. */
class ModernAskLane implements Lane {
  readonly #client: Client;
  readonly #params: Params;
  readonly #template: Template;
  readonly #connection: HttpConnection;
  #failed: ((problem: string) => void) | undefined;

  constructor(client: Client, params: Params) {
    this.#client = client;
    this.#params = params;
    this.#template = new Template(client.request('tools/call', params));
    this.#connection = new HttpConnection(client.to, (error) => this.#failed?.(error.message));
  }

  call(done: (problem: string | undefined) => void): void {
    this.#template.next();
    this.#failed = done;
    const expected = { bytes: '"input_required"', keep: true };
    this.#connection.send(this.#template.bytes, expected, ({ status, body, right }) => {
      if (status !== 200 || !right) return done(`status ${status}, or it was not asked`);
      return this.#again(body.toString('latin1'), done);
    });
  }

  #again(asked: string, done: (problem: string | undefined) => void): void {
    const key = /"inputRequests":\{"([^"]+)"/.exec(asked)?.[1] ?? '';
    const requestState = /"requestState":"([^"]+)"/.exec(asked)?.[1];
    const inputResponses = { [key]: JSON.parse(ANSWER) as unknown };
    const bytes = this.#client.request('tools/call', { ...this.#params, inputResponses, requestState }, 7);
    this.#connection.send(bytes, { bytes: '"id":7' }, ({ status, right }) =>
      done(status === 200 && right ? undefined : `status ${status}, or not the answer`),
    );
  }

  close(): void {
    this.#failed = undefined;
    this.#connection.close();
  }
}

const ANSWER = '{"action":"accept","content":{"one":"this"}}';

const echoed = (size: number): Asked => ({
  method: 'tools/call',
  params: (running, lane) => ({ name: running.echo(lane % 2), arguments: { text: 'x'.repeat(size) } }),
});

const asking: Asked = {
  method: 'tools/call',
  params: (running, lane) => ({ name: running.echo(lane % 2), arguments: { ask: 1, text: 'x'.repeat(64) } }),
};

async function wholeAnswer(running: Running, { method, params }: Asked): Promise<string> {
  const one = await client(running);
  const answer = await withConnection(one.to, (connection) =>
    exchange(connection, one.request(method, params(running, 0)), `"id":${FIRST_ID}`),
  );
  if (answer.status !== 200 || !answer.right) throw new Error(`status ${answer.status}: ${answer.body}`);
  return answer.body.toString('utf8');
}

async function plainLanes(running: Running, lanes: number, { method, params }: Asked): Promise<Lane[]> {
  const one = await client(running);
  return Array.from(
    { length: lanes },
    (_, lane) => new HttpLane(one.to, [new Template(one.request(method, params(running, lane)))]),
  );
}

async function askLanes(running: Running, lanes: number): Promise<Lane[]> {
  const one = await client(running);
  return Array.from({ length: lanes }, (_, lane) => {
    const params = asking.params(running, lane);
    if (one.era === 'modern') return new ModernAskLane(one, params);
    return new LegacyAskLane(one, one.request('tools/call', params));
  });
}

const TWO: Behind = { targets: 2, toolsPerTarget: 1 };

/** Pairs of the client's era and the servers'. */
const ALL: readonly (readonly [Era, Era])[] = [
  ['legacy', 'legacy'],
  ['modern', 'legacy'],
  ['legacy', 'modern'],
  ['modern', 'modern'],
];

function legs(pairs: typeof ALL) {
  return (variant: Partial<Variant>): readonly Leg[] =>
    pairs.map(([client, servers]): Leg => {
      const leg = gatewayHttp({ name: '', ...variant, servers });
      const start = async (behind: Behind): Promise<Running> => ({ ...(await leg.start(behind)), client });
      return { ...leg, name: `${client}-${servers}`, start };
    });
}

interface Shape {
  readonly asked: Asked;
  /** Throws when an answer, read whole, is not right. */
  readonly check: (answer: string) => void;
  readonly behind?: Behind;
  readonly lanes?: number;
  readonly pairs?: typeof ALL;
}

function pairs(name: string, about: string, shape: Shape): LoadScenario {
  const { asked, check, behind = TWO, lanes = LANES, pairs = ALL } = shape;
  return {
    kind: 'load',
    name,
    about,
    behind,
    lanes,
    legs: legs(pairs),
    open: (running, count) => plainLanes(running, count, asked),
    verify: async (running) => check(await wholeAnswer(running, asked)),
  };
}

function holds(part: string, times = 1): Shape['check'] {
  return (answer) => {
    const found = answer.split(part).length - 1;
    if (found !== times) throw new Error(`${found} times ${part.slice(0, 40)} in: ${answer.slice(0, 500)}`);
  };
}

const echo = (name: string, words: string, size: number): LoadScenario =>
  pairs(name, `tools/call, echo of ${words}, by the eras of client and server`, {
    asked: echoed(size),
    check: holds(`"${'x'.repeat(size)}"`),
  });

const ask: LoadScenario = {
  ...pairs('pairs-ask', 'tools/call, the server asks the client something first (elicitation)', {
    asked: echoed(64),
    check: () => {},
  }),
  // More than elsewhere: a question waits some milliseconds for others of the same call.
  lanes: 4 * LANES,
  open: askLanes,
  verify: async (running) => {
    const [lane] = await askLanes(running, 1);
    if (!lane) return;
    const problem = await new Promise((resolve) => lane.call(resolve)).finally(() => lane.close());
    if (problem !== undefined) throw new Error(String(problem));
  },
};

export const pairScenarios: readonly LoadScenario[] = [
  echo('pairs-echo-64', '64 B', 64),
  { ...echo('pairs-echo-16k', '16 KiB', 16 * 1_024), onRequest: true },
  { ...ask, onRequest: true },
  {
    ...pairs('pairs-list', 'tools/list with 1,000 tools over 2 targets', {
      asked: { method: 'tools/list', params: () => ({}) },
      check: holds('"inputSchema"', 1_000),
      behind: { targets: 2, toolsPerTarget: 500 },
      lanes: 4,
    }),
    onRequest: true,
  },
  {
    ...pairs('pairs-discover', 'server/discover, which only modern clients send', {
      asked: { method: 'server/discover', params: () => ({}) },
      check: holds('"supportedVersions"'),
      pairs: ALL.filter(([client]) => client === 'modern'),
    }),
    onRequest: true,
  },
];
