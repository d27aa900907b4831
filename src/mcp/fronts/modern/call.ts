/**
 * A modern request that is a call, whatever it came over: begun, or continued where the client brings back the
 * `requestState` of a call that waits for it. Whoever brought the request gets its response; the call may outlive it.
 */
import { GatewayError } from '../../../core/errors.ts';
import type { Exchange } from '../../../core/exchange.ts';
import type { GuardedRequest } from '../../../core/guard.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { resultPieces } from '../../../lib/json-rpc.ts';
import type { Envelope } from '../../bridge/envelope.ts';
import { asCapabilities } from '../../bridge/needs.ts';
import type { ParkedCall, Round, Sink } from '../../bridge/parked-call.ts';
import type { OpenedState } from '../../bridge/request-state.ts';
import { type Answered, renderError, runCall } from '../../calls/run-call.ts';
import { type ClientContext, shownBy } from '../../calls/shown.ts';
import { type Endpoint, ownerOf } from '../../endpoint.ts';
import { type Message, SLOT } from '../../message.ts';
import { serverInfoOf } from './identity.ts';

/** A request and all that came with it. */
export interface Asked {
  readonly message: Message;
  readonly envelope: Envelope;
  readonly client: ClientContext;
  readonly route: string | undefined;
  readonly traceId: string | undefined;
  /** For the upstream hop (flat list). */
  readonly headers: readonly string[] | undefined;
  /** The request's own headers, where there are any. */
  readonly inbound: Exchange['headers'] | undefined;
  /** What rules read. */
  readonly exchange: GuardedRequest;
}

export interface Begun {
  /** Told by `leave` when whoever brought the request goes away. */
  readonly call: ParkedCall;
  /** The response to this request. Rejects when the call is cancelled. */
  readonly answered: Promise<Answered>;
}

/** Methods that a server may answer with `input_required`; elsewhere `requestState` means nothing to us. */
const RETRIED: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** `sink` gets what comes before the response. Throws what is wrong with the state the client brings back. */
export function beginCall(endpoint: Endpoint, asked: Asked, sink: Sink): Begun {
  const { message, envelope, client } = asked;
  const owner = ownerOf(client);
  const state = stateOf(endpoint, message, owner);
  const visitor = endpoint.visit(envelope, client);
  const cancel = new Cancel();
  const asking = {
    message,
    principal: owner,
    visitor,
    capabilities: envelope.capabilities,
    serverInfo: serverInfoOf(endpoint),
    cancel,
  };
  if (state?.kind === 'parked') {
    const { text } = message;
    const call = endpoint.parked.resume(state, asking);
    call.answer(text.has(SLOT.inputResponses) ? text.raw(SLOT.inputResponses) : undefined);
    return { call, answered: attend(call, message, sink) };
  }
  const call = endpoint.parked.begin(asking);
  const answered = attend(call, message, sink);
  const { route, traceId, headers, inbound, exchange } = asked;
  visitor.enter();
  const { view } = visitor;
  const shown = view.maps ? shownBy(view, client) : undefined;
  const context = { peer: call, cancel, route, traceId, headers, inbound, envelope, state, exchange, shown };
  void runCall(visitor, message, context).then((outcome) => {
    visitor.leave();
    call.finish(explained(outcome, call.lacking, message));
  });
  return { call, answered };
}

/**
 * Legacy revisions have no error for a capability that a client lacks: a server asks, is refused, and fails with
 * whatever it makes of that. A result is left alone, even one that says that the tool failed.
 */
function explained(answered: Answered, lacking: readonly string[], { id }: Message): Answered {
  const failed = answered.pieces.length === 1 && answered.error === undefined;
  if (lacking.length === 0 || !failed) return answered;
  const error = new GatewayError(
    'CAPABILITY_MISSING',
    `the server needs what the client has not declared: ${lacking.join(', ')}`,
    { data: { requiredCapabilities: asCapabilities(lacking) } },
  );
  return { pieces: [renderError(Buffer.from(id), error)], error, status: error.http };
}

function attend(call: ParkedCall, { id }: Message, sink: Sink): Promise<Answered> {
  return call.attend(sink).then((round) => answerOf(round, id));
}

function answerOf(round: Round, id: string): Answered {
  if (round.kind === 'answered') return round.answered;
  return { pieces: resultPieces(Buffer.from(id), round.body), error: undefined, status: 200 };
}

function stateOf(endpoint: Endpoint, { method, text }: Message, owner: string): OpenedState | undefined {
  if (!text.has(SLOT.requestState) || !RETRIED.has(method)) return undefined;
  const state = text.text(SLOT.requestState);
  if (state === undefined)
    throw new GatewayError('INVALID_PARAMS', `${method}: "requestState" must be a string`);
  return endpoint.openState(state, owner);
}
