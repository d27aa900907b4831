/** The `host` backend for connections whose bytes are passed on: one of its own for each. */
import type { DialerDeps } from '../../core/backend.ts';
import type { Dialer } from '../../core/connection.ts';
import { LIMITS } from '../../core/limits.ts';
import { connectionOf } from '../../upstream/connection.ts';
import { dial } from '../../upstream/dial.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import type { HostConfig } from './schema.ts';

export function hostDialer(config: HostConfig, { lasting, scope, policies, ports }: DialerDeps): Dialer {
  const { authority, unixSocket } = config;
  const secure = config.scheme ? config.scheme === 'https' : policies['backendTLS'] !== undefined;
  const { connectTimeoutMs, keepalives } = connectionOf(policies, LIMITS.connect.value);
  const upstream = dial(lasting, scope, {
    authority: authority,
    unixSocket,
    tls: secure ? upstreamTls(policies) : undefined,
    connectTimeoutMs,
    keepalives,
    log: ports.log,
  });
  return {
    dial({ record }) {
      record.endpoint = upstream.endpoint;
      return upstream.open();
    },
  };
}
