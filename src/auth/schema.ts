/** Schema pieces that the policies about authentication share: where a credential stands, keys, modes. */
import { z } from 'zod';
import { parseKeySet } from './key-set.ts';
import type { Location } from './location.ts';

export const modeSchema = z.enum(['strict', 'optional', 'permissive']).default('strict').meta({
  description:
    '`strict`: nobody without a valid credential. `optional`: nobody with an invalid one. `permissive`: everybody; what is valid counts, what is not travels upstream.',
});

const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected the name of a header')
  .refine(
    (name) =>
      !/^(?:host|cookie|connection|content-length|content-type|transfer-encoding|upgrade|te)$/i.test(name),
    'this header has a meaning of its own; credentials cannot stand in it',
  );

const locationShape = z.strictObject({
  header: z
    .strictObject({
      name: headerName,
      prefix: z.string().nullish().meta({
        description: 'What stands before it, such as `Bearer `; without it there is no credential.',
      }),
    })
    .optional(),
  queryParameter: z.strictObject({ name: z.string().min(1) }).optional(),
  cookie: z
    .strictObject({
      name: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected the name of a cookie'),
    })
    .optional(),
});

/** Where a credential stands; taken out of the request once it is valid. */
export function locationSchema(prefix: string) {
  return locationShape
    .transform((value, context): Location => {
      const { header, queryParameter, cookie } = value;
      const given = [header, queryParameter, cookie].filter((one) => one !== undefined);
      if (given.length !== 1) {
        context.addIssue({
          code: 'custom',
          message: 'give one of `header`, `queryParameter`, `cookie`',
          input: value,
        });
        return z.NEVER;
      }
      if (header) return { kind: 'header', name: header.name.toLowerCase(), prefix: header.prefix ?? '' };
      if (queryParameter) return { kind: 'query', name: queryParameter.name };
      return { kind: 'cookie', name: cookie?.name ?? '' };
    })
    .prefault({ header: { name: 'authorization', prefix } })
    .meta({
      description:
        'Where in the request it stands: one of the three. A valid one is taken out before the request goes upstream.',
      oneOf: ['header', 'queryParameter', 'cookie'].map((key) => ({ required: [key] })),
    });
}

const inlineKeys = z.string().superRefine((text, context) => {
  try {
    parseKeySet(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'not a key set';
    context.addIssue({ code: 'custom', message, input: text });
  }
});

const keysUrl = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: text });
});

export const validationOptionsSchema = z
  .strictObject({
    requiredClaims: z
      .array(z.string().min(1))
      .default(['exp'])
      .meta({ description: 'Claims a token must have, beside those that `issuer` and `audiences` imply.' }),
  })
  .optional()
  .meta({ description: 'What else is asked of a token.' });

export function requiredClaimsOf(options: z.output<typeof validationOptionsSchema>): readonly string[] {
  return options?.requiredClaims ?? ['exp'];
}

/** Public keys of an issuer (JWKS). */
export const keysSchema = z
  .union([
    inlineKeys.meta({ description: 'The key set (JWKS) itself, as JSON text.' }),
    z.strictObject({
      file: z
        .string()
        .min(1)
        .meta({ description: 'A file with the key set; read again when it changes.', format: 'path' }),
    }),
    z.strictObject({
      url: keysUrl.meta({
        description: 'An address, `https://` unless written otherwise; redirects are not followed.',
      }),
    }),
  ])
  .meta({ description: 'Public keys of the issuer (JWKS): text, `{file}` or `{url}`.' });

export type Keys = z.output<typeof keysSchema>;

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'not a valid URL';
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'expected an https:// URL';
  if (username !== '' || password !== '') return 'give no credentials in the URL';
  return hash === '' ? undefined : 'give no fragment in the URL';
}
