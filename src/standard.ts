/** What ships: the visible list. Importing a module does nothing; being in this list makes it part of the gateway. */
import { host } from './backends/host/index.ts';
import { mcpBackend } from './backends/mcp/index.ts';
import type { Definitions } from './config/definitions.ts';
import { policySetSchema } from './config/policies.ts';
import { backendTls } from './policies/backend-tls/index.ts';
import { cors } from './policies/cors/index.ts';
import { mcpTarget } from './targets/mcp/index.ts';
import { sseTarget } from './targets/sse/index.ts';
import { stdioTarget } from './targets/stdio/index.ts';

const policies = [cors, backendTls];
const targets = [stdioTarget, mcpTarget, sseTarget];

export const standard: Definitions = {
  policies,
  backends: [mcpBackend(targets, policySetSchema(policies, 'target')), host],
};
