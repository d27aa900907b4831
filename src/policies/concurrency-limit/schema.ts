/** The `concurrencyLimit` key. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { durationSchema } from '../../core/schema.ts';

const count = z.int().max(1_000_000);

export const concurrencyLimitSchema = z.strictObject({
  maxCalls: count.min(1).meta({
    description:
      'MCP calls, or requests to other backends, at the same time; a request lasts until its reply has ended.',
  }),
  maxWaiting: z
    .int()
    .min(0)
    .max(LIMITS.waitingCalls.value)
    .default(0)
    .meta({ description: 'How many more may wait in line; the rest is refused with 503.' }),
  waitTimeout: durationSchema
    .pipe(z.number().min(1))
    .default(10_000)
    .meta({ description: 'How long one waits at most. Default: 10s.' }),
  key: z.string().min(1).max(LIMITS.expressionSource.value).optional().meta({
    description:
      'CEL: counts for each of its values (`jwt.sub` ...); without it for all together. Who makes it fail is refused.',
  }),
});

export type ConcurrencyLimitConfig = z.output<typeof concurrencyLimitSchema>;
