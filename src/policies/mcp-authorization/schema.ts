/** The `mcpAuthorization` key. */
import { z } from 'zod';
import { ruleSchema } from '../../expr/schema.ts';

const scopes = z
  .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected a scope of OAuth (RFC 6749 section 3.3)'))
  .min(1)
  .optional()
  .meta({
    description:
      'Of `allow` and `require`: who is refused for want of this rule is told to get a token with these scopes, instead of that there is no such thing.',
  });

export const mcpAuthorizationSchema = z.strictObject({
  rules: z.array(ruleSchema({ scopes })).meta({
    description:
      'CEL expressions about MCP items and calls (`mcp.tool.name`, `jwt.sub` ...). No `deny` may hold, every `require` must, and of the `allow` one must where there are any. What is denied is not listed, and looks unknown when it is called.',
  }),
});
