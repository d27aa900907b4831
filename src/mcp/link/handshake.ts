/**
 * Opens a link in one era: a wire, and what has to be said over it before the first call. For a legacy server that is
 * the handshake; to a modern one nothing, where it is known already what the server says of itself.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import type { CredentialOwner } from '../../core/outgoing.ts';
import type { Clock, Log } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { notificationMessage, requestMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import type { Connector, OpenOptions, Wire } from '../definition.ts';
import { type Era, isLegacyRevision, LATEST_LEGACY } from '../revisions.ts';
import { discover, envelopeOf } from './discover.ts';
import { readInitialized } from './greetings.ts';
import { Link, type LinkEvents } from './link.ts';
import type { ClientIdentity, LinkWithInfo, ServerInfo } from './opened.ts';

export interface HandshakeOptions {
  readonly connector: Connector;
  readonly identity: ClientIdentity;
  readonly events: LinkEvents;
  readonly headers: readonly string[];
  /** See `OpenOptions.owner`. */
  readonly owner?: CredentialOwner;
  readonly purpose: OpenOptions['purpose'];
  readonly era: Era;
  /** Modern: what the server says of itself, where that is known; it is not asked then. */
  readonly info?: ServerInfo | undefined;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxQuestions: number;
  /** See `LinkOptions`. */
  readonly eraLost?: () => void;
  /** Cancelled when whoever asked for the link is gone: an upstream that does not answer must not hold up the end. */
  readonly ended: Cancel;
}

/** Rejects with a GatewayError within `connectMs`; nothing stays open then. */
export async function openLink(options: HandshakeOptions): Promise<LinkWithInfo> {
  const { connector, clock, connectMs } = options;
  const until = clock.monotonic() + connectMs;
  const tried: Tried = { wire: undefined };
  try {
    return await connected(options, greet, tried);
  } catch (cause) {
    if (options.ended.cancelled || !connector.another?.(asGatewayError(cause), tried.wire)) throw cause;
    const rest = { ...options, connectMs: Math.max(1, until - clock.monotonic()) };
    return openAnother(rest, cause);
  }
}

/** Over another transport. What the first one failed with says more, unless the second one wants a login. */
async function openAnother(options: HandshakeOptions, first: unknown): Promise<LinkWithInfo> {
  const tried: Tried = { wire: undefined };
  try {
    return await connected(options, greet, tried);
  } catch (cause) {
    const error = asGatewayError(cause);
    options.connector.another?.(error, tried.wire);
    throw error.code === 'UPSTREAM_CHALLENGE' ? error : first;
  }
}

interface Tried {
  wire: Wire | undefined;
}

type Greet<T> = (link: Link, options: HandshakeOptions, cancel: Cancel) => Promise<T>;

/** Opens a wire and greets over it, all within `connectMs`. */
export async function connected<T>(
  options: HandshakeOptions,
  greeting: Greet<T>,
  tried: Tried = { wire: undefined },
): Promise<T> {
  const { connector, clock, connectMs, era } = options;
  const link = new Link(options);
  const { cancel, forget } = options.ended.child();
  const late = (): void => {
    const what = link.era === 'modern' ? 'answer server/discover' : 'complete initialize';
    const message = `${connector.address} did not ${what} within ${Math.round(connectMs)} ms`;
    cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', message));
  };
  const timer = clock.after(connectMs, late);
  try {
    const opened = connector.open({
      events: {
        message: (bytes, origin) => link.receive(bytes, origin),
        resumable: (origin) => link.resumable(origin),
        paused: (origin, retryMs) => link.paused(origin, retryMs),
        closed: (error) => link.lost(error),
      },
      headers: options.headers,
      owner: options.owner,
      purpose: options.purpose,
      era,
      cancel,
    });
    tried.wire = await unlessCancelled(opened, cancel, (wire) => wire.close());
    link.attach(tried.wire);
    return await greeting(link, options, cancel);
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

async function greet(link: Link, options: HandshakeOptions, cancel: Cancel): Promise<LinkWithInfo> {
  const { era, identity, connectMs } = options;
  if (era === 'modern') {
    const envelope = envelopeOf(identity);
    const info = options.info ?? (await discover({ link, envelope }, { cancel, connectMs }));
    return { link, info, envelope };
  }
  const info = await initialize(link, options, cancel);
  await initialized(link, info, cancel);
  return { link, info, envelope: undefined };
}

/** Asks; nothing is agreed on before `initialized`. */
export async function initialize(
  link: Link,
  { identity, connectMs }: HandshakeOptions,
  cancel: Cancel,
): Promise<ServerInfo> {
  const version = isLegacyRevision(identity.version) ? identity.version : LATEST_LEGACY;
  const params = Buffer.concat([
    Buffer.from('{"protocolVersion":'),
    quote(version),
    Buffer.from(',"capabilities":'),
    identity.capabilities,
    Buffer.from(',"clientInfo":'),
    identity.info,
    Buffer.from('}'),
  ]);
  const outcome = await link.call({
    method: 'initialize',
    name: undefined,
    write: (id) => requestMessage(id, 'initialize', params),
    progressToken: undefined,
    peer: undefined,
    cancel,
    deadline: { ms: connectMs, maxMs: connectMs },
    headers: undefined,
  });
  return readInitialized(outcome);
}

export async function initialized(link: Link, { version }: ServerInfo, cancel: Cancel): Promise<void> {
  link.wire.agreed?.(version);
  await unlessCancelled(link.deliver(notificationMessage('notifications/initialized')), cancel);
}
