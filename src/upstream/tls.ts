/**
 * How connections to upstreams are opened: TCP, TLS or a Unix socket, and what a certificate has to say. Certificates
 * are verified unless `insecure` is written; no variable of the environment turns that off.
 */
import { X509Certificate } from 'node:crypto';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { buildConnector } from 'undici';
import type { PolicySet } from '../core/policy.ts';
import { altNames } from '../lib/alt-names.ts';
import type { Keepalives } from './connection.ts';
import type { TlsMaterial, TlsParts } from './tls-material.ts';

export type Protocol = 'h2' | 'http/1.1';

export interface UpstreamTls extends TlsParts {
  /** Server name for SNI and for the check of the certificate; undefined: the origin's host. */
  readonly hostname?: string | undefined;
  /** Whoever answers is believed. */
  readonly insecure?: boolean | undefined;
  /** The certificate has to be vouched for, whatever its names. */
  readonly insecureHost?: boolean | undefined;
  /** DNS names, URIs, IP addresses: the certificate has to have one of them, instead of the host name. */
  readonly subjectAltNames?: readonly string[] | undefined;
  /** What is offered, best first; undefined: what the caller speaks. */
  readonly alpn?: readonly Protocol[] | undefined;
}

export interface ConnectorOptions {
  readonly origin: URL;
  readonly tls: UpstreamTls;
  /** undefined for an origin without TLS. */
  readonly material: TlsMaterial | undefined;
  /** For TCP; then once more, as the longest silence, for the handshake. */
  readonly connectTimeoutMs: number;
  readonly unixSocket: string | undefined;
  /** Default: after a minute of silence. */
  readonly keepalives?: Keepalives | undefined;
  /** Resolves names in place of the system; addresses are connected to without it. */
  readonly lookup?: LookupFunction | undefined;
  /** By ALPN, best first; empty: nothing. An upstream that takes none of them is one that speaks HTTP/1.1. */
  readonly offer: readonly Protocol[];
  /** The upstream may end what it says and listen on. */
  readonly halfOpen?: boolean | undefined;
}

export type Connect = buildConnector.connector;

/** The policy `backendTLS` of an upstream. Absent and `{}` mean the same: verify against the system's authorities. */
export function upstreamTls(policies: PolicySet): UpstreamTls {
  return (policies['backendTLS'] as UpstreamTls | undefined) ?? {};
}

/** undefined for an IP address: RFC 6066 section 3 allows names only. */
export function serverName(origin: URL, tls: UpstreamTls): string | undefined {
  const name = certifiedName(origin, tls);
  return isIP(name) ? undefined : name;
}

export function connector(options: ConnectorOptions): Connect {
  const { origin, connectTimeoutMs, unixSocket, lookup, material, keepalives, halfOpen = false } = options;
  const plain = buildConnector({
    timeout: connectTimeoutMs,
    socketPath: unixSocket ?? null,
    ...(keepalives && { keepAlive: keepalives.enabled, keepAliveInitialDelay: keepalives.time }),
    ...(lookup && { lookup }),
    // Of the TLS above where there is some.
    allowHalfOpen: halfOpen && !material,
  });
  if (!material) return plain;
  const begin = handshakes(options);
  return (target, done) => {
    const hostname = withoutBrackets(target.hostname);
    const tcp = { ...target, hostname, protocol: 'http:', port: origin.port || '443' };
    material.current().then(
      (context) =>
        plain(tcp, (error, socket) => {
          if (error) done(error, null);
          else settle(begin(socket as Socket, context), options, done);
        }),
      (error: Error) => done(error, null),
    );
  };
}

/** Begins each over a connection that is there. */
function handshakes({
  origin,
  tls,
  offer,
  halfOpen = false,
}: ConnectorOptions): (socket: Socket, context: SecureContext) => TLSSocket {
  const name = certifiedName(origin, tls);
  const servername = serverName(origin, tls);
  const fixed = {
    host: name,
    ...(servername === undefined ? {} : { servername }),
    // Said, because NODE_TLS_REJECT_UNAUTHORIZED=0 would turn off what is not.
    rejectUnauthorized: tls.insecure !== true,
    checkServerIdentity: (_host: string, shown: PeerCertificate) => nameProblem(shown, name, tls),
    ...(offer.length > 0 && { ALPNProtocols: [...offer] }),
  };
  let last: { readonly session: Buffer; readonly context: SecureContext } | undefined;
  return (socket, context) => {
    // Under other certificates or authorities everything is proved anew.
    const resumed = last?.context === context ? { session: last.session } : {};
    const secure = connect({ ...fixed, ...resumed, socket, secureContext: context });
    // Node does not take it from the options where the socket is given.
    secure.allowHalfOpen = halfOpen;
    keepSession(secure, (session) => {
      last = { session, context };
    });
    return secure;
  };
}

/** Node checks no names when it resumes a session, so one whose names were wrong must not be kept: TLS 1.2 has it early. */
function keepSession(secure: TLSSocket, keep: (session: Buffer) => void): void {
  let verified = false;
  let early: Buffer | undefined;
  secure.on('session', (session: Buffer) => {
    if (verified) keep(session);
    else early = session;
  });
  secure.once('secureConnect', () => {
    verified = true;
    if (early) keep(early);
  });
}

function settle(
  secure: TLSSocket,
  { offer, connectTimeoutMs }: ConnectorOptions,
  done: buildConnector.Callback,
): void {
  let settled = false;
  const fail = (error: Error): void => {
    secure.destroy();
    if (!settled) done(error, null);
    settled = true;
  };
  const silent = (): void => fail(new Error(`nothing heard of the TLS handshake for ${connectTimeoutMs} ms`));
  secure.setTimeout(connectTimeoutMs, silent);
  secure.on('error', fail);
  secure.once('secureConnect', () => {
    secure.setTimeout(0, silent);
    if (!secure.alpnProtocol && offer.length > 0 && !offer.includes('http/1.1')) {
      fail(new Error(`it agrees to none of the protocols it is offered (${offer.join(', ')})`));
      return;
    }
    settled = true;
    done(null, secure);
  });
}

/** What has to stand in the certificate, where names count. */
function certifiedName(origin: URL, tls: UpstreamTls): string {
  return tls.hostname ?? withoutBrackets(origin.hostname);
}

function nameProblem(shown: PeerCertificate, name: string, tls: UpstreamTls): Error | undefined {
  if (tls.subjectAltNames) return altNameProblem(new X509Certificate(shown.raw), tls.subjectAltNames);
  return tls.insecureHost ? undefined : checkServerIdentity(name, shown);
}

function altNameProblem(certificate: X509Certificate, wanted: readonly string[]): Error | undefined {
  const uris = altNames(certificate.subjectAltName, ['URI']);
  const has = (name: string): boolean => {
    if (isIP(name)) return certificate.checkIP(name) !== undefined;
    if (name.includes(':')) return uris.includes(name);
    return certificate.checkHost(name, { subject: 'never' }) !== undefined;
  };
  if (wanted.some(has)) return undefined;
  return new Error(
    `the certificate has none of backendTLS.subjectAltNames; its names are ${certificate.subjectAltName ?? 'none'}`,
  );
}

export function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
