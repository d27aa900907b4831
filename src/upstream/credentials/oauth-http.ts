/**
 * What the gateway asks authorization servers as their client: requests of oauth4webapi over our own connections,
 * bounded in size and time, and its errors in words that quote nothing a server has answered. A redirect is not
 * followed: it could lead to an address nobody has agreed to (SSRF), with credentials of the gateway.
 */
import type { ClientAuth } from 'oauth4webapi';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Lasting, Scope } from '../../core/scope.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { FlowLimitError } from '../../lib/flow.ts';
import { type HttpUpstream, httpUpstream, type UpstreamReply } from '../http.ts';

export interface OauthHttpOptions {
  readonly lasting: Lasting;
  /** Owns the connections. */
  readonly scope: Scope;
  readonly clock: Clock;
}

/** As oauth4webapi calls its `customFetch`. */
export interface OauthRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | string | null | undefined;
}

export type OauthFetch = (url: string, request: OauthRequest) => Promise<Response>;

const NO_BODY = new Set([204, 205, 304]);

export class OauthHttp {
  readonly #options: OauthHttpOptions;
  readonly #upstreams = new Map<string, HttpUpstream>();

  constructor(options: OauthHttpOptions) {
    this.#options = options;
  }

  /** For one exchange of messages, which ends with `cancel`. */
  fetch(cancel: Cancel): OauthFetch {
    return (url, request) => this.#request(new URL(url), request, cancel);
  }

  async #request(url: URL, request: OauthRequest, parent: Cancel): Promise<Response> {
    const ms = LIMITS.credentialsTime.value;
    const { cancel, forget } = parent.child();
    const timer = this.#options.clock.after(ms, () =>
      cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', `no answer within ${ms} ms`)),
    );
    try {
      const { method, headers, body } = request;
      const reply = await this.#upstream(url).request({
        method,
        path: `${url.pathname}${url.search}`,
        headers: Object.entries(headers).flat(),
        body: body === undefined || body === null ? undefined : Buffer.from(String(body)),
        cancel,
      });
      return await responseOf(reply);
    } finally {
      timer.cancel();
      forget();
    }
  }

  #upstream({ origin, protocol }: URL): HttpUpstream {
    let upstream = this.#upstreams.get(origin);
    if (!upstream) {
      const { lasting, scope } = this.#options;
      const connectTimeoutMs = LIMITS.credentialsTime.value;
      upstream = httpUpstream(lasting, scope, { origin, connectTimeoutMs, allowH2: protocol === 'https:' });
      this.#upstreams.set(origin, upstream);
    }
    return upstream;
  }
}

async function responseOf({ status, headers, body }: UpstreamReply): Promise<Response> {
  return asResponse({ status, headers, body: await body.collect(LIMITS.credentialsBytes.value) });
}

export interface WholeReply {
  readonly status: number;
  /** Flat list, names in lower case. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** With the content type as the only header: a challenge would hide from oauth4webapi what the body says. */
export function asResponse({ status, headers, body }: WholeReply): Response {
  if (status < 200 || status > 599)
    throw new GatewayError('UPSTREAM_PROTOCOL', `answered with status ${status}`);
  const at = headers.indexOf('content-type');
  const type = at < 0 ? undefined : headers[at + 1];
  const content = NO_BODY.has(status) ? null : new Uint8Array(body);
  return new Response(content, {
    status,
    ...(type === undefined ? {} : { headers: { 'content-type': type } }),
  });
}

/**
 * HTTP Basic, id and secret encoded as forms are (RFC 6749 section 2.3.1). The library's own encodes `-`, `_` and `.`
 * too, which forms leave alone, and which servers that compare without decoding do not know again.
 */
export function secretInHeader(secret: string): ClientAuth {
  return (...[, { client_id: id }, , headers]) => {
    const pair = `${formEncoded(id)}:${formEncoded(secret)}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice('='.length);
}

/** Where the address of an authorization server comes from a document: no plain HTTP that nobody has written down. */
export function checkOauthUrl(text: unknown, what: string, { plain }: { readonly plain: boolean }): string {
  if (typeof text !== 'string' || !URL.canParse(text))
    throw new GatewayError('UPSTREAM_PROTOCOL', `its metadata has no usable ${what}`);
  const { protocol, username, password } = new URL(text);
  const fits = protocol === 'https:' || (plain && protocol === 'http:');
  if (!fits || username !== '' || password !== '')
    throw new GatewayError('UPSTREAM_PROTOCOL', `its metadata has a ${what} that is not an https:// URL`);
  return text;
}

/** Why a request to an authorization server came to nothing, without anything it has answered but codes. */
export function oauthProblem(error: unknown): string {
  if (error instanceof GatewayError) return error.message;
  if (error instanceof FlowLimitError) return `the answer is longer than ${error.limit} bytes`;
  const { code, status, error: said, message, cause } = error as Partial<OauthError>;
  if (code === 'OAUTH_RESPONSE_BODY_ERROR') return `HTTP ${status}: ${errorCode(said)}`;
  if (typeof code !== 'string' || !code.startsWith('OAUTH_')) return 'the answer cannot be used';
  const refused = (cause as { status?: unknown } | undefined)?.status;
  return typeof refused === 'number' && refused !== 200 ? `answered with status ${refused}` : String(message);
}

interface OauthError {
  readonly code: unknown;
  readonly status: unknown;
  /** `error` of the body. */
  readonly error: unknown;
  /** A text of the library. */
  readonly message: unknown;
  /** What it was about, with all the server has said. */
  readonly cause: unknown;
}

/** RFC 6749 section 5.2, and what extensions have added, is of this shape. */
export function errorCode(said: unknown): string {
  return typeof said === 'string' && /^[a-z_]{1,40}$/.test(said) ? said : 'an error of its own';
}
