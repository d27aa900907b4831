/** What a request asks of an agent: by its path where that tells, else by its body, which is read for that. */
import { type GrpcCall, grpcCall, readGrpc } from '../../a2a/grpc.ts';
import { operationOf, pathCall } from '../../a2a/operations.ts';
import { ProtobufError } from '../../a2a/protobuf.ts';
import { AmbiguousRequest, type Asked, readRequest, webhookUrls } from '../../a2a/request.ts';
import { versionOf } from '../../a2a/version.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Exchange, header, isGrpc, type RequestBody } from '../../core/exchange.ts';
import type { A2aRecord } from '../../core/signals.ts';
import { WholeBody } from '../../core/whole-body.ts';
import { JsonSyntaxError } from '../../lib/json-text.ts';
import type { Webhooks } from './webhooks.ts';

export interface Question {
  facts: A2aRecord;
  /** Of JSON-RPC: its id as JSON. */
  id: Buffer | undefined;
  /** It is a call of the protocol, so its errors are read by a client of it. */
  readonly isAgentCall: boolean;
  /** What the path says; undefined: nothing. */
  readonly byPath: boolean;
  /** undefined: it is none over gRPC. */
  readonly grpc: GrpcCall | undefined;
}

export interface BodyRules {
  /** In bytes. */
  readonly limit: number;
  readonly webhooks: Webhooks;
}

/** As far as the head tells. */
export function questionOf(exchange: Exchange): Question {
  const { method, path, query } = exchange;
  const version = versionOf(header(exchange, 'a2a-version'), query) ?? '';
  const grpc = isProtobuf(exchange) ? grpcCall(path) : undefined;
  const call = grpc === undefined ? pathCall(method, path) : undefined;
  const isRpc = call === undefined && grpc === undefined && method === 'POST';
  const operation = (grpc ?? call)?.operation;
  return {
    facts: {
      method: operation,
      transport: grpc !== undefined ? 'GRPC' : isRpc ? 'JSONRPC' : 'HTTP+JSON',
      version,
      skill: undefined,
      taskId: call?.taskId,
      contextId: undefined,
      outcome: undefined,
      errorCode: undefined,
      resultKind: undefined,
      taskState: undefined,
    },
    id: undefined,
    isAgentCall: operation !== undefined || isRpc,
    byPath: operation !== undefined,
    grpc,
  };
}

/** A call over gRPC in the one form that is read here: what another server may read as something else is no protobuf. */
function isProtobuf(exchange: Exchange): boolean {
  return isGrpc(exchange) && PROTOBUF.test(header(exchange, 'content-type') ?? '');
}

const PROTOBUF = /^application\/grpc(?:\+proto)?\s*(?:;|$)/i;

const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The body to go on with, byte for byte; `question` learns what it says. Whatever its type is said to be it has to be
 * JSON: agents do not look at the type, and one that reads what the gateway could not would be asked past every rule.
 */
export async function readBody(
  exchange: Exchange,
  question: Question,
  { limit, webhooks }: BodyRules,
): Promise<RequestBody> {
  if (question.facts.version === '')
    throw new GatewayError('UNSUPPORTED_VERSION', 'A2A-Version is malformed: expected one Major.Minor');
  const { body, method } = exchange;
  if (question.facts.transport === 'GRPC') return readGrpcBody(exchange, question, { limit, webhooks });
  if (!WITH_BODY.has(method) || body.length === 0) return body;
  const coding = header(exchange, 'content-encoding');
  if (coding !== undefined && !/^\s*(?:identity)?\s*$/i.test(coding))
    throw new GatewayError('UNSUPPORTED_MEDIA_TYPE', 'requests to an agent are not taken compressed');
  const bytes = await body.read(limit);
  if (bytes.length > 0) {
    learn(question, asked(bytes));
    await webhooks.check(webhookUrls(bytes), exchange.cancel);
  }
  return new WholeBody(bytes);
}

/** One message, whose calls are all of one; a method that A2A does not have streams on unread. */
async function readGrpcBody(
  { body, cancel }: Exchange,
  question: Question,
  { limit, webhooks }: BodyRules,
): Promise<RequestBody> {
  const { facts, grpc } = question;
  if (!grpc?.fields) return body;
  const bytes = await body.read(limit);
  try {
    const { webhooks: urls, ...said } = readGrpc(bytes, grpc.fields);
    question.facts = { ...facts, ...said };
    await webhooks.check(urls, cancel);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw new GatewayError('INVALID_REQUEST', error.message);
  }
  return new WholeBody(bytes);
}

function asked(bytes: Buffer): Asked {
  try {
    return readRequest(bytes);
  } catch (error) {
    if (error instanceof AmbiguousRequest) throw new GatewayError('INVALID_REQUEST', error.message);
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new GatewayError(error.reason === 'ambiguous' ? 'INVALID_REQUEST' : 'PARSE_ERROR', error.message);
  }
}

function learn(question: Question, { isRpc, id, method, taskId, contextId, skill }: Asked): void {
  const { facts, byPath } = question;
  question.id = id;
  if (byPath && isRpc)
    throw new GatewayError('INVALID_REQUEST', 'the path is one of HTTP+JSON and the body one of JSON-RPC');
  if (facts.taskId !== undefined && taskId !== undefined && facts.taskId !== taskId)
    throw new GatewayError('INVALID_REQUEST', 'the path and the body name two tasks');
  question.facts = {
    ...facts,
    method: byPath || method === undefined ? facts.method : operationOf(method),
    taskId: facts.taskId ?? taskId,
    contextId,
    skill,
  };
}
