/** A reply that goes on when its body is whole. */
import { GatewayError } from '../../core/errors.ts';
import { type Answer, isTunnel } from '../../core/exchange.ts';
import { held, streamsOn, type Whole } from '../../core/reply-body.ts';
import { Flow } from '../../lib/flow.ts';
import type { SideConfig } from './schema.ts';

export async function heldReply(answer: Answer, { maxBytes, failureMode }: SideConfig): Promise<Answer> {
  if (isTunnel(answer) || streamsOn(answer)) return answer;
  const body = await held(answer.body, maxBytes);
  if (!body.more) return { ...answer, body: whole(body) };
  if (failureMode === 'failOpen') return { ...answer, body: body.more };
  const error = new GatewayError(
    'UPSTREAM_MESSAGE_TOO_LARGE',
    `the reply is larger than ${maxBytes} bytes, which is what \`buffer\` holds`,
  );
  body.more.cancel(error);
  throw error;
}

function whole({ bytes, trailers }: Whole): Flow {
  if (!trailers?.length) return Flow.of(bytes);
  const flow = new Flow();
  if (bytes.length > 0) flow.push(bytes);
  flow.end(trailers);
  return flow;
}
