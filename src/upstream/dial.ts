/**
 * Single connections to one upstream over TCP, TLS or a Unix socket, for whoever passes bytes on. Kept over reloads, so
 * that certificates are read and TLS sessions made once. Knows nothing of what is said over them.
 */
import { hash } from 'node:crypto';
import type { LookupFunction, Socket } from 'node:net';
import type { Log } from '../core/ports.ts';
import type { Closable, Lasting, Scope } from '../core/scope.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { Keepalives } from './connection.ts';
import { upstreamFailure } from './failure.ts';
import { type Connect, connector, type UpstreamTls } from './tls.ts';
import { tlsMaterial } from './tls-material.ts';

export interface DialOptions {
  /** `host:port`, as a URL has it. */
  readonly authority: string;
  readonly unixSocket: string | undefined;
  /** undefined: none. */
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  readonly keepalives: Keepalives | undefined;
  /** Resolves names in place of the system; not for one that is shared. */
  readonly lookup?: LookupFunction | undefined;
  readonly log: Log;
}

export class Dial implements Closable {
  readonly #connect: Connect;
  readonly #origin: URL;
  readonly endpoint: string;

  /** Throws CONFIG_INVALID for certificates and keys that cannot be used. */
  constructor({ authority, unixSocket, tls, lookup, log, ...connection }: DialOptions) {
    const origin = new URL(`${tls ? 'https' : 'http'}://${authority}`);
    this.#origin = origin;
    this.endpoint = unixSocket === undefined ? authority : `unix:${unixSocket}`;
    const material = tls && tlsMaterial({ origin: origin.origin, tls, log });
    const offer = tls?.alpn ?? [];
    const options = { origin, tls: tls ?? {}, material, ...connection, unixSocket, lookup, offer };
    this.#connect = connector({ ...options, halfOpen: true });
  }

  /** Throws GatewayError UPSTREAM_CONNECT. */
  open(): Promise<Socket> {
    const { hostname, host, protocol, port } = this.#origin;
    const target = { hostname: hostname.replace(/^\[|\]$/g, ''), host, protocol, port };
    return new Promise((resolve, reject) => {
      this.#connect(target, (error, socket) => {
        if (error) reject(upstreamFailure(this.endpoint, error, false));
        else resolve(socket as Socket);
      });
    });
  }

  close(): void {
    // Each connection belongs to whoever asked for it.
  }
}

/** Shared by everyone who names the same. */
export function dial(lasting: Lasting, scope: Scope, options: DialOptions): Dial {
  const { authority, unixSocket, tls, connectTimeoutMs, keepalives } = options;
  // Hashed: a private key may be among what it is made from.
  const made = [authority, unixSocket, tls, connectTimeoutMs, keepalives];
  const name = hash('sha256', canonicalJson(made), 'hex');
  return lasting.hold(scope, `dial:${name}`, () => new Dial(options));
}
