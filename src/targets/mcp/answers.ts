/**
 * The answer to a POST over streamable HTTP, whatever the era: JSON, an event stream, nothing, or a refusal. Messages
 * go to the wire's events. Knows no session.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Timer } from '../../core/ports.ts';
import { FlowLimitError } from '../../lib/flow.ts';
import type { Outgoing } from '../../mcp/definition.ts';
import type { RemoteWireOptions } from '../../mcp/remote/connector.ts';
import { answers, readEvents, type StreamEnd } from '../../mcp/remote/event-reader.ts';
import { refusal } from '../../mcp/remote/refusal.ts';
import type { UpstreamReply } from '../../upstream/http.ts';
import { replyHeader } from '../../upstream/http.ts';

export const DONE = new GatewayError('CANCELLED', 'not needed');

const JSON_TYPE = /^application\/json\b/i;
const STREAM_TYPE = /^text\/event-stream\b/i;
/** How long a server may keep an answer's stream open behind the answer; then its connection is taken from it. */
const LINGER_MS = 5000;

type Options = Pick<RemoteWireOptions, 'clock' | 'events' | 'maxMessage'>;

export type AnswerKind = 'json' | 'stream' | 'nothing' | 'refused';

export function answerKind(reply: UpstreamReply, outgoing: Outgoing): AnswerKind {
  const { status } = reply;
  if (status === 200) {
    const type = replyHeader(reply, 'content-type') ?? '';
    if (JSON_TYPE.test(type)) return 'json';
    if (STREAM_TYPE.test(type)) return 'stream';
  }
  const nothing = status === 202 || status === 204 || (outgoing.request === undefined && status < 300);
  return nothing ? 'nothing' : 'refused';
}

/** Without a promise where the whole answer is there already: the common case. */
export function readJson(
  reply: UpstreamReply,
  outgoing: Outgoing,
  options: Options,
): Promise<void> | undefined {
  const whole = reply.body.whole();
  if (!whole || whole.length > options.maxMessage) return collected(reply, outgoing, options);
  if (whole.length > 0) options.events.message(whole, outgoing.request);
  return undefined;
}

async function collected(reply: UpstreamReply, outgoing: Outgoing, options: Options): Promise<void> {
  try {
    const bytes = await reply.body.collect(options.maxMessage);
    if (bytes.length > 0) options.events.message(bytes, outgoing.request);
  } catch (error) {
    if (!(error instanceof FlowLimitError)) throw error;
    throw new GatewayError(
      'UPSTREAM_MESSAGE_TOO_LARGE',
      `the upstream's answer is longer than ${error.limit} bytes`,
    );
  }
}

/** Reads an event stream to its end. `message`: in place of the wire's events. */
export function readStream(
  { body }: UpstreamReply,
  origin: number | undefined,
  { clock, events, maxMessage, message }: Options & { readonly message?: (data: Buffer) => void },
): Promise<StreamEnd> {
  let lingering: Timer | undefined;
  const ended = readEvents(body, {
    origin,
    maxMessage,
    message: message ?? ((data) => events.message(data, origin)),
    answered: () => {
      lingering = clock.after(LINGER_MS, () => body.cancel(DONE));
    },
    ...(origin === undefined ? {} : { resumable: () => events.resumable?.(origin) }),
  });
  return ended.finally(() => lingering?.cancel());
}

/** Throws what the refusal amounts to, unless it is a JSON-RPC error that answers this very request: an answer like any other. */
export function refused(
  reply: UpstreamReply,
  {
    outgoing,
    said,
    events,
  }: Pick<Options, 'events'> & { readonly outgoing: Outgoing; readonly said: Buffer },
): void {
  const { status } = reply;
  const { request } = outgoing;
  const type = replyHeader(reply, 'content-type') ?? '';
  const mayAnswer = JSON_TYPE.test(type) && request !== undefined && status !== 401 && status !== 403;
  if (mayAnswer && answers(said, request)) return events.message(said, request);
  if (status >= 200 && status < 300) {
    const what = type === '' ? 'no content type' : `"${type}"`;
    throw new GatewayError(
      'UPSTREAM_PROTOCOL',
      `the upstream answered with ${what} instead of JSON or an event stream`,
    );
  }
  throw refusal(reply, said);
}
