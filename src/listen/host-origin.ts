/**
 * Keeps web pages away from a gateway that listens on loopback (DNS rebinding): Host must name this machine, Origin
 * must be absent, local or allowed by the route's cors. On other addresses only an explicit list of hosts is checked.
 */
import { GatewayError } from '../core/errors.ts';
import { type Answer, type Exchange, header } from '../core/exchange.ts';
import type { Layer } from '../core/service.ts';
import { hostOf, isLoopbackHost } from '../lib/address.ts';

export interface HostOriginOptions {
  /** The listener is bound to loopback. */
  readonly loopback: boolean;
  /** Whether the route's cors policy allows this Origin. */
  readonly originAllowed: (origin: string) => boolean;
  /** The configuration names the hosts of the listener or the route, and this one is among them: no stranger's page has such a name. */
  readonly hostNamed?: boolean;
  /** The route is a forward proxy: what is asked of it as one is for hosts anywhere, from pages anywhere. */
  readonly forwards?: boolean;
  /** Hosts that are accepted besides; without it every host is, where the listener is not on loopback. */
  readonly hosts?: readonly string[];
}

export function hostOrigin(options: HostOriginOptions): Layer<Exchange, Answer> {
  const { loopback, originAllowed, hosts, hostNamed = false, forwards = false } = options;
  const known = hosts && new Set(hosts.map((host) => host.toLowerCase()));
  // Requests of one client come in runs, with one authority.
  let accepted: string | undefined;
  // No page can make a browser ask so that has not been told to use this gateway as a proxy.
  const asked = ({ absolute, method, destination }: Exchange): boolean =>
    destination !== undefined || (forwards && (absolute !== undefined || method === 'CONNECT'));
  return (next) => (exchange) => {
    if (exchange.authority !== accepted) {
      const host = hostOf(exchange.authority);
      const hostGood = hostNamed || known?.has(host) || (loopback ? isLoopbackHost(host) : !known);
      if (!hostGood) return asked(exchange) ? next(exchange) : Promise.reject(forbiddenHost(host));
      accepted = exchange.authority;
    }
    if (!loopback) return next(exchange);
    const origin = header(exchange, 'origin');
    if (origin === undefined || isLocalOrigin(origin) || originAllowed(origin) || asked(exchange))
      return next(exchange);
    return Promise.reject(forbiddenOrigin(origin));
  };
}

function isLocalOrigin(origin: string): boolean {
  return /^https?:/i.test(origin) && URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname);
}

function forbiddenHost(host: string): GatewayError {
  return new GatewayError('FORBIDDEN_HOST', `host "${host}" is not served here`);
}

function forbiddenOrigin(origin: string): GatewayError {
  const remedy = 'add it to policies.cors.allowOrigins';
  return new GatewayError('FORBIDDEN_ORIGIN', `origin "${origin}" is not allowed on this port: ${remedy}`);
}
