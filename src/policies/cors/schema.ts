/** The `cors` key. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';

/** `https://app.example.com`, `https://*.example.com`, `http://localhost:*`, `*`, `null`. */
const ORIGIN = /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^\s/*?#@]+(?::(?:\*|\d+))?)$/i;

const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a valid HTTP token');

export const corsSchema = z.strictObject({
  allowOrigins: z
    .array(
      z.string().regex(ORIGIN, 'expected an origin such as https://app.example.com, without path, or "*"'),
    )
    .default([])
    .meta({
      description:
        'Origins whose pages may read replies; `*` for all, `https://*.example.com` for subdomains.',
    }),
  allowHeaders: z
    .array(token)
    .default([])
    .meta({ description: 'Request headers such pages may send; `*` for all.' }),
  allowMethods: z.array(token).default([]).meta({ description: 'Methods such pages may use; `*` for all.' }),
  exposeHeaders: z
    .array(token)
    .default([])
    .meta({ description: 'Reply headers such pages may read; `*` for all.' }),
  allowCredentials: z.boolean().default(false).meta({ description: 'Whether cookies may be sent along.' }),
  maxAge: z
    .union([
      z
        .number()
        .min(0)
        .transform((seconds) => seconds * 1000),
      durationSchema,
    ])
    .optional()
    .meta({ description: 'How long a browser may remember the answer: a duration, or a number of seconds.' }),
});

export type CorsConfig = z.output<typeof corsSchema>;
