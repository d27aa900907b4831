/** One request of a client from its message to its answer: cancellation by id, the call's record, errors rendered once. */
import { asGatewayError, CATALOGUE, type GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { CallRecord } from '../../core/signals.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { errorMessage, rawErrorMessage, resultPieces } from '../../lib/json-rpc.ts';
import { Needle } from '../../lib/needle.ts';
import { traceIdOf } from '../../lib/trace-context.ts';
import type { Envelope } from '../bridge/envelope.ts';
import { errorStatus } from '../bridge/outcomes.ts';
import type { McpCall, McpOutcome, Peer, ShownHeaders, UpstreamState } from '../call.ts';
import { type Message, SLOT } from '../message.ts';
import type { Caller } from './caller.ts';
import { dispatch } from './dispatch.ts';
import { withLogin } from './login.ts';

export interface CallContext {
  readonly peer: Peer;
  readonly cancel: Cancel;
  readonly route: string | undefined;
  readonly traceId: string | undefined;
  /** For the upstream hop (flat list). */
  readonly headers: readonly string[] | undefined;
  /** Why the call may not run: too many, or an id in use. */
  readonly refused?: GatewayError | undefined;
  readonly envelope?: Envelope | undefined;
  /** The client's own request headers, where arguments are repeated in them. */
  readonly inbound?: Exchange['headers'] | undefined;
  readonly state?: UpstreamState | undefined;
  readonly exchange?: Exchange | undefined;
  /** What this request shows, where it may differ from those before. */
  readonly shown?: ShownHeaders | undefined;
}

export interface Answered {
  /** The complete JSON-RPC response, in pieces: a large result is not copied to be written. */
  readonly pieces: readonly Buffer[];
  /** Why the gateway answered itself. */
  readonly error: GatewayError | undefined;
  /** HTTP status where the transport gives each answer one (the modern front). */
  readonly status: number;
}

export async function runCall(caller: Caller, message: Message, context: CallContext): Promise<Answered> {
  const { clock, log, signals } = caller.ports;
  const startedAt = clock.monotonic();
  const record = newRecord(caller, message, { context, startedAt });
  let error: GatewayError | undefined;
  let outcome: McpOutcome | undefined;
  try {
    if (context.refused) throw context.refused;
    const call = newCall(message, context, record);
    outcome = await withLogin(caller, call, () => dispatch(caller, call));
  } catch (cause) {
    error = caller.view.told(asGatewayError(cause));
    if (error.code === 'INTERNAL') log.error({ err: cause, method: message.method }, 'call failed');
  }
  record.ms = clock.monotonic() - startedAt;
  finishRecord(record, outcome, error);
  signals.callEnded(record);
  const id = Buffer.from(message.id);
  if (!outcome) {
    const failed = error as GatewayError;
    return { pieces: [renderError(id, failed)], error, status: statusOf(failed) };
  }
  if (outcome.kind === 'error')
    return { pieces: [rawErrorMessage(id, outcome.body)], error, status: statusOfAnswer(message, outcome) };
  return { pieces: resultPieces(id, outcome.body), error, status: 200 };
}

function newCall(message: Message, context: CallContext, record: CallRecord): McpCall {
  const { peer, cancel, headers, envelope, inbound, state, exchange, shown } = context;
  const { method } = message;
  return { message, method, peer, cancel, record, headers, envelope, inbound, state, exchange, shown };
}

/** Only what is wrong with the request itself is an HTTP error; a failed call is an answer like any other. */
const REQUEST_FAULTS: ReadonlySet<string> = new Set([
  'METHOD_NOT_FOUND',
  'HEADER_MISMATCH',
  'CAPABILITY_MISSING',
  'REVISION_UNSUPPORTED',
  'SCOPE_MISSING',
]);

/** What a method refuses that every revision has is no missing method, whatever number a server gives its error. */
const KNOWN: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

function statusOfAnswer({ method }: Message, { body }: McpOutcome): number {
  const status = errorStatus(body);
  return status === 404 && KNOWN.has(method) ? 200 : status;
}

function statusOf(error: GatewayError): number {
  return REQUEST_FAULTS.has(error.code) || error.code === 'UPSTREAM_CHALLENGE' ? error.http : 200;
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
  caller: Caller,
  message: Message,
  at: { context: CallContext; startedAt: number },
): CallRecord {
  return {
    startedAt: at.startedAt,
    method: message.method,
    session: caller.sessionId,
    route: at.context.route,
    user: caller.shown.owner || undefined,
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
    record.reason ??= 'UPSTREAM';
    record.rpcCode = readCode(outcome.body);
  } else if (record.kind === 'tool' && outcome && isToolError(outcome.body)) {
    record.outcome = 'tool_error';
  }
}

function readCode(error: Buffer): number | undefined {
  const found = /"code"\s*:\s*(-?\d{1,9})/.exec(error.subarray(0, 2000).toString('latin1'));
  return found ? Number(found[1]) : undefined;
}

const IS_ERROR = new Needle('"isError"', 'Error"');

/**
 * For the log alone: looked for as text, so a structured result that nests such a member counts too. Inside a JSON
 * string the quotes would be escaped and do not match.
 */
function isToolError(result: Buffer): boolean {
  if (!IS_ERROR.isIn(result)) return false;
  const { bytes } = IS_ERROR;
  for (let at = result.indexOf(bytes); at >= 0; at = result.indexOf(bytes, at + 1)) {
    const value = result.toString('latin1', at + bytes.length, at + bytes.length + 20);
    if (/^\s*:\s*true\b/.test(value)) return true;
  }
  return false;
}
