/** JSON-RPC batches, which revision 2025-03-26 has. */
import { GatewayError } from '../../../core/errors.ts';
import { elements, lex, Shape } from '../../../lib/json-text.ts';
import { type Message, readMessage, syntaxToGateway } from '../../message.ts';

const ANY = new Shape({});

/** Every message of a batch, or the first error: a batch is taken whole or not at all. */
export function readBatch(body: Buffer, max: number): Message[] {
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
