/**
 * The `backendTLS` policy: TLS towards the upstream. It adds no layer; whoever connects reads it with `upstreamTls`.
 * Certificates of `https` upstreams are verified with or without it.
 */
import { definePolicy } from '../../core/policy.ts';
import { backendTlsSchema } from './schema.ts';

export { upstreamTls } from '../../upstream/tls.ts';

export const backendTls = definePolicy({
  key: 'backendTLS',
  phase: 'resilience',
  attach: ['route', 'backend', 'target', 'tcpRoute'],
  schema: backendTlsSchema,
  build: () => ({}),
});
