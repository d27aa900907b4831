/** The `transformations` key: as far as requests towards an upstream go. */
import { z } from 'zod';
import { headersSchema } from '../../upstream/request-headers-schema.ts';

const expressionSchema = z.string().min(1).meta({ description: 'An expression (CEL) for its value.' });

export const transformationsSchema = z.strictObject({
  request: z.strictObject(headersSchema(expressionSchema)).meta({
    description:
      'Headers of requests to the upstream. A request that lacks what an expression reads is refused.',
  }),
});
