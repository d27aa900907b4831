/**
 * The stdio front: one client over lines of JSON. It may speak either era, and both: one that wants to know asks
 * server/discover first. What is not a message is answered with an error, never with silence.
 */
import type { Channel, ChannelReceiver } from '../../core/backend.ts';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports } from '../../core/ports.ts';
import type { Importance } from '../call.ts';
import { renderError } from '../calls/run-call.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Message } from '../message.ts';
import { type ChannelContext, ChannelSession } from './legacy/channel-session.ts';
import { ChannelVisitor } from './modern/channel-visitor.ts';
import { isModernMessage } from './modern/classify.ts';

const CONTEXT: ChannelContext = {
  client: { principal: '', headers: [] },
  route: undefined,
  traceId: undefined,
  headers: undefined,
};

/** As they are now: a reload may change them. */
interface ChannelLimits {
  readonly batch: number;
  readonly maxQueue: number;
  /** One message from a server. */
  readonly messageBytes: number;
}

const STANDARD: ChannelLimits = {
  batch: LIMITS.batch.value,
  maxQueue: LIMITS.readerQueue.value,
  messageBytes: LIMITS.upstreamMessage.value,
};

export function connectChannel(
  endpoint: Endpoint,
  channel: Channel,
  limits: ChannelLimits = STANDARD,
): ChannelReceiver {
  const outlet = new BoundedOutlet(endpoint, channel, limits);
  const deliver = (message: Buffer, importance: Importance): boolean => outlet.deliver(message, importance);
  const ended = (): void => channel.ended();
  const session = new ChannelSession({ endpoint, deliver, begun() {}, ended });
  const visitor = new ChannelVisitor({ endpoint, deliver });
  const receive = (message: Message): void => {
    if (isModernMessage(message)) visitor.receive(message);
    else if (!visitor.cancelled(message)) session.receive(message, CONTEXT);
  };
  return {
    receive: (bytes) => {
      try {
        for (const message of session.read(bytes, limits.batch)) receive(message);
      } catch (cause) {
        outlet.deliver(renderError(undefined, asGatewayError(cause)), 'keep');
      }
    },
    settled: async () => {
      await Promise.all([session.settled(), visitor.settled()]);
    },
    close: () => {
      visitor.close();
      return session.close();
    },
  };
}

/** A client that does not read loses progress and log messages; when answers pile up for it the channel ends. */
class BoundedOutlet {
  readonly #ports: Ports;
  readonly #channel: Channel;
  readonly #limits: ChannelLimits;
  #ended = false;

  constructor({ options }: Endpoint, channel: Channel, limits: ChannelLimits) {
    this.#ports = options.ports;
    this.#channel = channel;
    this.#limits = limits;
  }

  /** False when the channel has ended. */
  deliver(message: Buffer, importance: Importance): boolean {
    if (this.#ended) return false;
    const { unread } = this.#channel;
    if (importance !== 'keep' && unread + message.length > this.#limits.maxQueue) {
      this.#ports.signals.count('mcp_messages_dropped_total', { importance });
      return true;
    }
    // One answer always fits: that it is large does not make its reader a slow one.
    if (unread > 0 && unread + message.length > this.#limits.messageBytes) {
      this.#ended = true;
      this.#channel.ended(new GatewayError('OVERLOADED', 'the client reads too slowly'));
      return false;
    }
    this.#channel.send(oneLine(message));
    return true;
  }
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
