/** A small text behind an address: keys, metadata. Bounded in size and time; redirects are not followed. */
import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { Lasting, Scope } from '../core/scope.ts';
import type { Cancel } from '../lib/cancel.ts';
import { httpUpstream, type UpstreamTls } from './http.ts';

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
  const { lasting, scope, clock, maxBytes, timeoutMs, tls } = options;
  const { protocol, origin, pathname, search } = new URL(url);
  const allowH2 = protocol === 'https:';
  const upstream = httpUpstream(lasting, scope, { origin, tls, connectTimeoutMs: timeoutMs, allowH2 });
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
