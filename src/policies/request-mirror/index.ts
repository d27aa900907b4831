/** The `requestMirror` policy: another server gets copies of requests, and its replies are thrown away. */

import { LIMITS } from '../../core/limits.ts';
import type { Mirror } from '../../core/outgoing.ts';
import { definePolicy, type PolicyDeps } from '../../core/policy.ts';
import { httpUpstream } from '../../upstream/http.ts';
import { Copies } from './copies.ts';
import { requestMirrorSchema } from './schema.ts';

export const requestMirror = definePolicy({
  key: 'requestMirror',
  phase: 'resilience',
  attach: ['route'],
  altitudes: ['outgoing'],
  schema: requestMirrorSchema,
  build: ({ backend, percentage }, deps) => {
    if (deps.route?.backends.includes('mcp'))
      deps.ports.log.warn({}, 'requestMirror: requests to MCP servers are not mirrored');
    return { mirror: mirrorTo(backend.host, percentage, deps) };
  },
});

function mirrorTo(origin: string, share: number, { lasting, scope, ports }: PolicyDeps): Mirror {
  const connectTimeoutMs = LIMITS.connect.value;
  const allowH2 = origin.startsWith('https:');
  const upstream = httpUpstream(lasting, scope, { origin, connectTimeoutMs, allowH2, log: ports.log });
  const copies = scope.own(new Copies({ origin, upstream, ports }));
  return {
    copy(request) {
      if (share === 1 || ports.random(4).readUInt32LE() / 2 ** 32 < share) copies.copy(request);
    },
  };
}
