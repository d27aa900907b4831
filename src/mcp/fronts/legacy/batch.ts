/** JSON-RPC batches, which revision 2025-03-26 has. */
import { GatewayError } from '../../../core/errors.ts';
import { elements, JsonSyntaxError, lex, Shape } from '../../../lib/json-text.ts';
import { renderError } from '../../calls/run-call.ts';
import { type Message, readMessage, SLOT, syntaxToGateway } from '../../message.ts';
import { allowsBatch } from '../../revisions.ts';

/** The complete response to one request. */
export interface BatchAnswer {
  /** Raw JSON text of the request's id. */
  readonly id: string;
  readonly pieces: readonly Buffer[];
}

const ANY = new Shape({});
const RESPONSE = new Shape({ jsonrpc: true, id: true, result: true, error: true });
const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');

export interface BatchRules {
  /** Messages in one batch. */
  readonly max: number;
  /** The revision of the session; undefined as long as there is none. */
  readonly version: string | undefined;
}

/** Every message of a batch, or the first error: a batch is taken whole or not at all. */
export function readBatch(body: Buffer, { max, version }: BatchRules): Message[] {
  if (version === undefined)
    throw new GatewayError('INVALID_REQUEST', 'Invalid Request: a batch before the session is initialized');
  if (!allowsBatch(version)) {
    throw new GatewayError(
      'INVALID_REQUEST',
      'Invalid Request: only revision 2025-03-26 has JSON-RPC batches',
    );
  }
  const text = readArray(body);
  const spans = elements(text.bytes, text.start, text.end);
  const count = spans.length / 2;
  if (count === 0) throw new GatewayError('INVALID_REQUEST', 'an empty batch');
  if (count > max)
    throw new GatewayError('BATCH_TOO_LARGE', `${count} messages in one batch; at most ${max}`);
  const messages: Message[] = [];
  for (let at = 0; at < spans.length; at += 2) {
    const message = readMessage(text.bytes.subarray(spans[at], spans[at + 1]));
    if (message.method === 'initialize')
      throw new GatewayError('INVALID_REQUEST', 'initialize must not be part of a batch');
    if (message.text.has(SLOT.metaVersion))
      throw new GatewayError(
        'INVALID_REQUEST',
        'requests of revision 2026-07-28 must not be part of a batch',
      );
    messages.push(message);
  }
  return messages;
}

function readArray(bytes: Buffer): ReturnType<typeof lex> {
  try {
    return lex(bytes, ANY);
  } catch (error) {
    throw syntaxToGateway(error);
  }
}

/** The answers to a batch as one array, in pieces. */
export function joinBatch(answers: readonly BatchAnswer[]): Buffer[] {
  const pieces: Buffer[] = [OPEN];
  answers.forEach((answer, index) => {
    if (index > 0) pieces.push(COMMA);
    pieces.push(...validated(answer));
  });
  return [...pieces, CLOSE];
}

/**
 * A result was found at the edges of its message and never read in between: by itself it harms only whoever asked for
 * it, but in an array it could close its own answer and write others, with the ids of other requests.
 */
function validated({ id, pieces }: BatchAnswer): readonly Buffer[] {
  try {
    lex(Buffer.concat(pieces), RESPONSE);
    return pieces;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const message = `the upstream's answer is ${error.message}`;
    return [renderError(Buffer.from(id), new GatewayError('UPSTREAM_PROTOCOL', message))];
  }
}
