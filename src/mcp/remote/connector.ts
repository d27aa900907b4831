/**
 * What the two kinds of remote targets (mcp, sse) share: where they lead, the connections they use, and the headers
 * of a POST. It must not know a transport: how a wire is opened is passed in.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import type { Clock } from '../../core/ports.ts';
import { connectionOf } from '../../upstream/connection.ts';
import { credentialsAt } from '../../upstream/credentials/login/located.ts';
import { httpUpstream } from '../../upstream/http.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import type { Connector, ConnectorDeps, OpenOptions, Wire, WireEvents } from '../definition.ts';
import { CredentialedUpstream, type Sender } from './credentialed.ts';
import { authorizationOf, type RemoteConfig, remoteUrl } from './schema.ts';

export interface RemoteWireOptions {
  readonly upstream: Sender;
  readonly url: URL;
  /** Credentials written into the URL (flat list); what the client has under the same names is not sent. */
  readonly fixed: readonly string[];
  /** The client's own headers where they may travel. */
  readonly headers: readonly string[];
  readonly events: WireEvents;
  readonly clock: Clock;
  readonly maxMessage: number;
}

export interface RemoteKind {
  /** Path of the endpoint where the configuration gives host and port alone. */
  readonly path: string;
  readonly transport: RemoteTransport;
}

/** How its wires are opened. The members mean what they mean in `Connector`. */
export interface RemoteTransport extends Pick<Connector, 'relates' | 'eras' | 'another'> {
  open(options: RemoteWireOptions, how: Pick<OpenOptions, 'era' | 'cancel'>): Wire | Promise<Wire>;
}

/** Throws GatewayError CONFIG_INVALID when the configuration gives no URL. */
export function remoteConnector(config: RemoteConfig, deps: ConnectorDeps, kind: RemoteKind): Connector {
  const url = remoteUrl(config, kind.path);
  if (typeof url === 'string') throw new GatewayError('CONFIG_INVALID', url);
  const { backend, timeouts, limits, ports } = deps;
  const { transport } = kind;
  const tls = url.protocol === 'https:' ? upstreamTls(backend.policies) : undefined;
  const credentials = credentialsAt(deps.credentials, { name: deps.name, url, tls });
  const upstream = httpUpstream(backend.lasting, backend.scope, {
    origin: url.origin,
    tls,
    ...connectionOf(backend.policies, timeouts.connectMs),
    log: ports.log.child({ target: deps.name }),
  });
  const shared = {
    url,
    fixed: authorizationOf(url),
    clock: ports.clock,
    get maxMessage() {
      return limits?.messageBytes ?? LIMITS.upstreamMessage.value;
    },
  };
  return {
    lifecycle: 'session',
    resumable: true,
    takesHeaders: true,
    get relates() {
      return transport.relates;
    },
    ...(transport.eras ? { eras: transport.eras } : {}),
    another: (error, wire) => transport.another?.(error, wire) ?? false,
    address: `${url.origin}${url.pathname}`,
    open: async ({ headers, events, owner, era, cancel }) => {
      const sender = credentials ? new CredentialedUpstream(upstream, credentials, owner) : upstream;
      return transport.open({ ...shared, upstream: sender, headers, events }, { era, cancel });
    },
    close() {},
  };
}

/** What every POST of a message carries. */
export function postHeaders(fixed: readonly string[], client: readonly string[]): string[] {
  return [
    'content-type',
    'application/json',
    'accept',
    'application/json, text/event-stream',
    ...clientHeaders(fixed, client),
  ];
}

/** Those of the client, and in place of its credentials those of the URL. */
export function clientHeaders(fixed: readonly string[], client: readonly string[]): readonly string[] {
  return fixed.length === 0 ? client : [...fixed, ...withoutHeaders(client, ['authorization'])];
}
