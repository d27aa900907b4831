/**
 * A modern server that needs something of a legacy client: it answers `input_required`, the client is asked with real
 * requests, and the call is sent again with its answers, until the server is content. Knows neither link nor session:
 * how the call is sent again is the caller's, how the client is reached is the Peer's.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock, Ports } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { quote } from '../../lib/json-text.ts';
import { parseObject } from '../../lib/json-value.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import { type AskedClient, type Input, inputs, Unanswerable } from './inputs.ts';
import { readInputRequired } from './outcomes.ts';
import type { Retry } from './requests.ts';

export interface AskedCall extends AskedClient {
  readonly call: Pick<McpCall, 'method' | 'peer' | 'cancel'>;
  readonly ports: Pick<Ports, 'clock' | 'random'>;
}

type Again = (retry: Retry) => Promise<McpOutcome>;

/** Before a call is sent again of which the server wants nothing but that: as the official SDKs pause. */
const PAUSE_MS = 250;
const MAX_ROUNDS = LIMITS.inputRounds.value;

/** Rejects when the call is cancelled, when the server never is content, and with whatever `again` rejects with. */
export async function withRounds(first: McpOutcome, again: Again, client: AskedCall): Promise<McpOutcome> {
  const { call, ports } = client;
  let outcome = first;
  for (let rounds = 0; ; rounds += 1) {
    const wanted = outcome.kind === 'result' ? readInputRequired(outcome.body) : undefined;
    if (!wanted) return outcome;
    if (rounds === MAX_ROUNDS) throw neverContent(call.method);
    if (call.cancel.reason) throw call.cancel.reason;
    let responses: Buffer | undefined;
    if (wanted.requests.length === 0) await pause(call.cancel, ports.clock);
    else {
      try {
        responses = await answers(inputs(wanted.requests, client), call);
      } catch (error) {
        if (error instanceof Unanswerable) return refusal(call.method, error);
        throw error;
      }
    }
    outcome = await again({ responses, state: wanted.state });
  }
}

/** Asks everything at once. The first answer that is missing ends the round, and what is still asked is withdrawn. */
function answers(asked: readonly Input[], { peer, cancel }: AskedCall['call']): Promise<Buffer> {
  const round = cancel.child();
  return new Promise<Buffer>((resolve, reject) => {
    // Not every peer hears of a cancellation.
    round.cancel.onCancel(reject);
    const all = asked.map(async ({ key, message }) => {
      const question = { message, cancel: round.cancel, progress() {} };
      const outcome = await peer.ask(question).catch((error: unknown) => {
        throw round.cancel.reason ?? new Unanswerable(message.method, reasonOf(error));
      });
      return Buffer.concat([quote(key), COLON, given(message.method, outcome)]);
    });
    Promise.all(all).then((members) => resolve(object(members)), reject);
  }).finally(() => {
    round.forget();
    round.cancel.cancel(OVER);
  });
}

const OVER = new GatewayError('CANCELLED', 'the call needs no answer to this any more');
const COLON = Buffer.from(':');
const OPEN_BRACE = 0x7b;

/** A modern server can be given results only: there is no way to tell it that its client failed. */
function given(method: string, { kind, body }: McpOutcome): Buffer {
  if (kind === 'error') throw new Unanswerable(method, clientError(body));
  if (body[0] !== OPEN_BRACE)
    throw new Unanswerable(method, 'the client answered something that is no object');
  return body;
}

function clientError(error: Buffer): string {
  const message = parseObject(error)?.['message'];
  return `the client answered: ${typeof message === 'string' && message !== '' ? message : 'an error'}`;
}

/** Of our own errors: others may tell what is not the client's to know. */
function reasonOf(error: unknown): string {
  return error instanceof GatewayError ? error.message : 'the client could not be asked';
}

function object(members: readonly Buffer[]): Buffer {
  const pieces = members.flatMap((member, at) => (at === 0 ? [member] : [Buffer.from(','), member]));
  return Buffer.concat([Buffer.from('{'), ...pieces, Buffer.from('}')]);
}

/** A model reads the result of a tool and may go on another way; for other methods it is an error. */
function refusal(method: string, { message }: Unanswerable): McpOutcome {
  if (method !== 'tools/call')
    return { kind: 'error', body: Buffer.from(JSON.stringify({ code: -32603, message })) };
  const result = { content: [{ type: 'text', text: message }], isError: true };
  return { kind: 'result', body: Buffer.from(JSON.stringify(result)) };
}

function pause(cancel: Cancel, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(PAUSE_MS, () => {
      forget();
      resolve();
    });
    const forget = cancel.onCancel((reason: Error) => {
      timer.cancel();
      reject(reason);
    });
  });
}

function neverContent(method: string): GatewayError {
  return new GatewayError(
    'UPSTREAM_PROTOCOL',
    `the server asked for input again after ${MAX_ROUNDS} rounds of ${method}`,
  );
}
