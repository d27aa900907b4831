/**
 * Where one logs in for a server, as the MCP authorization specification finds out: the challenge of its 401, metadata
 * of the resource (RFC 9728), metadata of its authorization server (RFC 8414, OpenID Connect); for servers of 2025-03-26
 * the server's own origin. What they say is checked, not trusted.
 */
import type { AuthorizationServer } from 'oauth4webapi';
import type { Cancel } from '../../../lib/cancel.ts';
import { isObject, parseObject } from '../../../lib/json-value.ts';
import { bearerChallenge, type Challenge } from './challenge.ts';
import { refused, Web } from './web.ts';

export interface Discovered {
  /** For the `resource` parameter (RFC 8707). */
  readonly resource: string;
  readonly server: AuthorizationServer;
  /** What the server wants to be asked for; undefined: it does not say. */
  readonly scopes: string | undefined;
}

export interface DiscoveryOptions {
  readonly web: Web;
  readonly url: URL;
  readonly issuer: string | undefined;
  readonly resource: string | undefined;
  /** A client that is known there by configuration: its owner vouches for PKCE where the metadata does not. */
  readonly configured: boolean;
}

interface Resource {
  readonly resource: string;
  readonly issuers: readonly string[];
  readonly scopes: string | undefined;
}

const JSON_ONLY = ['accept', 'application/json'];
const MAX_ISSUERS = 3;

/** Rejects with CREDENTIALS_UNAVAILABLE. */
export async function discover(options: DiscoveryOptions, cancel: Cancel): Promise<Discovered> {
  const challenge = await challengeOf(options, cancel);
  const found = await resourceOf(options, challenge, cancel);
  const resource = options.resource ?? found?.resource ?? canonical(options.url);
  const scopes = challenge?.scope ?? found?.scopes;
  const server = await serverOf(options, found, cancel);
  checkServer(server, options.configured);
  return { resource, server, scopes };
}

/** Asks without a token. A ping opens no session, whatever the server is. */
async function challengeOf({ web, url }: DiscoveryOptions, cancel: Cancel): Promise<Challenge | undefined> {
  const accept = ['accept', 'application/json, text/event-stream'];
  const posted = await web.send(
    url,
    {
      method: 'POST',
      headers: ['content-type', 'application/json', ...accept],
      body: Buffer.from('{"jsonrpc":"2.0","id":0,"method":"ping"}'),
      headOnly: true,
    },
    cancel,
  );
  if (posted.status === 401) return bearerChallenge(posted.headers);
  const got = await web.send(url, { method: 'GET', headers: accept, headOnly: true }, cancel);
  return got.status === 401 ? bearerChallenge(got.headers) : undefined;
}

/** Undefined: there is no such metadata. */
async function resourceOf(
  options: DiscoveryOptions,
  challenge: Challenge | undefined,
  cancel: Cancel,
): Promise<Resource | undefined> {
  const { web, url } = options;
  const named = challenge?.resourceMetadata;
  const places =
    named === undefined
      ? wellKnown(url, 'oauth-protected-resource')
      : [Web.checked(named, 'resource_metadata of the challenge')];
  for (const place of places) {
    const document = await documentAt(web, place, cancel);
    if (document) return readResource(document, url);
    if (named !== undefined)
      throw refused(`there is no metadata at ${place.href}, where the challenge says it is`);
  }
  return undefined;
}

function readResource(document: Record<string, unknown>, url: URL): Resource {
  const { resource, authorization_servers: issuers, scopes_supported: scopes } = document;
  if (typeof resource !== 'string' || !covers(resource, url))
    throw refused(
      `the metadata of ${canonical(url)} is of another resource: ${String(resource).slice(0, 200)}`,
    );
  return {
    resource,
    issuers: texts(issuers),
    scopes: Array.isArray(scopes) ? texts(scopes).join(' ') : undefined,
  };
}

/** RFC 9728 section 3.3: tokens for another resource must not be asked for in the name of this one. */
function covers(resource: string, url: URL): boolean {
  if (!URL.canParse(resource)) return false;
  const { origin, pathname, search } = new URL(resource);
  if (origin !== url.origin || (search !== '' && search !== url.search)) return false;
  const base = pathname.replace(/\/+$/, '');
  return url.pathname === base || url.pathname.startsWith(`${base}/`);
}

