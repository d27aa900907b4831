/** The `apiKey` key. Keys are hashed here: the plan holds no key, and no dump of it can show one. */
import { z } from 'zod';
import { digestOf } from '../../auth/api-keys.ts';
import { locationSchema, modeSchema } from '../../auth/schema.ts';
import { secretSchema } from '../../core/schema.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';

export interface ApiKeyConfig {
  /** SHA-256 of the key, or where the key is to be read. */
  readonly key: { readonly digest: string } | { readonly file: string };
  readonly metadata: Readonly<Record<string, unknown>>;
}

const keySchema = z
  .strictObject({
    key: secretSchema.optional().meta({ description: 'The key itself, or `{file}` with it.' }),
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
  .transform(({ key, keyHash, metadata }, context): ApiKeyConfig => {
    if (key !== undefined && keyHash === undefined)
      return { key: typeof key === 'string' ? { digest: digestOf(key) } : key, metadata };
    if (keyHash !== undefined && key === undefined)
      return { key: { digest: keyHash.slice('sha256:'.length).toLowerCase() }, metadata };
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
        const name = canonicalJson(one.key);
        if (seen.has(name))
          context.addIssue({
            code: 'custom',
            message: 'this key stands here twice',
            path: [index],
            input: index,
          });
        seen.add(name);
      }
    })
    .meta({ description: 'The keys that are accepted.' }),
  mode: modeSchema,
  location: locationSchema('Bearer '),
});
