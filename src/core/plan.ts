/**
 * The plan: every document merged and normalised, frozen plain data. Whatever spelling people wrote (binds tree,
 * gateways form, short `mcp:`), this is what a generation is built from.
 */
import type { LimitSettings } from './limits.ts';
import type { Secret } from './schema.ts';

/** Policies as configured: key to validated config. */
export type PolicySet = Readonly<Record<string, unknown>>;

export interface Plan {
  readonly binds: readonly BindPlan[];
  readonly settings: SettingsPlan;
  /** sha256 over the canonical JSON of binds and settings. */
  readonly hash: string;
}

export interface BindPlan {
  /** undefined, of an internal one alone: every port that no other bind has. */
  readonly port: number | undefined;
  /** undefined: loopback, both families. Otherwise an address such as 0.0.0.0 or ::. */
  readonly address: string | undefined;
  /** `internal`: opens no socket; connections come from elsewhere in the gateway. */
  readonly mode: 'standard' | 'internal';
  /** How each connection begins; undefined: with what the client says. */
  readonly proxyProtocol: ProxyProtocolPlan | undefined;
  /** What becomes of CONNECT; undefined: it is refused. */
  readonly connect: ConnectMode | undefined;
  readonly listeners: readonly ListenerPlan[];
}

/** `route`: it finds its route like any request. `tunnel`: nothing else is taken, and leads to a bind of that port. */
export type ConnectMode = 'route' | 'tunnel';

/** A load balancer says whose a connection is, before anything else. */
export interface ProxyProtocolPlan {
  readonly version: 'v1' | 'v2' | 'all';
  /** `optional`: a connection that says nothing of the kind is its own. */
  readonly mode: 'strict' | 'optional';
}

export interface ListenerPlan {
  readonly name: string;
  /** Exact or wildcard host (`*.example.com`); undefined matches all. */
  readonly hostname: string | undefined;
  /** TCP and TLS pass bytes on: they have `tcpRoutes`, and no policies. The others have `routes`. */
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP' | 'TLS';
  /** undefined: TLS does not end here. */
  readonly tls: ListenerTls | undefined;
  readonly policies: PolicySet;
  readonly routes: readonly RoutePlan[];
  readonly tcpRoutes: readonly TcpRoutePlan[];
}

/** How a listener ends TLS. Certificates and keys are paths of PEM files, or PEM texts. */
export interface ListenerTls {
  /** The certificate, then intermediate ones. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients, each of which must then bring a certificate; undefined: none is asked for. */
  readonly root: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names, best first. */
  readonly ciphers: readonly string[];
  /** OpenSSL's names, best first; empty: Node's own choice. */
  readonly groups: readonly string[];
  /** Best first; empty: nothing is agreed on. */
  readonly alpn: readonly string[];
}

export interface RoutePlan {
  /** Stable across reloads that do not change what the route matches: name, or listener + match signature. */
  readonly key: string;
  readonly name: string | undefined;
  readonly hostnames: readonly string[];
  /** Never empty: no matches in the document means one path prefix `/`. */
  readonly matches: readonly RouteMatch[];
  readonly policies: PolicySet;
  readonly backends: readonly RouteBackend[];
}

/** Where connections go whose bytes are passed on. */
export interface TcpRoutePlan extends Pick<RoutePlan, 'key' | 'name' | 'hostnames' | 'backends'> {
  /** Of the kinds that may stand here: `backendTLS`, `tcp`. */
  readonly policies: PolicySet;
}

export interface RouteMatch {
  readonly path: PathMatch;
  readonly method: string | undefined;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
}

export type PathMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string };

export interface ValueMatch {
  readonly name: string;
  readonly kind: 'exact' | 'regex';
  readonly value: string;
}

export interface RouteBackend {
  /** Stable across reloads: route key and position, or the name of a named backend. */
  readonly key: string;
  readonly weight: number;
  /** Key of a BackendDefinition. */
  readonly kind: string;
  /** Validated by that definition's schema. */
  readonly config: unknown;
  readonly policies: PolicySet;
}

export interface SettingsPlan {
  /** `host:port`, or undefined for off. */
  readonly adminAddr: string | undefined;
  readonly statsAddr: string | undefined;
  readonly readinessAddr: string | undefined;
  /** 32 bytes as 64 hex digits, or a file with them; undefined: random per process. */
  readonly sessionKey: Secret | undefined;
  readonly sessionTtlMs: number;
  readonly maxSessions: number;
  readonly limits: LimitSettings;
  readonly clientHttp: ClientHttpPlan;
  readonly logging: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
    readonly format: 'text' | 'json' | undefined;
  };
}

/** HTTP with clients, beyond what the table of limits has a default for; undefined: Node's, or none. */
export interface ClientHttpPlan {
  /** HTTP/2: what may be on its way of one request, and of all on a connection. */
  readonly windowBytes: number | undefined;
  readonly connectionWindowBytes: number | undefined;
  readonly frameBytes: number | undefined;
  readonly http2HeaderBytes: number | undefined;
  /** HTTP/2: how often a client is asked whether it is there, and how long it has to answer. */
  readonly pingMs: number | undefined;
  readonly pongMs: number | undefined;
  /** Age at which a connection is closed. */
  readonly connectionMs: number | undefined;
}
