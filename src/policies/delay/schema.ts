/** The `delay` key. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { parseDuration } from '../../lib/duration.ts';

/** Milliseconds, or an expression that says how long. */
export type Delay = number | { readonly expression: string };

export const delaySchema = z.strictObject({
  duration: z
    .union([z.string().min(1).max(LIMITS.expressionSource.value), z.number().min(0)])
    .transform((value): Delay => parseDuration(value) ?? { expression: String(value) })
    .meta({
      description:
        'A duration such as `2s`, a number of milliseconds, or a CEL expression that gives one of these: `random() < 0.1 ? 500 : 0`.',
    }),
});
