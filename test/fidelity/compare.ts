/** Sends a case and says what came in a form that can be compared: labelled texts, equal byte for byte or not. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Case } from './case.ts';
import type { Client, Reply } from './client.ts';
import type { Headers } from './connection.ts';
import { openedLabels, openingLabels } from './identity.ts';
import { elements, entries, member, without } from './members.ts';
import { AS_SENT, type Outcome, type Pairing } from './outcome.ts';

/** The headers of the last request that the upstream received, where they can be seen. */
export type SeenHeaders = () => Headers | undefined;

const PAGES = 100;

let lastId = 1_000;
const nextId = (): string => String(++lastId);

export interface Clients {
  readonly direct: Client;
  readonly through: Client;
  readonly headers: SeenHeaders;
  /** The resource whose changes both want to hear of. */
  readonly watched: string;
}

/** `exposed` is what the gateway's client sends, which may name things otherwise. */
export async function pairingOf(clients: Clients, one: Case, exposed: Case): Promise<Pairing> {
  const { direct, through, headers } = clients;
  if (one.compare === 'received') {
    const reply = await through.request(exposed, idsOf(exposed));
    const { text, headers: sent } = reply.sent;
    const seen = headers();
    // Where those that arrive cannot be seen there is nothing to compare.
    return { direct: requestLabels(latin1(text), seen && sent), through: receivedLabels(reply, seen) };
  }
  if (one.compare === 'opened') {
    const reply = await through.request(exposed, nextId);
    return openedLabels(through.era, textsOf(reply.answer ?? '{}')[0] ?? '{}');
  }
  if (one.compare === 'noted') return await notedPairing(through, exposed);
  return { direct: await outcomeOf(direct, one), through: await outcomeOf(through, exposed) };
}

async function outcomeOf(client: Client, one: Case): Promise<Outcome> {
  if (one.compare === 'list') return await wholeList(client, one);
  if (one.compare === 'opening') return openingLabels(await client.open());
  const reply = await client.request(one, idsOf(one));
  const outcome: Outcome = new Map([['status', String(reply.status)]]);
  const { answer, events, questions, rounds } = reply;
  if (answer === undefined) return outcome.set('answer', 'none');
  // Ours must come back as we spelled it; what the other side makes of it is no measure.
  const sent = member(latin1(reply.sent.text), 'id') ?? '';
  outcome.set('id', member(answer, 'id') === sent ? AS_SENT : `${member(answer, 'id')} for ${sent}`);
  questions.forEach(({ method, params }, index) => {
    outcome.set(`question ${index}`, `${method} ${params}`);
  });
  rounds.forEach((round, index) => {
    outcome.set(`round ${index}`, round);
  });
  if (one.compare === 'questions') heardLabels(outcome, answer, one);
  else for (const [name, text] of entries(answer)) if (name !== 'id') outcome.set(name, text);
  const heard = await client.heard((one.events ?? 0) - events.length);
  [...events, ...heard].forEach((event, index) => {
    outcome.set(`event ${index}`, event);
    outcome.set(`stream of event ${index}`, index < events.length ? 'of the answer' : 'listening');
  });
  return outcome;
}

const LOOKS = 10;
const BETWEEN_LOOKS_MS = 50;

/** The tool is asked more than once: the notification may take another way and be late. */
async function notedPairing(client: Client, { method, params, tool = '' }: Case): Promise<Pairing> {
  const sent = await client.notify(method, params);
  const request = { method: 'tools/call', params: JSON.stringify({ name: tool, arguments: {} }) };
  const direct = notedLabels(latin1(sent));
  for (let look = 0; look < LOOKS; look++) {
    const { answer = '{}' } = await client.request(request, nextId);
    const noted = textsOf(answer).findLast((text) => member(text, 'method') === `"${method}"`);
    if (noted !== undefined) return { direct, through: notedLabels(noted) };
    await delay(BETWEEN_LOOKS_MS);
  }
  return { direct, through: new Map() };
}

function notedLabels(message: string): Outcome {
  return new Map([
    ['noted params', member(message, 'params') ?? 'none'],
    ['noted message', without(message, 'params')],
  ]);
}

function idsOf({ id }: Case): () => string {
  let first = id;
  return () => {
    const given = first ?? nextId();
    first = undefined;
    return given;
  };
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

function receivedLabels({ answer }: Reply, headers: Headers | undefined): Outcome {
  const [message] = answer === undefined ? [] : textsOf(answer);
  if (message === undefined) return new Map([['received params', `not received: ${answer}`]]);
  return requestLabels(message, headers);
}

/** Of one connection only, not of the message. */
const OF_THE_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
]);

function requestLabels(message: string, headers: Headers | undefined): Outcome {
  const outcome: Outcome = new Map();
  outcome.set('received id', member(message, 'id') ?? 'none');
  outcome.set('received params', member(message, 'params') ?? 'none');
  outcome.set('received message', without(without(message, 'id'), 'params'));
  for (const [name, value] of Object.entries(headers ?? {}))
    if (!OF_THE_HOP.has(name)) outcome.set(`header ${name}`, latin1(value));
  return outcome;
}

/** The texts of the content of a tool's result. */
function textsOf(answer: string): string[] {
  const { result } = JSON.parse(Buffer.from(answer, 'latin1').toString('utf8')) as {
    result?: { content?: { text?: string }[] };
  };
  return (result?.content ?? []).map(({ text = '' }) => latin1(text));
}

/** What the server heard of the answers to its last questions, and the rest of the request that brought them. */
function heardLabels(outcome: Outcome, answer: string, { answers = [] }: Case): void {
  const [request, ...heard] = textsOf(answer);
  if (request === undefined) {
    outcome.set('answer', answer);
    return;
  }
  const params = member(request, 'params') ?? '{}';
  const responses = entries(member(params, 'inputResponses') ?? '{}');
  const all =
    heard.length > 0
      ? heard.map((text) => member(text, 'result') ?? text)
      : responses.map(([, text]) => text);
  const first = answers.length - all.length;
  all.forEach((text, index) => {
    outcome.set(`heard ${first + index}`, text);
  });
  responses.forEach(([key], index) => {
    outcome.set(`heard key ${first + index}`, key);
  });
  const state = member(params, 'requestState');
  if (state !== undefined) outcome.set('heard state', state);
}

async function wholeList(client: Client, { method, entries: key = '' }: Case): Promise<Outcome> {
  const outcome: Outcome = new Map();
  const texts: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const params = cursor === undefined ? '{}' : `{"cursor":${cursor}}`;
    const reply = await client.request({ method, params }, nextId);
    const result = member(reply.answer ?? '{}', 'result');
    if (result === undefined)
      return outcome.set('status', String(reply.status)).set('answer', reply.answer ?? 'none');
    texts.push(...elements(member(result, key) ?? '[]'));
    outcome.set(`page ${page} without entries`, without(without(result, key), 'nextCursor'));
    cursor = member(result, 'nextCursor');
    if (cursor === undefined) break;
  }
  outcome.set('number of entries', String(texts.length));
  texts.forEach((text, index) => {
    outcome.set(`entry ${index}`, text);
  });
  return outcome;
}
