/**
 * Requests to addresses that somebody else has named: metadata, registration, token endpoints. https, or plain HTTP
 * on this machine; never further inside than the server that names them stands (SSRF); bounded in size and time;
 * redirects are not followed. Names are checked when they are connected to, so that a second answer of the DNS changes nothing.
 */

import type { LookupFunction } from 'node:net';
import { GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Clock } from '../../../core/ports.ts';
import { isLoopbackHost } from '../../../lib/address.ts';
import type { Cancel } from '../../../lib/cancel.ts';
import { inner, mayLead, type Reach, reachOf } from '../../../lib/reach.ts';
import { HttpUpstream, type UpstreamReply } from '../../http.ts';
import { type Resolve, systemResolve } from '../../resolve.ts';
import type { UpstreamTls } from '../../tls.ts';
import type { WholeReply } from '../oauth-http.ts';

export interface WebOptions {
  readonly clock: Clock;
  /** What the configuration names itself: the upstream, an issuer. Others may not be further inside. */
  readonly trusted: readonly URL[];
  /** TLS settings of one origin. */
  readonly tls?: { readonly origin: string; readonly settings: UpstreamTls } | undefined;
  readonly resolve?: Resolve;
}

export interface WebRequest {
  readonly method: string;
  readonly headers: readonly string[];
  readonly body?: Buffer | undefined;
  /** Only the head is of interest. */
  readonly headOnly?: boolean;
}

export class Web {
  readonly #options: WebOptions;
  readonly #resolve: Resolve;
  #reach: Promise<Reach> | undefined;

  constructor(options: WebOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? systemResolve;
  }

  /** The address as a URL, if it may be gone to at all. Throws CREDENTIALS_UNAVAILABLE. */
  static checked(text: unknown, what: string): URL {
    const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
    if (!url) throw refused(`${what} is no URL`);
    const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
    if (!secure) throw refused(`${what} is not https: ${shown(url)}`);
    if (url.username !== '' || url.password !== '') throw refused(`${what} contains credentials`);
    if (url.hash !== '') throw refused(`${what} has a fragment: ${shown(url)}`);
    return url;
  }

  /** Rejects with CREDENTIALS_UNAVAILABLE where there is no whole answer. */
  async send(url: URL, request: WebRequest, parent: Cancel): Promise<WholeReply> {
    const { clock, tls, trusted } = this.#options;
    const own = trusted.some(({ origin }) => origin === url.origin);
    const from = own ? undefined : await this.#from();
    const literal = reachOf(url.hostname);
    if (from && literal && !mayLead(from, literal)) throw inside(url);
    const settings = tls?.origin === url.origin && url.protocol === 'https:' ? tls.settings : undefined;
    const ms = LIMITS.credentialsTime.value;
    const upstream = new HttpUpstream({
      origin: url.origin,
      tls: settings,
      connectTimeoutMs: ms,
      lookup: from && this.#lookup(from, url),
    });
    const { cancel, forget } = parent.child();
    const late = new GatewayError('UPSTREAM_TIMEOUT', `${url.origin} did not answer within ${ms} ms`);
    const timer = clock.after(ms, () => cancel.cancel(late));
    try {
      const { method, headers, body } = request;
      const path = `${url.pathname}${url.search}`;
      const reply = await upstream.request({ method, path, headers, body, cancel });
      return { status: reply.status, headers: reply.headers, body: await bodyOf(reply, request) };
    } catch (cause) {
      throw parent.reason ?? refused((cause as Error).message, cause);
    } finally {
      timer.cancel();
      forget();
      void upstream.close();
    }
  }

  /** How far inside the trusted servers stand. */
  #from(): Promise<Reach> {
    this.#reach ??= Promise.all(this.#options.trusted.map((url) => this.#reachOf(url.hostname)))
      .then((all) => all.reduce(inner, 'public'))
      .catch((error: unknown) => {
        this.#reach = undefined;
        throw error;
      });
    return this.#reach;
  }

  async #reachOf(host: string): Promise<Reach> {
    if (isLoopbackHost(host)) return 'loopback';
    const literal = reachOf(host);
    if (literal) return literal === 'never' ? 'public' : literal;
    const addresses = await this.#resolve(host).catch((cause: Error) => {
      throw refused(`cannot resolve ${host}: ${cause.message}`, cause);
    });
    // The one furthest outside counts: a public server may not gain by a private address beside its public one.
    const reaches = addresses.map(({ address }) => reachOf(address) ?? 'public');
    return reaches.includes('public')
      ? 'public'
      : reaches.filter((each) => each !== 'never').reduce(inner, 'public');
  }

  #lookup(from: Reach, url: URL): LookupFunction {
    return (host, options, done) => {
      this.#resolve(host).then(
        (found) => {
          const { family } = options;
          const wanted =
            family === 4 || family === 6 ? found.filter((each) => each.family === family) : found;
          const [first] = wanted;
          const allowed = wanted.every(({ address }) => mayLead(from, reachOf(address) ?? 'never'));
          if (!first) done(new Error(`${host} has no address`), '', 4);
          else if (!allowed) done(inside(url), '', 4);
          else if (options.all) done(null, [...wanted]);
          else done(null, first.address, first.family);
        },
        (error: Error) => done(error as NodeJS.ErrnoException, '', 4),
      );
    };
  }
}

async function bodyOf(reply: UpstreamReply, { headOnly }: WebRequest): Promise<Buffer> {
  if (!headOnly) return reply.body.collect(LIMITS.credentialsBytes.value);
  reply.body.cancel(new GatewayError('CANCELLED', 'not needed'));
  return Buffer.alloc(0);
}

function inside(url: URL): GatewayError {
  return refused(`${shown(url)} leads further inside than the server that names it stands`);
}

export function refused(message: string, cause?: unknown): GatewayError {
  return new GatewayError('CREDENTIALS_UNAVAILABLE', message, { cause });
}

/** Without what may be a secret. */
function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}
