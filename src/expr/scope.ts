/** The scope of an HTTP request: what rules read of an Exchange. Nothing is computed before an expression comes to it. */
import type { Exchange } from '../core/exchange.ts';
import { comesTo, type Expression, type Scope } from './expression.ts';
import { HeaderView } from './header-view.ts';
import { LazyRecord } from './lazy-record.ts';
import { PLACES } from './places.ts';
import { Secret } from './secret.ts';

/** What an Exchange does not carry itself. */
export interface ScopeExtras {
  /** Read before, where an expression comes to `request.body`. */
  readonly body?: Uint8Array | undefined;
  readonly rawToken?: Secret | undefined;
  readonly apiKey?: Secret | undefined;
  /** The reply, at the response altitude. */
  readonly response?: {
    readonly status: number;
    readonly headers: readonly string[];
    readonly body?: Uint8Array;
  };
  /** As the `mcp` variable declares it. */
  readonly mcp?: object | undefined;
}

/** One per request: expressions of several policies share what it made. */
export function exchangeScope(exchange: Exchange, extras: ScopeExtras = {}): Scope {
  return new ExchangeScope(exchange, extras) as unknown as Scope;
}

/** Proofs of the client that rules may compare, as secrets. Only where a rule comes to them: see `asksForSecrets`. */
export function secretsOf({ credentials }: Exchange): ScopeExtras {
  const of = (wanted: string): Secret | undefined => {
    const found = credentials?.find(({ kind }) => kind === wanted);
    return found && new Secret(found.value);
  };
  return { rawToken: of('jwt'), apiKey: of('apiKey') };
}

export function asksForSecrets(expression: Expression): boolean {
  return comesTo(expression, 'jwt.rawToken') || comesTo(expression, 'apiKey.key');
}

class ExchangeScope {
  readonly #exchange: Exchange;
  readonly #extras: ScopeExtras;
  #request: LazyRecord | undefined;
  #source: LazyRecord | undefined;
  #headers: HeaderView | undefined;
  #jwt: object | undefined;

  constructor(exchange: Exchange, extras: ScopeExtras) {
    this.#exchange = exchange;
    this.#extras = extras;
  }

  get request(): LazyRecord {
    this.#request ??= new LazyRecord(FIELDS.request, (name) => this.#requestField(name));
    return this.#request;
  }

  get source(): LazyRecord {
    this.#source ??= new LazyRecord(FIELDS.source, (name) => this.#sourceField(name));
    return this.#source;
  }

  get jwt(): object | undefined {
    const claims = this.#exchange.identity?.jwt;
    const { rawToken } = this.#extras;
    if (!claims || !rawToken) return claims;
    this.#jwt ??= { ...claims, rawToken };
    return this.#jwt;
  }

  get apiKey(): object | undefined {
    const metadata = this.#exchange.identity?.apiKey?.metadata;
    const key = this.#extras.apiKey;
    return metadata && key ? { ...metadata, key } : metadata;
  }

  get basicAuth(): object | undefined {
    return this.#exchange.identity?.basicAuth;
  }

  get mcp(): object | undefined {
    return this.#extras.mcp;
  }

  get a2a(): LazyRecord | undefined {
    const { a2a } = this.#exchange.record;
    return a2a && new LazyRecord(FIELDS.a2a, (name) => a2a[name as keyof typeof a2a] ?? null);
  }

  get response(): LazyRecord | undefined {
    const { response } = this.#extras;
    if (!response) return undefined;
    return new LazyRecord(FIELDS.response, (name) => {
      if (name === 'code') return response.status;
      return name === 'headers' ? new HeaderView(response.headers) : response.body;
    });
  }

  #requestField(name: string): unknown {
    const exchange = this.#exchange;
    switch (name) {
      case 'method':
      case 'path':
      case 'scheme':
        return exchange[name];
      case 'uri':
        return `${exchange.scheme}://${exchange.authority}${exchange.url}`;
      case 'host':
        return exchange.authority;
      case 'pathAndQuery':
        return exchange.url;
      case 'version':
        return exchange.httpVersion === '2.0' ? 'HTTP/2' : `HTTP/${exchange.httpVersion}`;
      case 'headers':
        this.#headers ??= new HeaderView(exchange.rawHeaders);
        return this.#headers;
      case 'body':
        return this.#extras.body;
      case 'startTime':
        return new Date(exchange.record.startedAt);
      default:
        return undefined;
    }
  }

  #sourceField(name: string): unknown {
    const { client, certificate } = this.#exchange;
    if (name === 'address' || name === 'port') return client[name];
    return certificate?.[name as keyof typeof certificate];
  }
}

const FIELDS = {
  request: declared(PLACES.http.roots.request?.fields),
  source: declared(PLACES.http.roots.source?.fields),
  a2a: declared(PLACES.http.roots.a2a?.fields),
  response: declared(PLACES.response.roots.response.fields),
};

function declared(fields: Readonly<Record<string, { readonly later?: true }>> | undefined): string[] {
  return Object.entries(fields ?? {}).flatMap(([name, { later }]) => (later ? [] : [name]));
}
