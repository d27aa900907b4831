/** The `urlRewrite` key. */
import { z } from 'zod';
import { authorityShapes, pathRewriteSchema } from '../../core/rewriting-schema.ts';

export const urlRewriteSchema = z.strictObject({
  authority: z
    .union([z.enum(['auto', 'none']), ...authorityShapes])
    .default('auto')
    .meta({
      description:
        "Host header for the server. `auto`: the server's own name; `none`: what the client sent; or another host, another port of it, or both.",
    }),
  path: pathRewriteSchema.optional().meta({ description: 'Another path.' }),
});

export type UrlRewriteConfig = z.output<typeof urlRewriteSchema>;
