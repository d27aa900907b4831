/** The `basicAuth` key. */
import { z } from 'zod';
import { parseHtpasswd } from '../../auth/htpasswd.ts';
import { locationSchema } from '../../auth/schema.ts';

const inline = z.string().superRefine((text, context) => {
  try {
    parseHtpasswd(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'not in htpasswd format';
    context.addIssue({ code: 'custom', message, input: '' });
  }
});

export const basicAuthSchema = z.strictObject({
  htpasswd: z
    .union([
      inline.meta({ description: 'The list itself.', writeOnly: true }),
      z.strictObject({
        file: z
          .string()
          .min(1)
          .meta({ description: 'A file with the list; read again when it changes.', format: 'path' }),
      }),
    ])
    .meta({
      description:
        'Users and hashes of their passwords, as `htpasswd -B` makes them (bcrypt; APR1 and SHA are read as well).',
    }),
  realm: z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'printable ASCII only')
    .nullish()
    .meta({ description: 'What browsers show when they ask for the password (default `Restricted`).' }),
  mode: z.enum(['strict', 'optional']).default('strict').meta({
    description:
      '`strict`: nobody without a user and the right password. `optional`: nobody with a wrong one.',
  }),
  authorizationLocation: locationSchema('Basic '),
});
