/** One request of a client from its message to its answer: cancellation by id, the call's record, errors rendered once. */
import { asGatewayError, CATALOGUE, GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { CallRecord } from '../../core/signals.ts';
import { Cancel } from '../../lib/cancel.ts';
import { errorMessage, resultPieces } from '../../lib/json-rpc.ts';
import { traceIdOf } from '../../lib/trace-context.ts';
import type { McpCall, McpOutcome, Peer } from '../call.ts';
import { rawErrorMessage } from '../link/link.ts';
import { type Message, SLOT } from '../message.ts';
import type { Session } from '../sessions/session.ts';
import { dispatch } from './dispatch.ts';

export interface CallContext {
  readonly peer: Peer;
  readonly route: string | undefined;
  readonly traceId: string | undefined;
  /** For the upstream hop (flat list). */
  readonly headers: readonly string[] | undefined;
}

export interface Answered {
  /** The complete JSON-RPC response, in pieces: a large result is not copied to be written. */
  readonly pieces: readonly Buffer[];
  /** Why the gateway answered itself. */
  readonly error: GatewayError | undefined;
}

export async function runCall(session: Session, message: Message, context: CallContext): Promise<Answered> {
  const { clock, log, signals } = session.options.ports;
  const startedAt = clock.monotonic();
  const record = newRecord(session, message, { context, startedAt });
  const cancel = new Cancel();
  let error: GatewayError | undefined;
  let outcome: McpOutcome | undefined;
  try {
    if (session.calls.size >= LIMITS.callsInFlight.value)
      throw new GatewayError('OVERLOADED', `the session has ${session.calls.size} calls in flight already`);
    if (session.calls.has(message.id))
      throw new GatewayError('INVALID_REQUEST', `id ${message.id} is in use by another request`);
    session.calls.set(message.id, cancel);
    try {
      const call: McpCall = {
        message,
        method: message.method,
        peer: context.peer,
        cancel,
        record,
        headers: context.headers,
      };
      outcome = await dispatch(session, call);
    } finally {
      session.calls.delete(message.id);
    }
  } catch (cause) {
    error = session.view.told(asGatewayError(cause));
    if (error.code === 'INTERNAL') log.error({ err: cause, method: message.method }, 'call failed');
  }
  record.ms = clock.monotonic() - startedAt;
  finishRecord(record, outcome, error);
  signals.callEnded(record);
  const id = Buffer.from(message.id);
  if (!outcome) return { pieces: [renderError(id, error as GatewayError)], error };
  if (outcome.kind === 'error') return { pieces: [rawErrorMessage(id, outcome.body)], error };
  return { pieces: resultPieces(id, outcome.body), error };
}

/** A GatewayError as a JSON-RPC error response; `data` says which error of the catalogue it is. */
export function renderError(id: Buffer | undefined, error: GatewayError): Buffer {
  const { retryable } = CATALOGUE[error.code];
  return errorMessage(id, {
    code: error.rpc,
    message: error.message,
    data: { code: error.code, retryable, ...error.detail.data },
  });
}

function newRecord(
  session: Session,
  message: Message,
  at: { context: CallContext; startedAt: number },
): CallRecord {
  return {
    startedAt: at.startedAt,
    method: message.method,
    session: session.id,
    route: at.context.route,
    target: undefined,
    kind: undefined,
    name: undefined,
    outcome: 'ok',
    reason: undefined,
    rpcCode: undefined,
    ms: 0,
    traceId: at.context.traceId ?? traceIdOf(message.text.text(SLOT.traceparent)),
  };
}

function finishRecord(
  record: CallRecord,
  outcome: McpOutcome | undefined,
  error: GatewayError | undefined,
): void {
  if (error) {
    record.outcome =
      error.code === 'CANCELLED' ? 'cancelled' : error.code === 'UPSTREAM_TIMEOUT' ? 'timeout' : 'error';
    record.reason = error.code;
    record.rpcCode = error.rpc;
  } else if (outcome?.kind === 'error') {
    record.outcome = 'error';
    record.reason = 'UPSTREAM';
    record.rpcCode = readCode(outcome.body);
  } else if (record.kind === 'tool' && outcome && isToolError(outcome.body)) {
    record.outcome = 'tool_error';
  }
}

function readCode(error: Buffer): number | undefined {
  const found = /"code"\s*:\s*(-?\d{1,9})/.exec(error.subarray(0, 2000).toString('latin1'));
  return found ? Number(found[1]) : undefined;
}

const IS_ERROR = Buffer.from('"isError"');

/**
 * For the log alone: looked for as text, so a structured result that nests such a member counts too. Inside a JSON
 * string the quotes would be escaped and do not match.
 */
function isToolError(result: Buffer): boolean {
  for (let at = result.indexOf(IS_ERROR); at >= 0; at = result.indexOf(IS_ERROR, at + 1)) {
    const value = result.toString('latin1', at + IS_ERROR.length, at + IS_ERROR.length + 20);
    if (/^\s*:\s*true\b/.test(value)) return true;
  }
  return false;
}
