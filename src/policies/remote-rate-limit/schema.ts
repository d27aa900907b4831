/** The `remoteRateLimit` key. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { durationSchema } from '../../core/schema.ts';
import { originSchema } from '../../upstream/origin-schema.ts';

const expression = z.string().min(1).max(LIMITS.expressionSource.value);

const hostSchema = originSchema.meta({
  description: 'The service: `host:port` (HTTP/2 without TLS), or `https://host:port`.',
});

const entrySchema = z.strictObject({
  key: z.string().min(1).meta({ description: 'Name of the entry, as the service has it configured.' }),
  value: expression.meta({ description: 'CEL: its value.' }),
});

const descriptorSchema = z.strictObject({
  entries: z.array(entrySchema).min(1).meta({ description: 'What the service finds a limit by.' }),
  type: z.enum(['requests']).default('requests').meta({ description: 'What is counted.' }),
  cost: expression.optional().meta({ description: 'CEL: hits to add; without it 1.' }),
  limitOverride: expression.optional().meta({
    description:
      'CEL: a limit instead of the configured one: `{"unit": "minute", "requestsPerUnit": 100}`; the unit is one of second, minute, hour, day, month, year.',
  }),
});

export const remoteRateLimitSchema = z.strictObject({
  domain: z.string().min(1).meta({ description: 'Which configuration of the service it is about.' }),
  host: hostSchema,
  descriptors: z.array(descriptorSchema).min(1).meta({
    description:
      'All that have values are sent; one with a null is left out. Who makes an expression fail is refused.',
  }),
  failureMode: z
    .union([z.enum(['failClosed', 'failOpen']), z.enum(['FailClosed', 'FailOpen'])])
    .transform((mode) => (mode.toLowerCase() === 'failopen' ? 'failOpen' : 'failClosed'))
    .default('failClosed')
    .meta({
      description: 'Without the service: `failClosed` refuses with 500, `failOpen` lets everything through.',
    }),
  timeout: durationSchema
    .pipe(z.number().min(1))
    .default(1000)
    .meta({ description: 'Time the service has to answer. Default: 1s.' }),
});

export type RemoteRateLimitConfig = z.output<typeof remoteRateLimitSchema>;
export type DescriptorConfig = RemoteRateLimitConfig['descriptors'][number];
