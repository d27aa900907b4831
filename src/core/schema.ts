/** Schema pieces that several definitions share. */
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';
import { parseSize } from '../lib/size.ts';

/** A duration text or a number of milliseconds; becomes milliseconds. */
export const durationSchema = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const ms = parseDuration(value);
    if (ms !== undefined) return ms;
    context.addIssue({
      code: 'custom',
      message: 'expected a duration such as 500ms, 30s or 5m',
      input: value,
    });
    return z.NEVER;
  })
  .meta({ description: 'A duration such as `500ms`, `30s`, `5m`, `1h`, or a number of milliseconds.' });

/** Bytes, or a text such as `4MiB`; becomes bytes. */
export const sizeSchema = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const bytes = parseSize(value);
    if (bytes !== undefined) return bytes;
    const message = 'expected a size such as 512KiB or 4MiB, or a number of bytes';
    context.addIssue({ code: 'custom', message, input: value });
    return z.NEVER;
  })
  .meta({ description: 'A size such as `512KiB`, `4MiB`, `1GiB`, or a number of bytes.' });

export const portSchema = z
  .int()
  .min(0)
  .max(65535)
  .meta({ description: 'TCP port; 0 asks the system for a free one.' });

/** A secret as written: the text itself, or a file that holds it. `secretOf` (auth/secret.ts) reads it. */
export type Secret = string | { readonly file: string };

export const secretFileSchema = z.strictObject({
  file: z
    .string()
    .min(1)
    .meta({ description: 'A file with nothing else in it; read again when it changes.', format: 'path' }),
});

/** Wherever a secret stands. Never shown: names of secrets are redacted, and so is what stands under them. */
export const secretSchema: z.ZodType<Secret> = z
  .union([
    z
      .string()
      .min(1)
      .meta({ description: 'The secret itself; better a variable that holds it.', writeOnly: true }),
    secretFileSchema,
  ])
  .meta({ description: 'A secret: text, or `{file}`.' });
