/** The `buffer` key. */
import { z } from 'zod';
import { sizeSchema } from '../../core/schema.ts';

const MOST = 1024 ** 3;

const sideSchema = z.strictObject({
  maxBytes: sizeSchema
    .refine((bytes) => bytes >= 1 && bytes <= MOST, 'must be from 1B to 1GiB')
    .meta({ description: 'The largest body that is held: a size such as `4MiB`, or a number of bytes.' }),
  failureMode: z.enum(['failClosed', 'failOpen']).default('failClosed').meta({
    description: 'What happens to a larger one: `failClosed` refuses it, `failOpen` lets it stream through.',
  }),
});

export const bufferSchema = z
  .strictObject({
    request: sideSchema.optional().meta({
      description: 'Requests go to the server when they are whole. Refused with 413.',
    }),
    response: sideSchema.optional().meta({
      description:
        'Replies go to the client when they are whole; event streams never wait. Refused with 502.',
    }),
  })
  .refine(({ request, response }) => request || response, 'say `request`, `response` or both');

export type SideConfig = z.output<typeof sideSchema>;
