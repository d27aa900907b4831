/** The `localRateLimit` key. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { durationSchema, type Secret, secretSchema } from '../../core/schema.ts';
import { redisAddress } from '../../stores/redis-address.ts';

const MOST_TOKENS = 1_000_000_000;
const MOST_ENTRIES = 64;

const expression = z.string().min(1).max(LIMITS.expressionSource.value);
const tokens = z.int().min(1).max(MOST_TOKENS);

const redisSchema = z.strictObject({
  url: secretSchema.superRefine(checkUrl).meta({
    description: '`redis://` or `rediss://` (TLS), user, password and database included.',
  }),
  prefix: z
    .string()
    .max(100)
    .default('agentgateway:limit:')
    .meta({ description: 'Begin of the keys in Redis.' }),
  timeout: durationSchema
    .pipe(z.number().min(1))
    .default(500)
    .meta({ description: 'Time Redis has to answer. Default: 500ms.' }),
  failureMode: z.enum(['failClosed', 'failOpen']).default('failClosed').meta({
    description:
      'Without Redis: `failClosed` refuses with 503, `failOpen` counts in this gateway alone until it is back.',
  }),
});

const limitShape = {
  maxTokens: tokens.meta({ description: 'What the bucket holds, and has at the beginning.' }),
  tokensPerFill: tokens.meta({ description: 'What each fill adds; at most `maxTokens`.' }),
  fillInterval: durationSchema
    .pipe(z.number().min(1))
    .meta({ description: 'Time from fill to fill, such as `1s` or `1m`.' }),
  type: z.enum(['requests']).default('requests').meta({ description: 'What is counted.' }),
  key: expression.optional().meta({
    description:
      'CEL: a bucket for each of its values (`jwt.sub`, `mcp.tool.name` ...); without it one for all. Who makes it fail is refused.',
  }),
  when: expression.optional().meta({
    description: 'CEL: which requests are limited; without it all. Where it fails, they are.',
  }),
  cost: expression.optional().meta({
    description: 'CEL: tokens that a request takes; without it 1. Who makes it fail is refused.',
  }),
  redis: redisSchema.optional().meta({ description: 'Shares the buckets with other gateways.' }),
};

const filled = {
  check: (value: { maxTokens: number; tokensPerFill: number }) => value.tokensPerFill <= value.maxTokens,
  otherwise: { message: 'cannot be more than `maxTokens`', path: ['tokensPerFill'] },
};

const limitSchema = z.strictObject(limitShape).refine(filled.check, filled.otherwise);

const conditionalSchema = z
  .strictObject({
    ...limitShape,
    condition: expression.optional().meta({
      description: 'CEL: whether this entry is the one. Only the last may be without.',
    }),
  })
  .refine(filled.check, filled.otherwise);

type LimitSource = z.output<typeof limitSchema>;

export interface LimitConfig extends LimitSource {
  readonly condition?: string | undefined;
}

export type RedisConfig = z.output<typeof redisSchema>;

export interface LocalRateLimitConfig {
  readonly limits: readonly LimitConfig[];
  /** Only the first entry whose condition holds counts; otherwise all do. */
  readonly firstMatch: boolean;
}

export const localRateLimitSchema: z.ZodType<LocalRateLimitConfig> = z
  .union([
    z
      .array(limitSchema)
      .max(MOST_ENTRIES)
      .meta({ description: 'Every one of them has to let a request pass.' }),
    z.strictObject({
      conditional: z
        .array(conditionalSchema)
        .min(1)
        .max(MOST_ENTRIES)
        .superRefine((entries, context) => {
          const at = entries.findIndex(({ condition }) => condition === undefined);
          if (at < 0 || at === entries.length - 1) return;
          context.addIssue({
            code: 'custom',
            message: 'an entry without `condition` must be the last',
            path: [at],
            input: entries[at],
          });
        })
        .meta({ description: 'The first entry whose condition holds counts, and no other.' }),
    }),
  ])
  .transform((value) =>
    Array.isArray(value)
      ? { limits: value, firstMatch: false }
      : { limits: value.conditional, firstMatch: true },
  );

/** What stands in a file is looked at when the file is read. */
function checkUrl(url: Secret, context: z.RefinementCtx<Secret>): void {
  if (typeof url !== 'string') return;
  try {
    redisAddress(url);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
}
