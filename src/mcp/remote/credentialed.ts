/**
 * Requests to an upstream with credentials of the gateway on them, sent once more with fresh ones where the upstream
 * says 401. Wires use it like the upstream itself and know nothing of credentials.
 */
import { GatewayError } from '../../core/errors.ts';
import type { CredentialOwner, UpstreamCredentials } from '../../core/outgoing.ts';
import { Cancel } from '../../lib/cancel.ts';
import { withCredentials } from '../../upstream/credentials/placed.ts';
import type { HttpUpstream, UpstreamReply, UpstreamRequest } from '../../upstream/http.ts';
import { readable, readRefusal } from './refusal.ts';

/** Whatever requests of a wire are sent with. */
export type Sender = Pick<HttpUpstream, 'request'>;

export class CredentialedUpstream implements Sender {
  readonly #upstream: Sender;
  readonly #credentials: UpstreamCredentials;
  readonly #owner: CredentialOwner;

  constructor(upstream: Sender, credentials: UpstreamCredentials, owner: CredentialOwner) {
    this.#upstream = upstream;
    this.#credentials = credentials;
    this.#owner = owner;
  }

  request(request: UpstreamRequest): Promise<UpstreamReply> {
    const ready = this.#credentials.ready(this.#owner);
    return ready ? this.#send(request, ready) : this.#fetchAndSend(request);
  }

  #send(request: UpstreamRequest, credentials: readonly string[]): Promise<UpstreamReply> {
    return this.#with(request, credentials).then((reply) => {
      if (reply.status === 401) return this.#refused(reply, request, credentials);
      return reply.status === 403 ? this.#forbidden(reply, request) : reply;
    });
  }

  async #fetchAndSend(request: UpstreamRequest): Promise<UpstreamReply> {
    return this.#send(request, await this.#fetch(request));
  }

  /** A request that was answered with 401 has not been carried out, so it may be sent again whatever it asks. */
  async #refused(
    reply: UpstreamReply,
    request: UpstreamRequest,
    credentials: readonly string[],
  ): Promise<UpstreamReply> {
    const said = await readRefusal(reply);
    if (!this.#credentials.refused(this.#owner, credentials)) throw unmet(said);
    const fresh = await this.#fetch(request);
    const second = await this.#with(request, fresh);
    if (second.status === 403) return this.#forbidden(second, request);
    if (second.status !== 401) return second;
    const again = await readRefusal(second);
    this.#credentials.refused(this.#owner, fresh);
    throw unmet(again);
  }

  /** What these credentials may not: no client can get more rights for them but by a login of its own. */
  async #forbidden(reply: UpstreamReply, { cancel }: UpstreamRequest): Promise<never> {
    const said = await readRefusal(reply);
    const login = await this.#credentials.stepUp?.(this.#owner, reply.headers, cancel ?? new Cancel());
    if (login) throw login;
    const message = `the upstream answered HTTP 403${reason(said)}`;
    throw new GatewayError('UPSTREAM_STATUS', message, { data: { upstreamStatus: 403 } });
  }

  #with(request: UpstreamRequest, credentials: readonly string[]): Promise<UpstreamReply> {
    return this.#upstream.request(withCredentials(request, this.#credentials, credentials));
  }

  #fetch({ cancel }: UpstreamRequest): Promise<readonly string[]> {
    return this.#credentials.fetch(this.#owner, cancel ?? new Cancel());
  }
}

/** No challenge of ours: the client's own login would change nothing. */
function unmet(said: Buffer): GatewayError {
  const message = `the upstream refuses the credentials of the gateway (HTTP 401)${reason(said)}`;
  return new GatewayError('CREDENTIALS_UNAVAILABLE', message, { data: { upstreamStatus: 401 } });
}

function reason(said: Buffer): string {
  const excerpt = readable(said);
  return excerpt === '' ? '' : `: ${excerpt}`;
}
