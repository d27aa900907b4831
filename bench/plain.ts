/**
 * Plain HTTP through a `host` backend, and through the same with `a2a`, against no proxy, the floor and nginx: what
 * stands behind, what is asked, and what makes an answer right.
 */
import { FIRST_ID, HttpLane, type Lane, Template, withConnection } from './lanes.ts';
import type { Behind, Leg, Running, Variant } from './legs.ts';
import { nginx } from './nginx.ts';
import { agentCall, EVENTS, textAround } from './plain-bodies.ts';
import { direct, floor, gateway, type PlainUpstream } from './plain-legs.ts';
import { OF_THE_FLOOR } from './report.ts';
import type { LoadScenario } from './scenarios.ts';
import { endpoint, exchange, plainRequest } from './session.ts';

const LANES = 16;
/** Nothing here counts targets. */
const ANYTHING: Behind = { targets: 1, toolsPerTarget: 1 };

export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly accept?: string;
  readonly body?: string;
}

const requestOf = (running: Running, { path, ...asked }: Asked): Buffer =>
  plainRequest({ ...endpoint(running.url), path }, asked);

export const plainLanes = (running: Running, count: number, asked: Asked): Lane[] =>
  Array.from(
    { length: count },
    () => new HttpLane(endpoint(running.url), [new Template(requestOf(running, asked))]),
  );

export async function plainAnswer(running: Running, asked: Asked): Promise<string> {
  const to = endpoint(running.url);
  const answer = await withConnection(to, (connection) =>
    exchange(connection, requestOf(running, asked), String(FIRST_ID)),
  );
  if (answer.status !== 200 || !answer.right) throw new Error(`status ${answer.status}: ${answer.body}`);
  return answer.body.toString('utf8');
}

interface Shape {
  readonly asked: Asked;
  /** Throws when the answer is not right. */
  readonly check: (answer: string) => void;
  readonly legs: (variant: Partial<Variant>) => readonly Leg[];
}

function plain(name: string, about: string, { asked, check, legs }: Shape): LoadScenario {
  return {
    kind: 'load',
    name,
    about,
    behind: ANYTHING,
    lanes: LANES,
    legs,
    compared: OF_THE_FLOOR,
    open: async (running, lanes) => plainLanes(running, lanes, asked),
    verify: async (running) => check(await plainAnswer(running, asked)),
  };
}

export function same(expected: string): (answer: string) => void {
  return (answer) => {
    if (answer !== expected) throw new Error(`another answer than expected: ${answer.slice(0, 500)}`);
  };
}

const backend = ({ url }: PlainUpstream) => ({ host: url });

/** Whoever forwards plain HTTP reads no request, so the floor does not, either; the one beside it does. */
const forwardLegs: Shape['legs'] = (variant) => [
  direct,
  floor('streamed'),
  { ...floor(), name: 'collecting floor' },
  gateway({ backend }, variant),
  nginx,
];

function forward(name: string, about: string, asked: Asked, size = 1_024): LoadScenario {
  const check = same(textAround(size)(String(FIRST_ID)).toString());
  return plain(`http-forward-${name}`, `plain HTTP, ${about}`, { asked, check, legs: forwardLegs });
}

const record = textAround(1_024)(String(FIRST_ID)).toString();
export const getRecord: Asked = { method: 'GET', path: `/records/${FIRST_ID}` };

/** Requests to agents are read before they go on. */
const agentLegs: Shape['legs'] = (variant) => [
  direct,
  floor(),
  gateway({ policies: { a2a: {} }, backend }, variant),
];

function agent(name: string, about: string, { accept, method }: { accept: string; method: string }) {
  const asked: Asked = { method: 'POST', path: '/agent', accept, body: agentCall(FIRST_ID, method) };
  const events = method === 'message/stream' ? EVENTS : 1;
  const check = (answer: string): void => {
    const found = answer.split('"messageId":"m-').length - 1;
    if (found !== events) throw new Error(`${found} messages instead of ${events}: ${answer.slice(0, 500)}`);
  };
  return plain(`a2a-${name}`, `A2A, ${about}`, { asked, check, legs: agentLegs });
}

export const plainScenarios: readonly LoadScenario[] = [
  forward('get-1k', 'GET with a reply of 1 KiB', getRecord),
  forward('post-1k', 'POST of 1 KiB, which come back', {
    method: 'POST',
    path: '/records',
    body: record,
  }),
  forward(
    'get-64k',
    'GET with a reply of 64 KiB',
    { method: 'GET', path: `/archives/${FIRST_ID}` },
    64 * 1_024,
  ),
  agent('send', 'message/send over JSON-RPC', { accept: 'application/json', method: 'message/send' }),
  agent('stream', 'message/stream over JSON-RPC, answered with 20 events', {
    accept: 'text/event-stream',
    method: 'message/stream',
  }),
];
