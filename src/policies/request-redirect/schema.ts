/** The `requestRedirect` key. */
import { z } from 'zod';
import { authorityShapes, pathRewriteSchema } from '../../core/rewriting-schema.ts';

export const requestRedirectSchema = z
  .strictObject({
    scheme: z
      .enum(['http', 'https'])
      .optional()
      .meta({ description: 'Another scheme. The port is then the usual one, unless `authority` says one.' }),
    authority: z.union(authorityShapes).optional().meta({ description: 'Another host or port.' }),
    path: pathRewriteSchema.optional().meta({ description: 'Another path.' }),
    status: z
      .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
      .default(302)
      .meta({ description: 'Status of the reply. 307 and 308 keep the method.' }),
  })
  .refine(
    ({ scheme, authority, path }) => scheme !== undefined || authority !== undefined || path !== undefined,
    'a redirect needs `scheme`, `authority` or `path`: otherwise it leads to where it came from',
  );

export type RequestRedirectConfig = z.output<typeof requestRedirectSchema>;
