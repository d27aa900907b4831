/** The `jwtAuth` key. */
import { z } from 'zod';
import {
  keysSchema,
  locationSchema,
  modeSchema,
  requiredClaimsOf,
  validationOptionsSchema,
} from '../../auth/schema.ts';
import type { IssuerConfig } from '../../auth/verifier.ts';

const providerShape = {
  issuer: z.string().min(1).meta({ description: 'The `iss` of its tokens, letter for letter.' }),
  audiences: z
    .array(z.string().min(1))
    .nullish()
    .meta({ description: 'One of them must be in `aud`. Without it tokens for anybody are accepted.' }),
  jwks: keysSchema,
  jwtValidationOptions: validationOptionsSchema,
};

const { issuer, audiences, jwks, jwtValidationOptions } = providerShape;

export const jwtAuthSchema = z
  .strictObject({
    mode: modeSchema,
    location: locationSchema('Bearer '),
    issuer: issuer.optional(),
    audiences,
    jwks: jwks.optional(),
    jwtValidationOptions,
    providers: z
      .array(z.strictObject(providerShape))
      .min(1)
      .optional()
      .meta({ description: 'Several issuers, instead of the keys above.' }),
  })
  .transform(({ mode, location, providers, ...single }, context) => {
    if (providers) {
      for (const [key, value] of Object.entries(single)) {
        if (value === undefined) continue;
        context.addIssue({
          code: 'custom',
          message: 'belongs to one of the `providers`',
          path: [key],
          input: value,
        });
      }
      return { mode, location, providers: providers.map(providerOf) };
    }
    const { issuer: name, jwks: keys } = single;
    if (name !== undefined && keys !== undefined)
      return { mode, location, providers: [providerOf({ ...single, issuer: name, jwks: keys })] };
    const message = name === undefined ? '`issuer` is missing (or `providers`)' : '`jwks` is missing';
    context.addIssue({ code: 'custom', message, input: single });
    return z.NEVER;
  });

type Written = z.output<z.ZodObject<typeof providerShape>>;

function providerOf(written: Written): IssuerConfig {
  return {
    issuer: written.issuer,
    audiences: written.audiences ?? [],
    jwks: written.jwks,
    requiredClaims: requiredClaimsOf(written.jwtValidationOptions),
  };
}
