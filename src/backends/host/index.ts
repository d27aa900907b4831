/** The `host` backend: plain HTTP and WebSocket to the one server that is named. */
import { type BackendDeps, defineBackend } from '../../core/backend.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { connectionOf } from '../../upstream/connection.ts';
import { credentialsAt } from '../../upstream/credentials/login/located.ts';
import { forward } from '../../upstream/forward/forward.ts';
import { type HttpUpstream, httpUpstream } from '../../upstream/http.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { hostDialer } from './dialer.ts';
import { probeOf } from './probe.ts';
import { type HostConfig, hostSchema } from './schema.ts';

export const host = defineBackend({
  key: 'host',
  schema: hostSchema,
  build(config, deps) {
    const upstream = hostUpstream(config, deps);
    const { credentials, ...others } = deps.outgoing(deps.policies);
    const server = { name: config.authority, url: new URL(upstream.origin), tls: upstreamTls(deps.policies) };
    const forwarding = { upstream, ...others, credentials: credentialsAt(credentials, server) };
    return {
      handle: (exchange) => {
        if (exchange.method !== 'CONNECT') return forward(exchange, forwarding);
        return Promise.reject(new GatewayError('METHOD_NOT_ALLOWED', 'CONNECT is not served here'));
      },
      probe: probeOf(upstream, upstream.endpoint),
    };
  },
  dialer: hostDialer,
});

function hostUpstream(config: HostConfig, deps: BackendDeps): HttpUpstream {
  const scheme = config.scheme ?? (deps.policies['backendTLS'] === undefined ? 'http' : 'https');
  return httpUpstream(deps.lasting, deps.scope, {
    origin: `${scheme}://${config.authority}`,
    tls: upstreamTls(deps.policies),
    ...connectionOf(deps.policies, LIMITS.connect.value),
    allowH2: scheme === 'https',
    unixSocket: config.unixSocket,
    log: deps.ports.log,
  });
}
