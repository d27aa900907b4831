/** The `backendAuth` key. */
import { z } from 'zod';
import type { Location } from '../../auth/location.ts';
import { locationSchema } from '../../auth/schema.ts';
import { type Secret, secretFileSchema, secretSchema } from '../../core/schema.ts';
import { type AuthorizationCodeConfig, authorizationCodeSchema } from './authorization-code-schema.ts';

export interface KeyConfig {
  readonly kind: 'key';
  readonly secret: Secret;
  readonly location: Location;
}

export interface PassthroughConfig {
  readonly kind: 'passthrough';
  /** undefined: the Authorization header, by the scheme of what is passed on. */
  readonly location: (Location & { readonly kind: 'header' }) | undefined;
}

export interface ClientCredentialsConfig {
  readonly kind: 'clientCredentials';
  readonly address: { readonly tokenUrl: string } | { readonly issuer: string };
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly clientAuth: 'basic' | 'post';
  readonly parameters: Readonly<Record<string, string>>;
}

export type BackendAuthConfig =
  | KeyConfig
  | PassthroughConfig
  | ClientCredentialsConfig
  | AuthorizationCodeConfig;

/** Headers by which the gateway and MCP servers talk to each other. */
const RESERVED = /^(?:mcp-.*|accept|content-encoding|expect|last-event-id|keep-alive|proxy-.*|trailer)$/i;

const writtenPlace = locationSchema('Bearer ')
  .unwrap()
  .superRefine((location, context) => {
    if (location.kind !== 'header' || !RESERVED.test(location.name)) return;
    const message = 'this header has a meaning of its own; credentials cannot stand in it';
    context.addIssue({ code: 'custom', message, path: ['header', 'name'], input: location.name });
  })
  .meta({
    description:
      'Where the upstream expects it: one of the three; default: the Authorization header, as a bearer token. What the client has written there does not travel.',
    oneOf: ['header', 'queryParameter', 'cookie'].map((key) => ({ required: [key] })),
  });

const keySchema = z
  .union([
    secretFileSchema,
    z.strictObject({ value: secretSchema, location: writtenPlace.optional() }),
    z.string().min(1).meta({ description: 'The key, for the Authorization header.', writeOnly: true }),
  ])
  .transform((written, context): KeyConfig => {
    const whole = typeof written === 'string' || !('value' in written);
    const secret = whole ? written : written.value;
    const location = (whole ? undefined : written.location) ?? BEARER;
    const problem = typeof secret === 'string' ? keyProblem(secret, location) : undefined;
    if (problem === undefined) return { kind: 'key', secret, location };
    context.addIssue({ code: 'custom', message: problem, input: '' });
    return z.NEVER;
  })
  .meta({ description: 'A key of the gateway: text, `{file}`, or `{value, location}`.' });

const BEARER: Location = { kind: 'header', name: 'authorization', prefix: 'Bearer ' };

/** What is wrong with a key at its place, without quoting it. */
export function keyProblem(key: string, { kind }: Location): string | undefined {
  if (kind === 'header' && !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))
    return 'a key in a header has printable ASCII characters only';
  if (kind === 'cookie' && !/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(key))
    return 'a key in a cookie has no blanks, quotes, commas, semicolons and backslashes';
  return undefined;
}

const passthroughSchema = z
  .strictObject({
    location: writtenPlace.optional().meta({
      description: 'Default: the Authorization header, by the scheme it came with. A header only.',
    }),
  })
  .transform(({ location }, context): PassthroughConfig => {
    if (location === undefined || location.kind === 'header') return { kind: 'passthrough', location };
    const message = 'what clients bring is passed on in a header only';
    context.addIssue({ code: 'custom', message, path: ['location'], input: location });
    return z.NEVER;
  })
  .meta({
    description:
      'What the client has proved itself with goes on to the upstream; without that its own Authorization header.',
  });

const addressSchema = z.string().superRefine((text, context) => {
  const problem = addressProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: text });
});

function addressProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'not a valid URL';
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'expected an https:// URL';
  if (username !== '' || password !== '') return 'give no credentials in the URL';
  return hash === '' ? undefined : 'give no fragment in the URL';
}

/** Said by other keys. */
const OWN_PARAMETERS = /^(?:grant_type|client_id|client_secret|client_assertion.*|scope|audience|resource)$/;

const clientCredentialsSchema = z
  .strictObject({
    tokenUrl: addressSchema.optional().meta({ description: 'The token endpoint.' }),
    issuer: addressSchema
      .optional()
      .meta({ description: 'Instead: the authorization server, whose metadata names its token endpoint.' }),
    clientId: z.string().min(1).meta({ description: 'What the gateway is called there.' }),
    clientSecret: secretSchema.meta({ description: 'What it proves that with: text, or `{file}`.' }),
    clientAuth: z
      .enum(['basic', 'post'])
      .default('basic')
      .meta({ description: 'Whether id and secret go into the Authorization header or into the form.' }),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected a scope of OAuth'))
      .default([])
      .meta({ description: 'What the token is to grant.' }),
    audience: z.string().min(1).optional().meta({ description: 'For whom the token is to be.' }),
    resource: z
      .string()
      .refine((text) => URL.canParse(text), 'expected a URL')
      .optional()
      .meta({ description: 'The same by RFC 8707: a URL.' }),
    additionalParams: z
      .record(
        z.string().regex(/^[A-Za-z0-9._-]+$/, 'expected the name of a parameter'),
        z.union([z.string(), z.number(), z.boolean()]),
      )
      .default({})
      .meta({ description: 'Further parameters of the request.' }),
  })
  .transform((written, context): ClientCredentialsConfig => {
    const { tokenUrl, issuer, clientId, clientSecret, clientAuth } = written;
    for (const name of Object.keys(written.additionalParams)) {
      if (!OWN_PARAMETERS.test(name)) continue;
      const message = `${name} has a key of its own`;
      context.addIssue({ code: 'custom', message, path: ['additionalParams', name], input: name });
    }
    const common = {
      kind: 'clientCredentials',
      clientId,
      clientSecret,
      clientAuth,
      parameters: parametersOf(written),
    } as const;
    if (tokenUrl !== undefined && issuer === undefined) return { ...common, address: { tokenUrl } };
    if (issuer !== undefined && tokenUrl === undefined) return { ...common, address: { issuer } };
    context.addIssue({ code: 'custom', message: 'give one of `tokenUrl`, `issuer`', input: '' });
    return z.NEVER;
  })
  .meta({
    description:
      'A token of the gateway, got by client credentials (RFC 6749 section 4.4) and renewed in time.',
  });

interface Parameters {
  readonly scopes: readonly string[];
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  readonly additionalParams: Readonly<Record<string, string | number | boolean>>;
}

function parametersOf({ scopes, audience, resource, additionalParams }: Parameters): Record<string, string> {
  const further = Object.entries(additionalParams).map(([name, value]) => [name, String(value)]);
  return {
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    ...Object.fromEntries(further),
  };
}

const KINDS = ['key', 'passthrough', 'oauthClientCredentials', 'oauthAuthorizationCode'];

export const backendAuthSchema = z
  .strictObject({
    key: keySchema.optional(),
    passthrough: passthroughSchema.optional(),
    oauthClientCredentials: clientCredentialsSchema.optional(),
    oauthAuthorizationCode: authorizationCodeSchema.optional(),
  })
  .transform((written, context): BackendAuthConfig => {
    const given = [
      written.key,
      written.passthrough,
      written.oauthClientCredentials,
      written.oauthAuthorizationCode,
    ].filter((one) => one !== undefined);
    const [only] = given;
    if (only && given.length === 1) return only;
    const message = `give one of ${KINDS.map((kind) => `\`${kind}\``).join(', ')}`;
    context.addIssue({ code: 'custom', message, input: '' });
    return z.NEVER;
  })
  .meta({ oneOf: KINDS.map((key) => ({ required: [key] })) });
