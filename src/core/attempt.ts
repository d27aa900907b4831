/**
 * An exchange within an exchange: one try of it, or all that has a deadline of its own. It can be cancelled alone and
 * follows the cancellation of the one around it; what layers change about the request stays within it.
 */
import type { Cancel } from '../lib/cancel.ts';
import type { ConnectionTls, Endpoint, Exchange, Outbound, RequestBody } from './exchange.ts';
import type { Credential, Identity, PeerCertificate } from './identity.ts';
import type { ExchangeRecord } from './signals.ts';
import type { Witness } from './witness.ts';

export interface AttemptOptions {
  /** Default: the body of the exchange around it, which can be taken once. */
  readonly body?: RequestBody | undefined;
  /** Set over what the client sent; the name in lower case. */
  readonly header?: readonly [name: string, value: string] | undefined;
}

export class Attempt implements Exchange {
  readonly #of: Exchange;
  #headers: Exchange['headers'] | undefined;
  #rawHeaders: readonly string[] | undefined;
  readonly body: RequestBody;
  readonly cancel: Cancel;
  url: string;
  query: string;
  serves: Exchange['serves'];
  principal?: string;
  identity?: Identity;
  credentials?: Credential[];
  outbound?: Outbound;
  streams?: boolean;
  tried?: Set<string>;

  constructor(of: Exchange, { body = of.body, header }: AttemptOptions = {}) {
    this.#of = of;
    this.body = body;
    // Never cut: what streams on when the reply has begun still has to learn that the client is gone. It goes with it.
    this.cancel = of.cancel.child().cancel;
    this.url = of.url;
    this.query = of.query;
    this.serves = of.serves;
    if (of.principal !== undefined) this.principal = of.principal;
    if (of.identity) this.identity = of.identity;
    if (of.credentials) this.credentials = of.credentials;
    if (of.outbound) this.outbound = of.outbound;
    if (of.streams) this.streams = true;
    if (of.tried) this.tried = of.tried;
    if (header) this.#set(header);
  }

  get id(): string {
    return this.#of.id;
  }

  get method(): string {
    return this.#of.method;
  }

  get path(): string {
    return this.#of.path;
  }

  get authority(): string {
    return this.#of.authority;
  }

  get scheme(): Exchange['scheme'] {
    return this.#of.scheme;
  }

  get destination(): Exchange['destination'] {
    return this.#of.destination;
  }

  get absolute(): Exchange['absolute'] {
    return this.#of.absolute;
  }

  get httpVersion(): Exchange['httpVersion'] {
    return this.#of.httpVersion;
  }

  get headers(): Exchange['headers'] {
    return this.#headers ?? this.#of.headers;
  }

  get rawHeaders(): readonly string[] {
    return this.#rawHeaders ?? this.#of.rawHeaders;
  }

  set rawHeaders(headers: readonly string[]) {
    this.#rawHeaders = headers;
  }

  get client(): Endpoint {
    return this.#of.client;
  }

  get local(): Endpoint {
    return this.#of.local;
  }

  get upgrade(): string | undefined {
    return this.#of.upgrade;
  }

  get record(): ExchangeRecord {
    return this.#of.record;
  }

  get certificate(): PeerCertificate | undefined {
    return this.#of.certificate;
  }

  get tls(): ConnectionTls | undefined {
    return this.#of.tls;
  }

  get witness(): Witness | undefined {
    return this.#of.witness;
  }

  #set([name, value]: readonly [string, string]): void {
    const kept: string[] = [];
    const { rawHeaders } = this.#of;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const each = rawHeaders[at] as string;
      if (each.toLowerCase() !== name) kept.push(each, rawHeaders[at + 1] as string);
    }
    this.#rawHeaders = [...kept, name, value];
    this.#headers = { ...this.#of.headers, [name]: value };
  }
}
