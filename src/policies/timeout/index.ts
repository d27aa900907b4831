/**
 * The `timeout` policy: how long a reply may be waited for. MCP calls are not cut here but by their own deadlines, which
 * the mcp backend takes from the same settings: a client gets an error it understands, and what a call waits for (a
 * person, progress) is taken into account.
 */
import { within } from '../../core/deadline.ts';
import { definePolicy } from '../../core/policy.ts';
import { timeoutSchema } from './schema.ts';

export const timeout = definePolicy({
  key: 'timeout',
  phase: 'resilience',
  attach: ['route'],
  schema: timeoutSchema,
  build: ({ requestTimeout, backendRequestTimeout }, { ports, route }) => {
    if (route?.backends.every((kind) => kind === 'mcp')) return {};
    return {
      ...(requestTimeout && { exchange: within(ports.clock, requestTimeout, 'requestTimeout') }),
      ...(backendRequestTimeout && {
        attempt: within(ports.clock, backendRequestTimeout, 'backendRequestTimeout'),
      }),
    };
  },
});
