/** The `apiKey` key. Keys are hashed here: the plan holds no key, and no dump of it can show one. */
import { z } from 'zod';
import { type ApiKey, digestOf } from '../../auth/api-keys.ts';
import { locationSchema, modeSchema } from '../../auth/schema.ts';

const keySchema = z
  .strictObject({
    key: z.string().min(1).optional().meta({ description: 'The key itself.', writeOnly: true }),
    keyHash: z
      .string()
      .regex(/^sha256:[0-9A-Fa-f]{64}$/, 'expected sha256: and 64 hexadecimal digits')
      .optional()
      .meta({ description: 'Instead of the key: `sha256:` and its SHA-256 in hexadecimal digits.' }),
    metadata: z
      .record(z.string(), z.unknown())
      .default({})
      .meta({ description: 'What rules and logs may know of who has the key; any names and values.' }),
  })
  .transform(({ key, keyHash, metadata }, context): ApiKey => {
    if (key !== undefined && keyHash === undefined) return { digest: digestOf(key), metadata };
    if (keyHash !== undefined && key === undefined)
      return { digest: keyHash.slice('sha256:'.length).toLowerCase(), metadata };
    context.addIssue({ code: 'custom', message: 'give one of `key`, `keyHash`', input: metadata });
    return z.NEVER;
  });

export const apiKeySchema = z.strictObject({
  keys: z
    .array(keySchema)
    .min(1)
    .superRefine((keys, context) => {
      const seen = new Set<string>();
      for (const [index, one] of keys.entries()) {
        if (seen.has(one.digest))
          context.addIssue({
            code: 'custom',
            message: 'this key stands here twice',
            path: [index],
            input: index,
          });
        seen.add(one.digest);
      }
    })
    .meta({ description: 'The keys that are accepted.' }),
  mode: modeSchema,
  location: locationSchema('Bearer '),
});
