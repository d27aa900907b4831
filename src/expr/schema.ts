/** Schema pieces of the policies that decide by rules. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { RuleSource } from './rules.ts';

/** Loading looks at expressions themselves; here is only what any text can be told by. */
const expression = z.string().min(1).max(LIMITS.expressionSource.value);

const written = z.strictObject({
  allow: expression.optional().meta({ description: 'Lets in whoever it holds for.' }),
  deny: expression.optional().meta({ description: 'Refuses whoever it holds for, whatever else does.' }),
  require: expression.optional().meta({ description: 'Refuses whoever it does not hold for.' }),
});

const EFFECTS = ['allow', 'deny', 'require'] as const;

const rule = z
  .union([expression.meta({ description: 'The same as `allow`.' }), written])
  .transform((value, context): RuleSource => {
    if (typeof value === 'string') return { effect: 'allow', expression: value };
    const [first, ...more] = EFFECTS.filter((effect) => value[effect] !== undefined);
    if (first && more.length === 0) return { effect: first, expression: value[first] ?? '' };
    context.addIssue({ code: 'custom', message: 'give one of `allow`, `deny`, `require`', input: value });
    return z.NEVER;
  });

export const rulesSchema = z.array(rule).meta({
  description:
    'CEL expressions. No `deny` may hold, every `require` must, and of the `allow` one must where there are any. One that fails denies.',
});
