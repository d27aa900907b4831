/**
 * The `a2a` policy: what lies behind is an agent. Its cards lead to the gateway, requests are read before rules judge
 * them, and go on byte for byte; answers and streams pass as they are.
 */
import { GatewayError } from '../../core/errors.ts';
import { definePolicy } from '../../core/policy.ts';
import { a2aLayer } from './layer.ts';
import { a2aSchema } from './schema.ts';

export const a2a = definePolicy({
  key: 'a2a',
  // After whoever authenticates, so that nobody unknown has a body read; before the rules, which ask what was read.
  phase: 'authenticate',
  attach: ['route', 'backend'],
  schema: a2aSchema,
  build(config, { route, settings }) {
    if (route?.backends.includes('mcp'))
      throw new GatewayError('CONFIG_INVALID', 'a2a: an `mcp` backend lies behind, which is no agent');
    return { exchange: a2aLayer(config, { requestBytes: settings.limits.requestBody }) };
  },
});
