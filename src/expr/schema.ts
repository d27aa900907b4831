/** Schema pieces of the policies that decide by rules. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { RuleSource } from './rules.ts';

/** Loading looks at expressions themselves; here is only what any text can be told by. */
const expression = z.string().min(1).max(LIMITS.expressionSource.value);

const effects = {
  allow: expression.optional().meta({ description: 'Lets in whoever it holds for.' }),
  deny: expression.optional().meta({ description: 'Refuses whoever it holds for, whatever else does.' }),
  require: expression.optional().meta({ description: 'Refuses whoever it does not hold for.' }),
};

const EFFECTS = ['allow', 'deny', 'require'] as const;

/** `more`: what may stand beside the expression; `scopes` of it is taken over. */
export function ruleSchema(more: { readonly scopes?: z.ZodType<readonly string[] | undefined> } = {}) {
  return z
    .union([
      expression.meta({ description: 'The same as `allow`.' }),
      z.strictObject({ ...effects, ...(more.scopes && { scopes: more.scopes }) }),
    ])
    .transform((value, context): RuleSource => {
      if (typeof value === 'string') return { effect: 'allow', expression: value };
      const [first, ...others] = EFFECTS.filter((effect) => value[effect] !== undefined);
      const { scopes } = value as { scopes?: readonly string[] };
      if (first && others.length === 0)
        return { effect: first, expression: value[first] ?? '', ...(scopes && { scopes }) };
      context.addIssue({ code: 'custom', message: 'give one of `allow`, `deny`, `require`', input: value });
      return z.NEVER;
    });
}

export const rulesSchema = z.array(ruleSchema()).meta({
  description:
    'CEL expressions. No `deny` may hold, every `require` must, and of the `allow` one must where there are any. One that fails denies.',
});
