/**
 * TLS of a bind: which settings answer for a name, and that a request reaches no listener over a connection that the
 * settings of another let in, with another certificate or without the client's.
 */
import { createHash } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { BindPlan, ListenerTls } from '../core/plan.ts';
import type { PolicyDeps } from '../core/policy.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { TlsChoice } from '../listen/tls-entrance.ts';
import { type TlsHandler, TlsTerminator } from '../listen/tls-terminator.ts';
import type { ListenerTable } from '../route/table.ts';
import type { TcpRoutes } from './tcp.ts';

export interface BindTls {
  /** undefined: no listener takes TLS. */
  readonly choice: TlsChoice | undefined;
  /** Why a request must not reach listener `at`, which its host stands for, over the connection it came by. */
  refusal(exchange: Exchange, at: number | undefined): GatewayError | undefined;
}

type Deps = Pick<PolicyDeps, 'ports' | 'lasting' | 'scope'>;

/** Throws CONFIG_INVALID for a certificate that cannot be used. `passed`: of each listener that passes TLS on. */
export function bindTls(
  { listeners }: BindPlan,
  { table, passed, ...deps }: Deps & { table: ListenerTable; passed: readonly (TcpRoutes | undefined)[] },
): BindTls {
  const ends = listeners.map(({ tls, name }) => tls && terminator(tls, name, deps));
  // What passes TLS on has a key that no connection has: no request belongs there.
  const keys = ends.map((end, at) => (passed[at] ? PASSED : end?.key));
  const used = new Set<string | undefined>(keys);
  const [only] = ends;
  const choice: TlsChoice = (serverName) => {
    const at = table.find(serverName ?? '');
    if (at !== undefined) return handlerOf(ends[at], passed[at], serverName);
    // A client that connects to an address asks for no name. Where all settings are the same, it is clear what it gets.
    return serverName === undefined && used.size === 1 && !passed[0] ? only : undefined;
  };
  const everywhere = ends.length > 0 && !used.has(undefined);
  return {
    choice: keys.some((key) => key !== undefined) ? choice : undefined,
    refusal({ tls, authority }, at) {
      const key = at === undefined ? undefined : keys[at];
      if (!tls) return everywhere || key !== undefined ? plainRequest() : undefined;
      if (at === undefined || tls.key === key) return undefined;
      // A connection of settings that are no longer in force is of no more use.
      return misdirected(authority, used.has(tls.key) ? [] : CLOSE);
    },
  };
}

const PASSED = 'passed on';

/** Before the handshake: a name that no route serves is refused, whoever would have ended TLS. */
function handlerOf(
  end: TlsTerminator | undefined,
  passed: TcpRoutes | undefined,
  serverName: string | undefined,
): TlsHandler | undefined {
  if (!passed) return end;
  const serve = passed.find(serverName);
  if (!serve) return undefined;
  return {
    accept(socket, handshake) {
      if (!end) handshake.taken(socket, serve);
      else end.accept(socket, { ...handshake, secured: (within) => handshake.taken(within, serve) });
    },
  };
}

const CLOSE = ['connection', 'close'];

function plainRequest(): GatewayError {
  return new GatewayError('BAD_REQUEST', 'plain HTTP where HTTPS is spoken: use https://', {
    headers: CLOSE,
  });
}

/** RFC 9110 section 15.5.20: the client may ask again over another connection. */
function misdirected(authority: string, headers: readonly string[]): GatewayError {
  const message = `host "${authority}" is served over a TLS connection of its own: connect anew`;
  return new GatewayError('MISDIRECTED', message, { headers });
}

function terminator(tls: ListenerTls, listener: string, { ports, lasting, scope }: Deps): TlsTerminator {
  const key = createHash('sha256').update(canonicalJson(tls)).digest('hex');
  return lasting.hold(scope, `tls ${key}`, () => new TlsTerminator({ tls, listener, key, ports }));
}
