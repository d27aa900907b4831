/** The `requestMirror` key. */
import { z } from 'zod';
import { originSchema } from '../../upstream/origin-schema.ts';

export const requestMirrorSchema = z.strictObject({
  backend: z.strictObject({
    host: originSchema.meta({
      description: 'Who gets the copies: `host:port`, `http://host:port` or `https://host`.',
    }),
  }),
  percentage: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .meta({ description: 'Which share of the requests, from 0 to 1. Default: all.' }),
});
