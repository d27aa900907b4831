/** What stands under `oauthAuthorizationCode`: logins of people at a server that wants them. */
import { z } from 'zod';
import { PAGES_PATH } from '../../core/pages.ts';
import { type Secret, secretSchema } from '../../core/schema.ts';
import { isLoopbackHost } from '../../lib/address.ts';

export interface AuthorizationCodeConfig {
  readonly kind: 'authorizationCode';
  readonly clientId?: string | undefined;
  readonly clientSecret?: Secret | undefined;
  readonly clientMetadataUrl?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly authorizationServer?: string | undefined;
  readonly resource?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly redirectUri?: string | undefined;
  readonly shared: boolean;
  readonly store?: { readonly file: string; readonly key?: Secret | undefined } | undefined;
}

const CALLBACK = `${PAGES_PATH}oauth/callback`;

/** OAuth leaves nothing unencrypted that leaves the machine. */
function isSafe(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
}

const safeUrl = z.string().refine(isSafe, 'expected an https:// URL (or http:// on this machine)');
const withoutSlash = (text: string): string => text.replace(/\/+$/, '');

export const authorizationCodeSchema = z
  .strictObject({
    clientId: z.string().min(1).optional().meta({
      description: 'Client of the gateway at the authorization server; default: it registers itself.',
    }),
    clientSecret: secretSchema.optional().meta({ description: 'Secret of that client, if it has one.' }),
    clientMetadataUrl: safeUrl.optional().meta({
      description:
        'URL of a client-id metadata document: the client id where the authorization server takes such. ' +
        `The gateway serves one at ${PAGES_PATH}oauth/client.json below publicUrl.`,
    }),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected a scope without spaces'))
      .optional()
      .meta({ description: 'Scopes to ask for; default: those that the server names.' }),
    authorizationServer: safeUrl.optional().meta({
      description: 'Issuer of the authorization server; default: the one that the server names.',
    }),
    resource: z
      .string()
      .refine((text) => URL.canParse(text) && new URL(text).hash === '', 'expected a URL without fragment')
      .optional()
      .meta({ description: 'What tokens are asked for (RFC 8707); default: what the server calls itself.' }),
    publicUrl: safeUrl.transform(withoutSlash).optional().meta({
      description:
        'Where browsers reach the gateway, e.g. https://gateway.example.com; default: where the client does.',
    }),
    redirectUri: safeUrl.optional().meta({
      description: `Where the authorization server sends browsers back to; default: ${CALLBACK} below publicUrl.`,
    }),
    shared: z.boolean().default(false).meta({
      description:
        'One login for everybody who reaches the gateway; default: each authenticated client logs in for itself.',
    }),
    store: z
      .strictObject({
        file: z
          .string()
          .min(1)
          .meta({ description: 'File that tokens are kept in, encrypted.', format: 'path' }),
        key: secretSchema.optional().meta({
          description: 'What they are encrypted with, 32 characters or more; default: config.session.key.',
        }),
      })
      .optional()
      .meta({ description: 'Where logins outlive the process; default: they are kept in memory.' }),
  })
  .superRefine(({ clientId, clientSecret, publicUrl, redirectUri, store }, context) => {
    const issue = (message: string, ...path: string[]): void =>
      context.addIssue({ code: 'custom', message, path, input: undefined });
    if (clientSecret !== undefined && clientId === undefined)
      issue('a clientSecret needs a clientId', 'clientSecret');
    if (typeof store?.key === 'string' && store.key.length < 32)
      issue('expected 32 characters or more', 'store', 'key');
    if (redirectUri === undefined) return;
    // The cookie that ties the callback to the browser is one of the host that showed the login.
    if (publicUrl !== undefined && new URL(publicUrl).origin !== new URL(redirectUri).origin)
      issue('expected the same host as in publicUrl', 'redirectUri');
    if (publicUrl === undefined && !redirectUri.endsWith(CALLBACK))
      issue(`write publicUrl beside it, or end it in ${CALLBACK}`, 'redirectUri');
  })
  .transform((written): AuthorizationCodeConfig => {
    const config = { kind: 'authorizationCode', ...written } as const;
    const { publicUrl, redirectUri } = config;
    if (publicUrl !== undefined || redirectUri === undefined) return config;
    return { ...config, publicUrl: redirectUri.slice(0, -CALLBACK.length) };
  })
  .meta({
    description:
      'Each person logs in to the server in a browser (OAuth authorization code), where it wants that.',
  });