async function serverOf(
  { web, url, issuer }: DiscoveryOptions,
  found: Resource | undefined,
  cancel: Cancel,
): Promise<AuthorizationServer> {
  if (issuer === undefined && !found) return ownServer(web, url, cancel);
  const issuers = issuer === undefined ? (found?.issuers ?? []) : [issuer];
  if (issuers.length === 0) throw refused('the metadata of the resource names no authorization server');
  let failure: unknown;
  for (const each of issuers.slice(0, MAX_ISSUERS)) {
    try {
      return await metadataOf(web, each, cancel);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function metadataOf(web: Web, issuer: string, cancel: Cancel): Promise<AuthorizationServer> {
  const url = Web.checked(issuer, 'the issuer');
  const path = url.pathname.replace(/\/+$/, '');
  const places = [
    ...wellKnown(url, 'oauth-authorization-server').slice(0, 1),
    ...wellKnown(url, 'openid-configuration').slice(0, 1),
    new URL(`${path}/.well-known/openid-configuration`, url),
  ];
  for (const place of new Map(places.map((each) => [each.href, each])).values()) {
    const document = await documentAt(web, place, cancel);
    if (document) return readServer(document, issuer);
  }
  throw refused(`the authorization server ${issuer} has no metadata`);
}

/** As 2025-03-26 has it: the server's own origin, and paths by convention where there is no metadata. */
async function ownServer(web: Web, url: URL, cancel: Cancel): Promise<AuthorizationServer> {
  const { origin } = url;
  const document = await documentAt(web, new URL('/.well-known/oauth-authorization-server', origin), cancel);
  if (document) return readServer(document, origin);
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    code_challenge_methods_supported: ['S256'],
  };
}

/** RFC 8414 section 3.3: who else's name a document bears could have its codes and tokens mixed up with ours. */
function readServer(document: Record<string, unknown>, issuer: string): AuthorizationServer {
  const { issuer: named } = document;
  if (typeof named !== 'string' || withoutSlash(named) !== withoutSlash(issuer))
    throw refused(`the metadata of ${issuer} is of another issuer: ${String(named).slice(0, 200)}`);
  return document as unknown as AuthorizationServer;
}

function checkServer(server: AuthorizationServer, configured: boolean): void {
  const { issuer } = server;
  Web.checked(server.authorization_endpoint, `authorization_endpoint of ${issuer}`);
  Web.checked(server.token_endpoint, `token_endpoint of ${issuer}`);
  if (server.registration_endpoint !== undefined)
    Web.checked(server.registration_endpoint, `registration_endpoint of ${issuer}`);
  const methods: unknown = server.code_challenge_methods_supported;
  const silent = methods === undefined && configured;
  if (!silent && !(Array.isArray(methods) && methods.includes('S256')))
    throw refused(`the authorization server ${issuer} does not say that it checks PKCE (S256)`);
}

/** Undefined: there is none. Anything but a document or a 4xx is a failure: it may be there another time. */
async function documentAt(web: Web, url: URL, cancel: Cancel): Promise<Record<string, unknown> | undefined> {
  const reply = await web.send(url, { method: 'GET', headers: JSON_ONLY }, cancel);
  if (reply.status >= 400 && reply.status < 500) return undefined;
  if (reply.status !== 200) throw refused(`${url.href} answered with status ${reply.status}`);
  const document = parseObject(reply.body);
  if (!document || !isObject(document)) throw refused(`${url.href} is no JSON object`);
  return document;
}

/** With the path of the URL behind the well-known one, then without. */
function wellKnown(url: URL, name: string): URL[] {
  const path = url.pathname.replace(/\/+$/, '');
  const root = new URL(`/.well-known/${name}`, url.origin);
  if (path === '') return [root];
  return [new URL(`/.well-known/${name}${path}${url.search}`, url.origin), root];
}

/** RFC 8707 as MCP has it: no fragment, no slash at the end of a bare origin. */
export function canonical({ origin, pathname, search }: URL): string {
  return `${origin}${pathname === '/' ? '' : pathname}${search}`;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function withoutSlash(text: string): string {
  return text.replace(/\/$/, '');
}
