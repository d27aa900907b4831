/** The stdio front: one client over lines of JSON. What is not a message is answered with an error, never with silence. */
import type { Channel, ChannelReceiver } from '../../../core/backend.ts';
import { asGatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Endpoint } from '../../endpoint.ts';
import { renderError } from '../../sessions/run-call.ts';
import { type ChannelContext, ChannelSession } from './channel-session.ts';

const CONTEXT: ChannelContext = {
  client: { principal: '', headers: [] },
  route: undefined,
  traceId: undefined,
  headers: undefined,
};

export function connectChannel(endpoint: Endpoint, channel: Channel): ChannelReceiver {
  const session = new ChannelSession({
    endpoint,
    deliver: (message) => {
      channel.send(oneLine(message));
      return true;
    },
    begun() {},
    ended: () => channel.ended(),
  });
  return {
    receive: (bytes) => {
      try {
        for (const message of session.read(bytes, LIMITS.batch.value)) session.receive(message, CONTEXT);
      } catch (cause) {
        channel.send(renderError(undefined, asGatewayError(cause)));
      }
    },
    settled: () => session.settled(),
    close: () => session.close(),
  };
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/**
 * Results travel as the upstream wrote them, and a line end in one would end the message early here, or begin one of
 * the upstream's own. In valid JSON it stands between tokens, where a space means the same.
 */
function oneLine(message: Buffer): Buffer {
  if (message.indexOf(LF) < 0 && message.indexOf(CR) < 0) return message;
  return Buffer.from(message.map((byte) => (byte === LF || byte === CR ? SPACE : byte)));
}
