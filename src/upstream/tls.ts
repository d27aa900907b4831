/**
 * How connections to upstreams are opened: TCP, TLS or a Unix socket. Certificates are always verified; nothing here
 * can turn that off.
 */
import { readFile } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { PolicySet } from '../core/policy.ts';
import { isPem } from '../lib/pem.ts';

export interface UpstreamTls {
  /** Server name for SNI and for the check of the certificate; undefined: the origin's host. */
  readonly hostname?: string | undefined;
  /** Certificate authorities that replace the system's: PEM text, or the path of a PEM file. */
  readonly root?: string | undefined;
}

export interface ConnectorOptions {
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  readonly unixSocket: string | undefined;
  /** Offer HTTP/2 by ALPN. */
  readonly allowH2: boolean;
  /** Resolves names in place of the system; addresses are connected to without it. */
  readonly lookup?: LookupFunction | undefined;
}

/** The policy `backendTLS` of an upstream. Absent and `{}` mean the same: verify against the system's authorities. */
export function upstreamTls(policies: PolicySet): UpstreamTls {
  return (policies['backendTLS'] as UpstreamTls | undefined) ?? {};
}

/** undefined for an IP address: RFC 6066 section 3 allows names only. */
export function serverName(origin: URL, tls: UpstreamTls | undefined): string | undefined {
  const name = tls?.hostname ?? origin.hostname.replace(/^\[|\]$/g, '');
  return isIP(name) ? undefined : name;
}

export function connector(options: ConnectorOptions): buildConnector.connector {
  const { tls, connectTimeoutMs, unixSocket, allowH2, lookup } = options;
  const build = (ca?: string) =>
    buildConnector({
      timeout: connectTimeoutMs,
      allowH2,
      socketPath: unixSocket ?? null,
      ...(lookup && { lookup }),
      ...(ca === undefined ? {} : { ca }),
    });
  const root = tls?.root;
  if (root === undefined || isPem(root)) return build(root);
  // Read for each connection, so that a rotated file takes effect without a reload.
  return (target, done) => {
    readFile(root, 'utf8', (error, ca) => {
      if (error) done(new Error(`backendTLS.root: ${error.message}`), null);
      else build(ca)(target, done);
    });
  };
}
