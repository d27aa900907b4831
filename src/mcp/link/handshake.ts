/** Opens a wire and initialises it: the legacy handshake, as the client of an upstream server. */
import { GatewayError } from '../../core/errors.ts';
import type { Clock, Log } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { notificationMessage, requestMessage } from '../../lib/json-rpc.ts';
import { JsonSyntaxError, lex, quote, Shape } from '../../lib/json-text.ts';
import { isObject, parseObject } from '../../lib/json-value.ts';
import type { McpOutcome } from '../call.ts';
import type { Connector, OpenOptions } from '../definition.ts';
import { type Era, isLegacyRevision } from '../revisions.ts';
import { Link, type LinkEvents } from './link.ts';
import type { ClientIdentity, LinkWithInfo, ServerInfo } from './opened.ts';

export type { ClientIdentity, ServerInfo } from './opened.ts';

export interface HandshakeOptions {
  readonly connector: Connector;
  readonly identity: ClientIdentity;
  readonly events: LinkEvents;
  readonly headers: readonly string[];
  readonly purpose: OpenOptions['purpose'];
  readonly era: Era;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxQuestions: number;
  /** Cancelled when whoever asked for the link is gone: an upstream that does not answer must not hold up the end. */
  readonly ended: Cancel;
}

/** Rejects with a GatewayError within `connectMs`; nothing stays open then. */
export async function openLink(options: HandshakeOptions): Promise<LinkWithInfo> {
  const { connector, clock, connectMs } = options;
  const link = new Link(options);
  const { cancel, forget } = options.ended.child();
  const late = new GatewayError(
    'UPSTREAM_TIMEOUT',
    `${connector.address} did not complete initialize within ${connectMs} ms`,
  );
  const timer = clock.after(connectMs, () => cancel.cancel(late));
  try {
    const opened = connector.open({
      events: {
        message: (bytes, origin) => link.receive(bytes, origin),
        resumable: (origin) => link.resumable(origin),
        paused: (origin, retryMs) => link.paused(origin, retryMs),
        closed: (error) => link.lost(error),
      },
      headers: options.headers,
      purpose: options.purpose,
      era: options.era,
      cancel,
    });
    link.attach(await unlessCancelled(opened, cancel, (wire) => wire.close()));
    const info = readServerInfo(await initialize(link, options, cancel));
    link.wire.agreed?.(info.version);
    await unlessCancelled(link.deliver(notificationMessage('notifications/initialized')), cancel);
    return { link, info, envelope: undefined };
  } catch (error) {
    await link.close();
    throw error;
  } finally {
    timer.cancel();
    forget();
  }
}

/** A connector that ignores its cancel, or a server that never takes a message, must not hold us. `late`: what then comes. */
function unlessCancelled<T>(work: Promise<T>, cancel: Cancel, late?: (value: T) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = cancel.onCancel((reason) => {
      work.then(late).catch(() => undefined);
      reject(reason);
    });
    work.then(resolve, reject).finally(forget);
  });
}

function initialize(link: Link, options: HandshakeOptions, cancel: Cancel): Promise<McpOutcome> {
  const { identity, connectMs } = options;
  const params = Buffer.concat([
    Buffer.from('{"protocolVersion":'),
    quote(identity.version),
    Buffer.from(',"capabilities":'),
    identity.capabilities,
    Buffer.from(',"clientInfo":'),
    identity.info,
    Buffer.from('}'),
  ]);
  return link.call({
    method: 'initialize',
    name: undefined,
    write: (id) => requestMessage(id, 'initialize', params),
    progressToken: undefined,
    peer: undefined,
    cancel,
    deadline: { ms: connectMs, maxMs: connectMs },
    headers: undefined,
  });
}

function readServerInfo(outcome: McpOutcome): ServerInfo {
  const value = readObject(outcome.body);
  if (outcome.kind === 'error') {
    const message = typeof value['message'] === 'string' ? value['message'] : 'no message';
    throw new GatewayError('UPSTREAM_PROTOCOL', `the upstream refused initialize: ${message}`, {
      data: { upstream: value },
    });
  }
  const version = value['protocolVersion'];
  if (typeof version !== 'string' || !isLegacyRevision(version)) {
    throw new GatewayError(
      'UPSTREAM_PROTOCOL',
      `the upstream answered initialize with the unknown revision ${JSON.stringify(version)}`,
    );
  }
  const { capabilities, serverInfo, instructions } = value;
  return {
    era: 'legacy',
    version,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo,
    instructions: typeof instructions === 'string' ? instructions : undefined,
    raw: outcome.body,
  };
}

const MAX_INITIALIZE = 1024 * 1024;
const ANY = new Shape({});

function readObject(body: Buffer): Record<string, unknown> {
  if (body.length > MAX_INITIALIZE)
    throw new GatewayError('UPSTREAM_PROTOCOL', 'the answer to initialize is longer than 1 MiB');
  const value = isValid(body) ? parseObject(body) : undefined;
  if (!value) throw new GatewayError('UPSTREAM_PROTOCOL', 'the answer to initialize is not a JSON object');
  return value;
}

/** Depth above all: the answer is joined with others and printed again, which a deep one would overflow. */
function isValid(body: Buffer): boolean {
  try {
    lex(body, ANY);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}
