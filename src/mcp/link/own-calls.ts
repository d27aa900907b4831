/** Requests the gateway makes by itself on an upstream link, in the era of that link. */
import { Cancel } from '../../lib/cancel.ts';
import { requestMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import { type Envelope, envelopeText } from '../bridge/envelope.ts';
import type { McpOutcome } from '../call.ts';
import type { Deadline, LinkCall } from './flight.ts';
import type { LinkWithInfo } from './opened.ts';

const DEADLINE: Deadline = { ms: 10_000, maxMs: 10_000 };
const NO_PARAMS = Buffer.from('{}');

export interface OwnRequest {
  /** JSON text of an object without blanks around it and without `_meta`. */
  readonly params?: Buffer | undefined;
  readonly cancel?: Cancel | undefined;
  /** Default 10 s. */
  readonly deadline?: Deadline | undefined;
  /** See `LinkCall`. */
  readonly name?: string | undefined;
  readonly client?: readonly string[] | undefined;
  readonly long?: boolean;
  readonly acknowledged?: NonNullable<LinkCall['acknowledged']>;
}

/** On a modern link the request says whom it speaks for; whoever opened the link decided who that is. */
export function ownRequest(
  { link, envelope }: Pick<LinkWithInfo, 'link' | 'envelope'>,
  method: string,
  options: OwnRequest = {},
): Promise<McpOutcome> {
  const { cancel = new Cancel(), deadline = DEADLINE, name, client, long, acknowledged } = options;
  const params = envelope ? withEnvelope(options.params ?? NO_PARAMS, envelope) : options.params;
  return link.call({
    method,
    name,
    write: (id) => requestMessage(id, method, params),
    progressToken: undefined,
    peer: undefined,
    cancel,
    deadline,
    headers: undefined,
    client,
    ...(long === undefined ? {} : { long }),
    ...(acknowledged === undefined ? {} : { acknowledged }),
  });
}

/** Nothing where the server has no logging, and on modern links, where each request says what it wants. */
export function sendLevel(open: LinkWithInfo, level: string): Promise<McpOutcome | undefined> {
  const none = open.link.era === 'modern' || open.info.capabilities['logging'] === undefined;
  if (none) return Promise.resolve(undefined);
  return ownRequest(open, 'logging/setLevel', { params: member('level', level) });
}

/** Nothing on modern links: what is subscribed to there is said by `subscriptions/listen`. */
export function sendSubscribe(open: LinkWithInfo, uri: string): Promise<McpOutcome | undefined> {
  if (open.link.era === 'modern') return Promise.resolve(undefined);
  return ownRequest(open, 'resources/subscribe', { params: member('uri', uri) });
}

/** As `sendSubscribe`. */
export function sendUnsubscribe(open: LinkWithInfo, uri: string): Promise<McpOutcome | undefined> {
  if (open.link.era === 'modern') return Promise.resolve(undefined);
  return ownRequest(open, 'resources/unsubscribe', { params: member('uri', uri) });
}

/** With headers of a client that the link does not have yet: does the server take them? */
export function sendPing(open: LinkWithInfo, client: readonly string[]): Promise<McpOutcome> {
  const method = open.link.era === 'modern' ? 'server/discover' : 'ping';
  return ownRequest(open, method, { params: NO_PARAMS, client });
}

function member(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from(`{"${name}":`), quote(value), Buffer.from('}')]);
}

function withEnvelope(params: Buffer, envelope: Envelope): Buffer {
  const rest = params.length === NO_PARAMS.length ? CLOSE : Buffer.concat([COMMA, params.subarray(1)]);
  return Buffer.concat([META, envelopeText(envelope), CLOSE, rest]);
}

const META = Buffer.from('{"_meta":{');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from('}');
