/**
 * The `a2a` policy: what lies behind is an agent. Its cards lead to the gateway, requests are read before rules judge
 * them, and go on byte for byte; answers and streams pass as they are.
 */
import { GatewayError } from '../../core/errors.ts';
import { definePolicy } from '../../core/policy.ts';
import { systemResolve } from '../../upstream/resolve.ts';
import { CATALOG_MATCH, listed } from './catalog.ts';
import { a2aLayer } from './layer.ts';
import { a2aSchema } from './schema.ts';

export const a2a = definePolicy({
  key: 'a2a',
  // After whoever authenticates, so that nobody unknown has a body read; before the rules, which ask what was read.
  phase: 'authenticate',
  attach: ['route', 'backend'],
  schema: a2aSchema,
  claims: ({ catalog }) => (catalog ? [CATALOG_MATCH] : []),
  build(config, { level, ports, route, scope, settings }) {
    if (route?.backends.includes('mcp'))
      throw new GatewayError('CONFIG_INVALID', 'a2a: an `mcp` backend lies behind, which is no agent');
    const layer = a2aLayer(config, {
      requestBytes: settings.limits.requestBody,
      ports,
      resolve: systemResolve,
    });
    if (!config.catalog) return { exchange: layer };
    if (level !== 'route') throw new GatewayError('CONFIG_INVALID', 'a2a: `catalog` belongs to the route');
    const catalog = listed({ config, catalog: config.catalog, route, scope });
    return { exchange: (next) => catalog.layer(layer(next)) };
  },
});
