/** The `timeout` key. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';

export const timeoutSchema = z.strictObject({
  requestTimeout: durationSchema.optional().meta({
    description:
      'From a request to the head of its reply, all tries included; of MCP calls each, to its result or progress. 0: none.',
  }),
  backendRequestTimeout: durationSchema
    .optional()
    .meta({ description: 'The same for each try of a backend. 0: none.' }),
});
