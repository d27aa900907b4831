/** Sends a case and says what came in a form that can be compared: labelled texts, equal byte for byte or not. */
import type { Case } from './case.ts';
import type { RawClient, Reply } from './client.ts';
import { elements, entries, member } from './members.ts';

/** By label: status, result or error, id, events; for lists their entries. Texts are latin1 unless `received`. */
export type Outcome = ReadonlyMap<string, string>;

const PAGES = 100;
const AS_SENT = 'as sent';

let lastId = 1_000;

export async function outcomeOf(client: RawClient, one: Case): Promise<Outcome> {
  if (one.compare === 'list') return await wholeList(client, one);
  const id = one.id ?? String(++lastId);
  const reply = await client.send(
    `{"jsonrpc":"2.0","id":${id},"method":"${one.method}","params":${one.params}}`,
  );
  const outcome = new Map([['status', String(reply.status)]]);
  const { answer } = reply;
  if (answer === undefined) return outcome.set('answer', 'none');
  // Ours must come back as we spelled it; what the other side makes of it is no measure.
  const sent = Buffer.from(id).toString('latin1');
  outcome.set('id', member(answer, 'id') === sent ? AS_SENT : `${member(answer, 'id')} for ${sent}`);
  if (one.compare === 'received') outcome.set('received params', receivedParams(answer));
  else for (const [name, text] of envelope(answer)) outcome.set(name, text);
  const heard = await client.heard((one.events ?? 0) - reply.events.length);
  [...reply.events, ...heard].forEach((event, index) => {
    outcome.set(`event ${index}`, event);
    outcome.set(`stream of event ${index}`, index < reply.events.length ? 'of the answer' : 'listening');
  });
  return outcome;
}

const envelope = (answer: string): [string, string][] => entries(answer).filter(([name]) => name !== 'id');

function receivedParams(answer: string): string {
  const { result, error } = JSON.parse(Buffer.from(answer, 'latin1').toString('utf8')) as {
    result?: { content: { text: string }[] };
    error?: unknown;
  };
  const message = result?.content[0]?.text;
  if (message === undefined) return `not received: ${JSON.stringify(error ?? result)}`;
  return Buffer.from(member(message, 'params') ?? 'none').toString('latin1');
}

async function wholeList(client: RawClient, { method, entries: key = '' }: Case): Promise<Outcome> {
  const outcome = new Map<string, string>();
  const texts: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const params: string = cursor === undefined ? '{}' : `{"cursor":${cursor}}`;
    const reply: Reply = await client.send(
      `{"jsonrpc":"2.0","id":${++lastId},"method":"${method}","params":${params}}`,
    );
    const result = member(reply.answer ?? '{}', 'result');
    if (result === undefined)
      return outcome.set('status', String(reply.status)).set('answer', reply.answer ?? 'none');
    texts.push(...elements(member(result, key) ?? '[]'));
    for (const [name, text] of entries(result)) {
      if (name !== key && name !== 'nextCursor') outcome.set(`${name} of page ${page}`, text);
    }
    cursor = member(result, 'nextCursor');
    if (cursor === undefined) break;
  }
  outcome.set('number of entries', String(texts.length));
  texts.forEach((text, index) => {
    outcome.set(`entry ${index}`, text);
  });
  return outcome;
}

export interface Mismatch {
  readonly label: string;
  /** undefined: missing on that side. */
  readonly direct: string | undefined;
  readonly through: string | undefined;
}

export function mismatches(direct: Outcome, through: Outcome): Mismatch[] {
  const labels = new Set([...direct.keys(), ...through.keys()]);
  return (
    [...labels]
      .map((label) => ({ label, direct: direct.get(label), through: through.get(label) }))
      // An id that comes back as sent is right even where the server itself spells it otherwise.
      .filter((pair) => pair.direct !== pair.through && !(pair.label === 'id' && pair.through === AS_SENT))
  );
}

/** Both texts around the first place where they differ, readable. */
export function excerpt({ direct, through }: Mismatch): string {
  if (direct === undefined || through === undefined) return `${show(direct)} became ${show(through)}`;
  let at = 0;
  while (at < direct.length && direct[at] === through[at]) at++;
  const start = Math.max(0, at - 30);
  return `at byte ${at}: ${show(direct.slice(start, at + 60))} became ${show(through.slice(start, at + 60))}`;
}

const show = (text: string | undefined): string =>
  text === undefined ? 'nothing' : JSON.stringify(Buffer.from(text, 'latin1').toString('utf8').slice(0, 200));
