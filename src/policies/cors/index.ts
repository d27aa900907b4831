/** The `cors` policy. */
import { definePolicy } from '../../core/policy.ts';
import { corsLayer } from './cors.ts';
import { corsSchema } from './schema.ts';

/**
 * On a listener it is not known what its routes serve; MCP's methods and headers are allowed then, since a browser
 * client fails without them and the origin has been allowed by name.
 */
export const cors = definePolicy({
  key: 'cors',
  phase: 'edge',
  attach: ['listener', 'route'],
  schema: corsSchema,
  build: (config, { route }) => ({
    exchange: corsLayer(config, { mcp: route === undefined || route.backends.includes('mcp') }),
  }),
});
