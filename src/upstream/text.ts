/** A small text behind an address: keys, metadata. Bounded in size and time; redirects are not followed. */
import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { Lasting, Scope } from '../core/scope.ts';
import type { Cancel } from '../lib/cancel.ts';
import { type HttpUpstream, httpUpstream, type UpstreamTls } from './http.ts';

export interface TextOptions {
  readonly lasting: Lasting;
  /** Owns the connection. */
  readonly scope: Scope;
  readonly clock: Clock;
  readonly maxBytes: number;
  /** For the whole text. */
  readonly timeoutMs: number;
  readonly tls?: UpstreamTls | undefined;
}

/** Rejects for anything but a whole 200. A redirect could lead to an address nobody has agreed to (SSRF). */
export function textAt(url: string, options: TextOptions): (cancel: Cancel) => Promise<string> {
  return textsOf(new URL(url).origin, options)(url);
}

/** Of one origin, over one connection pool: who asks for one at each request must not hold one more each time. */
export function textsOf(
  origin: string,
  options: TextOptions,
): (url: string) => (cancel: Cancel) => Promise<string> {
  const { lasting, scope, timeoutMs, tls } = options;
  const allowH2 = origin.startsWith('https:');
  const upstream = httpUpstream(lasting, scope, { origin, tls, connectTimeoutMs: timeoutMs, allowH2 });
  return (url) => textOver(upstream, new URL(url), options);
}

function textOver(
  upstream: HttpUpstream,
  { pathname, search }: URL,
  { clock, maxBytes, timeoutMs }: TextOptions,
): (cancel: Cancel) => Promise<string> {
  const request = {
    method: 'GET',
    path: `${pathname}${search}`,
    headers: ['accept', 'application/json'],
    body: undefined,
  };
  return async (parent) => {
    const { cancel, forget } = parent.child();
    const timer = clock.after(timeoutMs, () =>
      cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', `no answer within ${timeoutMs} ms`)),
    );
    try {
      const { status, body } = await upstream.request({ ...request, cancel });
      if (status === 200) return (await body.collect(maxBytes)).toString();
      const error = new GatewayError('UPSTREAM_STATUS', `answered with status ${status}`);
      body.cancel(error);
      throw error;
    } finally {
      timer.cancel();
      forget();
    }
  };
}
