/** Policies that say one thing, or several of which the first counts whose condition holds. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { Entry } from './conditions.ts';

const condition = z.string().min(1).max(LIMITS.expressionSource.value).optional().meta({
  description: 'CEL about the request: whether this entry is the one. Only the last may be without.',
});

type Value<S extends z.ZodRawShape> = z.output<z.ZodObject<S, z.core.$strict>>;
type Check<S extends z.ZodRawShape> = (value: Value<S>, context: z.RefinementCtx) => void;

/** `shape`: what one entry says. `check` adds issues for what does not go together. */
export function orConditional<S extends z.ZodRawShape>(shape: S, check: Check<S> = () => {}) {
  const one = z.strictObject(shape).superRefine((value, context) => check(value as Value<S>, context));
  const entry = z
    .strictObject({ ...shape, condition })
    .superRefine((value, context) => check(value as unknown as Value<S>, context));
  const conditional = z
    .array(entry)
    .min(1)
    .max(LIMITS.conditions.value)
    .superRefine(lastAlone)
    .meta({ description: 'The first entry whose condition holds counts, and no other.' });
  return z.union([one, z.strictObject({ conditional })]).transform((given): readonly Entry<Value<S>>[] => {
    if (!('conditional' in given))
      return [{ path: [], condition: undefined, value: given as unknown as Value<S> }];
    const entries = given.conditional as readonly { readonly condition?: string | undefined }[];
    return entries.map(({ condition: text, ...value }, at) => ({
      path: ['conditional', at],
      condition: text,
      value: value as Value<S>,
    }));
  });
}

function lastAlone(
  entries: readonly { readonly condition?: unknown }[],
  context: z.RefinementCtx<unknown>,
): void {
  const at = entries.findIndex((each) => each.condition === undefined);
  if (at < 0 || at === entries.length - 1) return;
  const message = 'an entry without `condition` must be the last';
  context.addIssue({ code: 'custom', message, path: [at], input: entries[at] });
}
