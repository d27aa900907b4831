/** The `responseHeaderModifier` policy: headers of replies that are the same for every request. Bodies stream through. */
import { definePolicy } from '../../core/policy.ts';
import { changedHeaders } from '../../upstream/reply-headers.ts';
import { checkMcpHeaders } from '../../upstream/request-headers.ts';
import { responseHeaderModifierSchema } from './schema.ts';

const KEY = 'responseHeaderModifier';

export const responseHeaderModifier = definePolicy({
  key: KEY,
  phase: 'transform',
  attach: ['route', 'backend'],
  schema: responseHeaderModifierSchema,
  build: (changes, { route }) => {
    if (route?.backends.includes('mcp')) checkMcpHeaders(KEY, changes);
    return {
      exchange: (next) => async (exchange) => {
        const answer = await next(exchange);
        return { ...answer, headers: changedHeaders(answer.headers, changes) };
      },
    };
  },
});
