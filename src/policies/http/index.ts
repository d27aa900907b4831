/** The `http` policy: which HTTP an upstream is spoken to in, and how long its reply may be waited for. */
import { within } from '../../core/deadline.ts';
import { GatewayError } from '../../core/errors.ts';
import { definePolicy } from '../../core/policy.ts';
import { httpSchema, httpTargetSchema } from './schema.ts';

export const http = definePolicy({
  key: 'http',
  phase: 'resilience',
  attach: ['backend', 'target'],
  schema: httpSchema,
  // A call has its own deadlines: callTimeout and the policy timeout.
  schemaAt: { target: httpTargetSchema },
  build: ({ requestTimeout }, { ports, route }) => {
    if (!requestTimeout) return {};
    if (route?.backends.every((kind) => kind === 'mcp'))
      throw new GatewayError(
        'CONFIG_INVALID',
        'http.requestTimeout is not supported for MCP servers yet: `callTimeout` of the backend and the policy `timeout` are',
      );
    return { exchange: within(ports.clock, requestTimeout, 'http.requestTimeout') };
  },
});
