/**
 * Cards on their way back. They are changed, so they are asked for whole and unencoded, have an ETag of their own, and
 * conditional requests are answered here.
 */
import { hash } from 'node:crypto';
import { rewriteCard, rewriteCardResult, type UrlOf } from '../../a2a/card.ts';
import { rewriteGrpcCard } from '../../a2a/grpc-reply.ts';
import { GET_EXTENDED_CARD, mountOf } from '../../a2a/operations.ts';
import { ProtobufError } from '../../a2a/protobuf.ts';
import { type Mount, publicUrl } from '../../a2a/public-url.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Exchange, header, type Reply } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import { Flow, FlowLimitError } from '../../lib/flow.ts';
import { JsonSyntaxError } from '../../lib/json-text.ts';
import { replyHeader } from '../../upstream/http.ts';
import { observed } from './observed.ts';
import { baseOf } from './place.ts';
import type { Question } from './question.ts';
import type { A2aConfig } from './schema.ts';

export interface CardPlace {
  readonly exchange: Exchange;
  /** What went to the agent. */
  readonly inner: Exchange;
  readonly question: Question;
  readonly config: A2aConfig;
}

const CONDITIONAL = [
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
];
/** What is said of the bytes that came. */
const OF_BYTES = [
  'content-length',
  'etag',
  'last-modified',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'accept-ranges',
];

/** Headers of the request for a card. */
export function cardRequest(rawHeaders: readonly string[]): readonly string[] {
  const asked = withoutHeaders(rawHeaders, ['accept-encoding', 'grpc-accept-encoding', ...CONDITIONAL]);
  return [...asked, 'accept-encoding', 'identity'];
}

export async function answerCard(reply: Reply, place: CardPlace): Promise<Reply> {
  const { exchange, question } = place;
  const { facts } = question;
  facts.outcome = reply.status < 400 ? 'ok' : 'error';
  const { status, headers } = privateOnly(reply, question);
  if (exchange.method === 'HEAD') return { ...reply, headers: withoutHeaders(headers, OF_BYTES) };
  if (status !== 200) return reply;
  const before = await wholeCard(reply);
  const bytes = rewritten(before, place);
  if (facts.transport === 'JSONRPC')
    return observed(
      finished(status, [...withoutHeaders(headers, OF_BYTES), ...sizeOf(bytes)], bytes),
      question,
    );
  return tagged(exchange, withoutHeaders(headers, OF_BYTES), bytes);
}

/** The message changes; the status behind it stays. */
export async function answerGrpcCard(reply: Reply, place: CardPlace): Promise<Reply> {
  const { question } = place;
  const { headers, status } = reply;
  if (status !== 200 || !question.grpc) return observed(reply, question);
  const before = await whole(reply.body);
  try {
    const bytes = rewriteGrpcCard(before, question.grpc.version, urlsAt(place));
    const body = new Flow();
    if (bytes.length > 0) body.push(bytes);
    body.end(reply.body.trailers);
    return observed({ status, headers: withoutHeaders(headers, OF_BYTES), body }, question);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw new GatewayError(
      'UPSTREAM_PROTOCOL',
      `the agent's card over gRPC cannot be read: ${error.message}`,
    );
  }
}

/** With an ETag; without what the client has already. */
export function tagged(exchange: Exchange, headers: readonly string[], bytes: Buffer): Reply {
  const etag = `"${hash('sha256', bytes, 'base64url').slice(0, 27)}"`;
  const kept = [...headers, 'etag', etag];
  if (matches(header(exchange, 'if-none-match'), etag))
    return finished(304, withoutHeaders(kept, ['content-type', 'content-language']), NOTHING);
  return finished(200, [...kept, ...sizeOf(bytes)], bytes);
}

const NOTHING = Buffer.alloc(0);

function finished(status: number, headers: readonly string[], bytes: Buffer): Reply {
  return { status, headers, body: Flow.of(bytes) };
}

function sizeOf({ length }: Buffer): string[] {
  return ['content-length', String(length)];
}

async function wholeCard(reply: Reply): Promise<Buffer> {
  const { body } = reply;
  const coding = replyHeader(reply, 'content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    const error = new GatewayError('UPSTREAM_PROTOCOL', `the agent sent its card as ${coding}, unasked`);
    body.cancel(error);
    throw error;
  }
  return whole(body);
}

async function whole(body: Flow): Promise<Buffer> {
  try {
    return await body.collect(LIMITS.agentCard.value);
  } catch (error) {
    if (!(error instanceof FlowLimitError)) throw error;
    throw new GatewayError(
      'UPSTREAM_MESSAGE_TOO_LARGE',
      `the agent's ${error.message}`.replace('body', 'card'),
    );
  }
}

/** A page that is no JSON at all is no card, and nobody can take it for one. */
function rewritten(bytes: Buffer, place: CardPlace): Buffer {
  if (!/^\s*[{[]/.test(bytes.toString('latin1', 0, 256))) return bytes;
  const urlOf = urlsAt(place);
  try {
    return place.question.facts.transport === 'JSONRPC'
      ? rewriteCardResult(bytes, urlOf)
      : rewriteCard(bytes, urlOf);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new GatewayError('UPSTREAM_PROTOCOL', `the agent's card is no JSON: ${error.message}`);
  }
}

function urlsAt({ exchange, inner, question, config }: CardPlace): UrlOf {
  const { path } = exchange;
  const sent = inner.outbound?.url ?? inner.url;
  const mount: Mount = {
    base: baseOf(exchange, config),
    asked: path,
    sent: sent.split('?', 1)[0] as string,
    // Paths of gRPC are those of its services: they tell nothing of where the agent's others lie.
    mount: question.grpc ? '' : mountOf(path),
    serves: (other) => exchange.serves(exchange, other),
  };
  return (url) => publicUrl(url, mount);
}

/** An extended card is for who asks: no cache between may keep it for others. */
function privateOnly(reply: Reply, { facts }: Question): Reply {
  if (facts.method !== GET_EXTENDED_CARD || facts.transport === 'JSONRPC') return reply;
  const said = replyHeader(reply, 'cache-control');
  if (said !== undefined && /(?:^|,)\s*(?:private\s*(?:,|$)|no-store)/i.test(said)) return reply;
  const kept = (said ?? '')
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !/^(?:public|private|s-maxage)\b/i.test(directive));
  const headers = [
    ...withoutHeaders(reply.headers, ['cache-control']),
    'cache-control',
    ['private', ...kept].join(', '),
  ];
  return { ...reply, headers };
}

/** RFC 9110 section 13.1.2: compared weakly. */
function matches(asked: string | undefined, etag: string): boolean {
  if (asked === undefined) return false;
  if (asked.trim() === '*') return true;
  return asked.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
