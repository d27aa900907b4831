/** The `mcpAuthentication` key. */
import { z } from 'zod';
import { type IssuerPlaces, issuerPlaces } from '../../auth/issuer-metadata.ts';
import type { Mode } from '../../auth/layer.ts';
import type { Location } from '../../auth/location.ts';
import {
  keysSchema,
  locationSchema,
  modeSchema,
  requiredClaimsOf,
  validationOptionsSchema,
} from '../../auth/schema.ts';
import type { IssuerConfig } from '../../auth/verifier.ts';
import { canonicalResource } from '../../auth/well-known.ts';
import { type Secret, secretSchema } from '../../core/schema.ts';
import { isLoopbackHost } from '../../lib/address.ts';
import { PROVIDERS, type ProviderName, providers } from './providers.ts';

export interface McpAuthenticationConfig {
  readonly mode: Mode;
  readonly location: Location;
  readonly issuer: IssuerConfig;
  readonly metadata: IssuerPlaces;
  readonly provider: ProviderName | undefined;
  /** In canonical form; undefined: as the request has it. */
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  /** Further members of the metadata, named as they are sent. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  readonly redirectUris: readonly string[];
}

const url = (what: string) =>
  z.string().superRefine((text, context) => {
    const problem = urlProblem(text);
    if (problem !== undefined)
      context.addIssue({ code: 'custom', message: `${what}: ${problem}`, input: text });
  });

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'expected a URL such as https://example.com/mcp';
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'expected an https:// URL';
  if (username !== '' || password !== '') return 'give no credentials in it';
  return search === '' && hash === '' ? undefined : 'give no query and no fragment';
}

/** RFC 6749 section 3.3. */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected a scope: no blanks, quotes or backslashes')
  .refine(
    (text) => text !== 'offline_access',
    'no resource needs it: clients that want refresh tokens ask for it by themselves',
  );

/** The Rust gateway writes `keycloak: {}`. */
const provider = z
  .union([
    z.enum(PROVIDERS),
    z
      .partialRecord(z.enum(PROVIDERS), z.strictObject({}))
      .refine((value) => Object.keys(value).length === 1, 'give one provider')
      .transform((value) => Object.keys(value)[0] as ProviderName),
  ])
  .meta({
    description:
      'Adapts the metadata of a known identity provider, which the gateway then serves under its own name.',
  });

/** What a browser would run or read instead of going there. */
const NO_PLACE = /^(?:javascript|vbscript|data|blob|file|filesystem|about|view-source):/i;

const redirectUri = z.string().superRefine((text, context) => {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const fits =
    parsed?.hash === '' &&
    !NO_PLACE.test(text) &&
    (parsed.protocol !== 'http:' || isLoopbackHost(parsed.hostname));
  if (fits) return;
  const message = 'expected an https:// URL without fragment, one of this machine, or one of an app';
  context.addIssue({ code: 'custom', message, input: text });
});

const shape = {
  issuer: url('issuer').meta({
    description: 'The authorization server: the `iss` of its tokens, letter for letter.',
  }),
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ description: 'One of them must be in `aud`. Default: `resource`.' }),
  jwks: keysSchema
    .optional()
    .meta({ description: 'Public keys of the issuer. Default: where its metadata says they are.' }),
  mode: modeSchema,
  authorizationLocation: locationSchema('Bearer '),
  jwtValidationOptions: validationOptionsSchema,
  resource: url('resource').optional().meta({
    description:
      'URL under which clients reach the endpoint. Default: scheme, host and path of each request; then `audiences` is needed.',
  }),
  scopes: z.array(scope).optional().meta({
    description: 'What clients are told to ask for. Whether a token has it is the business of rules.',
  }),
  resourceMetadata: z.record(z.string(), z.json()).optional().meta({
    description:
      'Further members of the metadata of the resource (RFC 9728): `resourceName`, `resourceDocumentation`, ...',
  }),
  provider: provider.optional(),
  clientId: z.string().min(1).optional().meta({
    description: 'A client registered at the provider beforehand: what every client is given that registers.',
  }),
  clientSecret: secretSchema
    .optional()
    .meta({ description: 'Its secret, added to token requests (`entra` only).' }),
  redirectUris: z.array(redirectUri).optional().meta({
    description:
      'Where clients that use `clientId` may be sent after the login, letter for letter, beside addresses of their own machine.',
  }),
};

type Written = z.output<z.ZodObject<typeof shape>>;

export const mcpAuthenticationSchema = z.strictObject(shape).transform((written, context) => {
  const issue = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', message, path, input: written });
  for (const [key, message] of problems(written)) issue([key], message);
  return context.issues.length > 0 ? z.NEVER : configOf(written);
});

function* problems(written: Written): Iterable<readonly [string, string]> {
  const { audiences, provider: name, clientId, clientSecret, redirectUris, resourceMetadata } = written;
  const { resource, authorization_servers: servers } = membersOf(resourceMetadata);
  if (resource !== undefined && (typeof resource !== 'string' || urlProblem(resource) !== undefined))
    yield ['resourceMetadata', 'its `resource` is not a URL that clients could use'];
  else if (audiences === undefined && written.resource === undefined && resource === undefined)
    yield ['audiences', '`audiences` is missing (or `resource`): tokens for others would be accepted'];
  const isList =
    Array.isArray(servers) && servers.length > 0 && servers.every((one) => typeof one === 'string');
  if (servers !== undefined && !isList)
    yield ['resourceMetadata', 'its `authorizationServers` must be a list of at least one URL'];
  const adapter = name === undefined ? undefined : providers[name];
  if (adapter?.registration === 'own' && clientId === undefined)
    yield ['clientId', `${name} registers no clients: give the one that was registered there`];
  if (clientId !== undefined && !adapter) yield ['clientId', 'needs a `provider`'];
  if (clientSecret !== undefined && !adapter?.relays)
    yield ['clientSecret', 'is added to token requests of `entra` only'];
  if (redirectUris !== undefined && clientId === undefined) yield ['redirectUris', 'needs a `clientId`'];
}

function configOf(written: Written): McpAuthenticationConfig {
  const { issuer, audiences, jwks, jwtValidationOptions, provider: name } = written;
  const { resource: member, ...members } = membersOf(written.resourceMetadata);
  const given = written.resource ?? (member as string | undefined);
  const resource = given === undefined ? undefined : canonicalResource(given);
  const adapter = name === undefined ? undefined : providers[name];
  const metadata = adapter?.places?.(issuer) ?? issuerPlaces(issuer);
  return {
    mode: written.mode,
    location: written.authorizationLocation,
    issuer: {
      issuer,
      audiences: audiences ?? (resource === undefined ? [] : spellings(resource)),
      jwks: jwks ?? { metadata },
      requiredClaims: requiredClaimsOf(jwtValidationOptions),
    },
    metadata,
    provider: name,
    resource,
    scopes: written.scopes ?? [],
    members,
    clientId: written.clientId,
    clientSecret: written.clientSecret,
    redirectUris: written.redirectUris ?? [],
  };
}

/** A URL without a path is asked for in either of two spellings, depending on the client. */
function spellings(resource: string): string[] {
  return resource === new URL(resource).origin ? [resource, `${resource}/`] : [resource];
}

function membersOf(written: Written['resourceMetadata']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(written ?? {}).map(([key, value]) => [snakeCase(key), value]));
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
