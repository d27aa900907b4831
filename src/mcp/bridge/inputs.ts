/**
 * The questions of an `input_required` result as requests that a legacy client of its revision accepts, or the reason
 * why this client cannot be asked them. Asks nobody.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports } from '../../core/ports.ts';
import { requestMessage } from '../../lib/json-rpc.ts';
import { lex, quote, Shape, splice } from '../../lib/json-text.ts';
import { parseObject } from '../../lib/json-value.ts';
import { type Message, readMessage } from '../message.ts';
import { missingCapability, neededCapability } from './needs.ts';
import type { InputRequired } from './outcomes.ts';

/** Why a question has no answer; the text is for whoever made the call. */
export class Unanswerable extends Error {
  constructor(question: string, reason: string) {
    super(`The server asked the client for ${question}, and got no answer: ${reason}.`);
  }
}

export interface Input {
  /** Under which the server expects the answer. */
  readonly key: string;
  /** A request of its own; its id means nothing outside of this list. */
  readonly message: Message;
}

export interface AskedClient {
  /** What it declared at initialize: raw JSON object. */
  readonly capabilities: Buffer;
  /** The revision agreed with it. */
  readonly version: string;
  readonly ports: Pick<Ports, 'random'>;
}

/** Throws Unanswerable when there is one that the client cannot be asked: then it is asked nothing. */
export function inputs(requests: InputRequired['requests'], client: AskedClient): Input[] {
  const most = LIMITS.pendingAsks.value;
  if (requests.length > most)
    throw new Unanswerable(`${requests.length} things at once`, `no more than ${most} are passed on`);
  const declared = parseObject(client.capabilities) ?? {};
  return requests.map(({ key, method, params }, at) => {
    const needed = wellFormed(method, () => neededCapability(method, params));
    if (needed === undefined) throw new Unanswerable(method, 'a client cannot be asked that');
    if (needed === BY_URL && client.version < BY_URL_SINCE)
      throw new Unanswerable(method, `revision ${client.version} of the client knows no elicitation by URL`);
    const missing = missingCapability(declared, needed);
    if (missing !== undefined) throw new Unanswerable(method, `the client does not support ${missing}`);
    const asked = needed === BY_URL ? identified(params, client.ports) : params;
    const message = wellFormed(method, () => readMessage(requestMessage(at + 1, method, asked)));
    return { key, message };
  });
}

const BY_URL = 'elicitation.url';
const BY_URL_SINCE = '2025-11-25';
const SHAPE = new Shape({ elicitationId: true });
const ELICITATION_ID = SHAPE.slot('elicitationId');

/** A legacy client wants an id for what it may later be told is complete; a modern server gives none. */
function identified(params: Buffer, { random }: Pick<Ports, 'random'>): Buffer {
  const text = lex(params, SHAPE);
  if (text.has(ELICITATION_ID)) return params;
  const member = Buffer.concat([
    Buffer.from('"elicitationId":'),
    quote(random(16).toString('hex')),
    Buffer.from(','),
  ]);
  // Other members follow: the mode is one.
  const at = text.start + 1;
  return splice(params, [{ start: at, end: at, with: member }]);
}

/** Text that parsers may read differently is the server's fault here, not that of a client. */
function wellFormed<T>(method: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new GatewayError('UPSTREAM_PROTOCOL', `the server asked for ${method} in a malformed way`, {
      cause,
    });
  }
}
