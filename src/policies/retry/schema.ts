/** The `retry` key. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';

const expression = z.string().min(1);

export const retrySchema = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(255)
    .default(1)
    .meta({ description: 'Further tries after the first one has failed.' }),
  backoff: durationSchema.optional().meta({
    description:
      'Pause before the first of them, half of it up to chance; doubled before each later one. Default 25ms.',
  }),
  codes: z.array(z.int().min(200).max(599)).meta({
    description: 'Statuses of a reply that are worth another try, beside upstreams that cannot be reached.',
  }),
  precondition: expression.optional().meta({
    description:
      'CEL about the request: only what it holds for is sent again, and then whatever its method. Without it, a request that may have been carried out is sent again only where its method is idempotent.',
  }),
  condition: expression
    .optional()
    .meta({ description: 'CEL about request and reply: what it holds for is worth another try, too.' }),
});

export type RetryConfig = z.output<typeof retrySchema>;
