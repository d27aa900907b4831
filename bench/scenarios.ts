/** The scenarios: what stands behind the legs, what is sent, and what makes an answer right. */

import {
  callBody,
  HttpLane,
  type Lane,
  listBody,
  OldSseLane,
  openSessions,
  Template,
  withConnection,
} from './lanes.ts';
import type { Behind, Leg, Running, Variant } from './legs.ts';
import type { Comparison } from './report.ts';
import { closeSession, endpoint, exchange, openSession, request, type Session } from './session.ts';

export interface LoadScenario {
  readonly kind: 'load';
  readonly name: string;
  readonly about: string;
  readonly behind: Behind;
  /** Not measured unless it is named. */
  readonly onRequest?: boolean;
  /** Instead of those every scenario has. */
  readonly legs?: (variant: Partial<Variant>) => readonly Leg[];
  /** Unless given, those every scenario has are compared with the floor, others with the first of them. */
  readonly compared?: Comparison;
  /** Lanes in parallel; each has one request in flight. */
  readonly lanes: number;
  open(running: Running, lanes: number): Promise<Lane[]>;
  /** Throws when one answer, read whole, is not right. */
  verify(running: Running): Promise<void>;
}

export interface MemoryScenario {
  readonly kind: 'memory';
  readonly name: string;
  readonly about: string;
  readonly behind: Behind;
  readonly sessions: number;
}

/** Measures by itself, and has a table of its own. */
export interface ReportScenario {
  readonly kind: 'report';
  readonly name: string;
  readonly about: string;
  run(rounds: number): Promise<{ readonly table: string; readonly results: unknown }>;
}

export type Scenario = LoadScenario | MemoryScenario | ReportScenario;

const LANES = 16;

type Body = (running: Running, lane: number) => string;

/** All lanes share one session, as the bridges start a child for each. */
async function lanesOnOneSession(running: Running, count: number, body: Body): Promise<Lane[]> {
  if (running.oldSse) {
    return await Promise.all(
      Array.from({ length: count }, (_, lane) => OldSseLane.open(running.url, () => body(running, lane))),
    );
  }
  const to = endpoint(running.url);
  const [session] = await openSessions(running.url, 1);
  return Array.from({ length: count }, (_, lane) => {
    const template = new Template(request(to, body(running, lane), session));
    return new HttpLane(to, [template]);
  });
}

interface EchoShape {
  readonly size: number;
  readonly progress?: boolean;
}

const echoBody =
  ({ size, progress }: EchoShape): Body =>
  (running, lane) =>
    callBody(running.echo(lane % 2), 'x'.repeat(size), progress);

function echo(name: string, about: string, shape: EchoShape): LoadScenario {
  return {
    kind: 'load',
    name,
    about,
    behind: { targets: 2, toolsPerTarget: 1 },
    lanes: LANES,
    open: (running, lanes) => lanesOnOneSession(running, lanes, echoBody(shape)),
    verify: async (running) => {
      const text = await wholeAnswer(running, echoBody(shape)(running, 0));
      if (!text.includes(`"${'x'.repeat(shape.size)}"`)) throw new Error(`no echo in: ${text.slice(0, 500)}`);
      const events = text.split('notifications/progress').length - 1;
      if (shape.progress && events !== 20) throw new Error(`${events} progress events instead of 20`);
    },
  };
}

async function wholeAnswer(running: Running, body: string): Promise<string> {
  if (running.oldSse) {
    const lane = await OldSseLane.open(running.url, () => body);
    return await lane.whole().finally(() => lane.close());
  }
  const to = endpoint(running.url);
  return await withConnection(to, async (connection) => {
    const session = await openSession(connection, to);
    const answer = await exchange(connection, request(to, body, session), '"result"');
    if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body}`);
    await closeSession(connection, session);
    return answer.body.toString('utf8');
  });
}

const list: LoadScenario = {
  kind: 'load',
  name: 'list-1000',
  about: 'tools/list with 1,000 tools over 20 targets',
  behind: { targets: 20, toolsPerTarget: 50 },
  lanes: 4,
  open: (running, lanes) => lanesOnOneSession(running, lanes, listBody),
  verify: async (running) => {
    const text = await wholeAnswer(running, listBody());
    // Counted, not parsed: over SSE there is more around the JSON.
    const tools = text.split('"inputSchema"').length - 1;
    if (tools !== 1_000) throw new Error(`${tools} tools instead of 1,000`);
  },
};

const SESSIONS = 1_000;

const manySessions: LoadScenario = {
  kind: 'load',
  name: 'sessions-1000x5',
  about: 'echo 64 B, in turn over 1,000 sessions and the 5 targets of each',
  behind: { targets: 5, toolsPerTarget: 1 },
  lanes: LANES,
  open: async (running, lanes) => {
    const to = endpoint(running.url);
    const sessions = await openSessions(running.url, SESSIONS);
    const opened = Array.from({ length: lanes }, (_, lane) => {
      const share = sessions.filter((_session, index) => index % lanes === lane);
      return {
        lane: new HttpLane(
          to,
          share.flatMap((session) => eachTarget(running, session)),
        ),
        calls: 5 * share.length,
      };
    });
    // What a first call sets up belongs to `churn`; here every session has used every target before.
    await Promise.all(opened.map(({ lane, calls }) => callTimes(lane, calls)));
    return opened.map(({ lane }) => lane);
  },
  verify: async (running) => void (await wholeAnswer(running, callBody(running.echo(4), 'x'))),
};

function eachTarget(running: Running, session: Session): Template[] {
  const body = (target: number): string => callBody(running.echo(target), 'x'.repeat(64));
  return [0, 1, 2, 3, 4].map((target) => new Template(request(session.endpoint, body(target), session)));
}

async function callTimes(lane: Lane, times: number): Promise<void> {
  for (let left = times; left > 0; left--) {
    await new Promise<void>((resolve, reject) => {
      lane.call((problem) => (problem === undefined ? resolve() : reject(new Error(problem))));
    });
  }
}

const churn: LoadScenario = {
  kind: 'load',
  name: 'churn',
  about: 'open a session, call once, delete it; a request is one such life',
  behind: { targets: 2, toolsPerTarget: 1 },
  lanes: LANES,
  open: async (running, lanes) => Array.from({ length: lanes }, () => new ChurnLane(running)),
  verify: async (running) => void (await wholeAnswer(running, callBody(running.echo(0), 'x'))),
};

class ChurnLane implements Lane {
  readonly #running: Running;

  constructor(running: Running) {
    this.#running = running;
  }

  call(done: (problem: string | undefined) => void): void {
    wholeAnswer(this.#running, callBody(this.#running.echo(0), 'x'.repeat(64))).then(
      () => done(undefined),
      (error: Error) => done(error.message),
    );
  }

  close(): void {}
}

const idle: MemoryScenario = {
  kind: 'memory',
  name: 'idle-1000',
  about: 'memory with 1,000 idle sessions, 2 HTTP targets, no listening stream',
  behind: { targets: 2, toolsPerTarget: 1 },
  sessions: SESSIONS,
};

export const scenarios: readonly Scenario[] = [
  echo('echo-64', 'tools/call, echo of 64 B', { size: 64 }),
  echo('echo-16k', 'tools/call, echo of 16 KiB', { size: 16 * 1_024 }),
  echo('echo-256k', 'tools/call, echo of 256 KiB', { size: 256 * 1_024 }),
  echo('progress-20', 'tools/call, answered with 20 progress events over SSE', { size: 64, progress: true }),
  list,
  idle,
  manySessions,
  churn,
];
