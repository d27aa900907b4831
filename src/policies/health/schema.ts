/** The `health` key. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';
import { checkSchema } from './check-schema.ts';

const score = z.number().min(0).max(1);

export const healthSchema = z.strictObject({
  unhealthyExpression: z.string().min(1).optional().meta({
    description:
      'CEL about request and reply: what it holds for is a failure. Default: statuses from 500. An upstream that cannot be reached, breaks off or is too slow has failed in any case.',
  }),
  eviction: z
    .strictObject({
      duration: durationSchema.default(3000).meta({
        description:
          'How long nothing new is sent there; with each further eviction without a success between as much longer.',
      }),
      restoreHealth: score.optional().meta({
        description: 'Health when it is over; default: what it was.',
      }),
      consecutiveFailures: z.int().min(1).optional().meta({ description: 'Failures in a row that evict.' }),
      healthThreshold: score.optional().meta({
        description:
          'Health (1: all is well; each exchange counts 30 %) below which a failure evicts. With neither this nor `consecutiveFailures` every failure does.',
      }),
    })
    .optional()
    .meta({ description: 'Without it failures are only counted.' }),
  check: checkSchema.optional().meta({
    description:
      'The gateway asks the backend by itself whether it is well; `{}`: whether it takes connections. Of `host` backends.',
  }),
});

export type HealthConfig = z.output<typeof healthSchema>;
