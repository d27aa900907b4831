/**
 * The `requestHeaderModifier` policy: headers towards an upstream that are the same for every request. That of a route is
 * handed down to its backends, so that MCP servers get them as well.
 */
import { hash } from 'node:crypto';
import { allMappings } from '../../core/outgoing.ts';
import { definePolicy } from '../../core/policy.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { checkMcpHeaders, headerMapping } from '../../upstream/request-headers.ts';
import { requestHeaderModifierSchema, targetSchema } from './schema.ts';

const KEY = 'requestHeaderModifier';

export const requestHeaderModifier = definePolicy({
  key: KEY,
  phase: 'transform',
  attach: ['route', 'backend', 'target'],
  altitudes: ['outgoing'],
  schema: requestHeaderModifierSchema,
  schemaAt: { target: targetSchema },
  build: (all, { route }) => {
    if (route?.backends.includes('mcp')) for (const changes of all) checkMcpHeaders(KEY, changes);
    const mapping = allMappings(
      all.map((changes) => {
        // A hash: people write keys of upstreams here.
        const key = `${KEY} ${hash('sha256', canonicalJson(changes), 'hex')}`;
        return headerMapping(key, changes, () => (value) => value);
      }),
    );
    return mapping ? { mapping } : {};
  },
  merge: (wider, narrower) => [...wider, ...narrower],
});
