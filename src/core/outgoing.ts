/**
 * What requests to an upstream carry beside what the client sent: headers made of the request, and credentials that the
 * gateway has or gets itself. Made by policies, used by whoever connects. Nothing of a client's own reaches an MCP
 * server unless one of these says so.
 */
import type { Readable } from 'node:stream';
import type { Cancel } from '../lib/cancel.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/** Headers made of the request: a credential that is passed on, values by expression. */
export interface HeaderMapping {
  /** The same for mappings that make alike: what they were made from. */
  readonly key: string;
  /** What it sets or takes away, in lower case: those of the client do not travel. */
  readonly names: readonly string[];
  /**
   * Flat list, names in lower case. Throws FORBIDDEN where the request lacks what the headers are made of. `target`: for
   * which of several upstreams, for the log.
   */
  map(exchange: Exchange, target?: string): readonly string[];
}

/** Credentials of the gateway for one upstream, or those it keeps there for each client. */
export interface UpstreamCredentials {
  /** The same for credentials that are alike: what they were made from, without the secrets. */
  readonly key: string;
  /** Those of each principal differ: there are none for the gateway's own connection. */
  readonly personal: boolean;
  /** People get them by logging in: see LoginNeeded. */
  readonly interactive?: boolean;
  /** Headers they stand in, in lower case: those of the client do not travel. */
  readonly names: readonly string[];
  /** They stand elsewhere: then names, here and in what they are, are those of query parameters or cookies. */
  readonly place?: 'query' | 'cookie' | undefined;
  /** What is at hand (flat list); undefined: it has to be fetched first. */
  ready(owner: CredentialOwner): readonly string[] | undefined;
  /**
   * One fetch at a time, whoever waits. Rejects with CREDENTIALS_UNAVAILABLE, for personal ones with LoginNeeded
   * where the client has to log in first.
   */
  fetch(owner: CredentialOwner, cancel: Cancel): Promise<readonly string[]>;
  /** The upstream answered 401 to these. True: `fetch` may now come by better ones; they are not given again. */
  refused(owner: CredentialOwner, headers: readonly string[]): boolean;
  /**
   * The upstream answered 403 with these headers (flat list): the login that gives the rights it wants. undefined: none
   * would.
   */
  stepUp?(
    owner: CredentialOwner,
    answer: readonly string[],
    cancel: Cancel,
  ): Promise<LoginNeeded | undefined>;
}

/** For whom a request is sent: a principal, or undefined for the gateway itself. */
export type CredentialOwner = string | undefined;

/** A login that the client has to go through at the upstream, in a browser, before a request can be sent. */
export interface Login {
  /** Where it begins: a page of the gateway. A path, where only the request tells what the gateway is called. */
  readonly url: string;
  /** The same for a client that reaches the gateway at `origin`. Throws where no login can go through there. */
  at?(origin: string): Login;
  /** Names this login among others of the same client. */
  readonly id: string;
  /** For people: why. */
  readonly message: string;
  /** Resolves when the login is over and there are credentials; rejects when it failed, was refused or ran out of time. */
  done(cancel: Cancel): Promise<void>;
}

export class LoginNeeded extends GatewayError {
  readonly login: Login;

  constructor(login: Login) {
    const { url, id, message } = login;
    // What clients of 2025-11-25 that know -32042 (URLElicitationRequired) open for their user.
    const elicitations = [{ mode: 'url', elicitationId: id, url, message }];
    super('LOGIN_NEEDED', `${message}: ${url}`, { data: { elicitations } });
    this.name = 'LoginNeeded';
    this.login = login;
  }

  /** For a client that reaches the gateway at `origin`; undefined: over standard input and output. */
  at(origin: string | undefined): LoginNeeded {
    const { login } = this;
    if (origin === undefined) {
      const remedy = 'connect over HTTP: the gateway has no pages over standard input and output';
      throw new GatewayError('CREDENTIALS_UNAVAILABLE', `${login.message}: ${remedy}`);
    }
    return login.at && login.url.startsWith('/') ? new LoginNeeded(login.at(origin)) : this;
  }
}

/** A request as it goes upstream, credentials of the gateway aside. */
export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat list, without those of one connection. */
  readonly headers: readonly string[];
  readonly body: Readable | Buffer | undefined;
}

/** Gets copies of requests. Neither waits nor fails: what it cannot keep up with it leaves out. */
export interface Mirror {
  /** Before the request is sent: a body that streams is copied as its reader takes it. */
  copy(request: OutgoingRequest): void;
}

export interface Outgoing {
  readonly mapping: HeaderMapping | undefined;
  readonly credentials: UpstreamCredentials | undefined;
  readonly mirror?: Mirror | undefined;
}

export const NOTHING_OUTGOING: Outgoing = { mapping: undefined, credentials: undefined };

/** All of them together; a later one wins where two set the same header. */
export function allMappings(mappings: readonly HeaderMapping[]): HeaderMapping | undefined {
  const [first] = mappings;
  if (!first || mappings.length === 1) return first;
  return {
    key: mappings.map(({ key }) => key).join('\n'),
    names: [...new Set(mappings.flatMap(({ names }) => names))],
    map: (exchange, target) =>
      mappings.reduce<readonly string[]>(
        (headers, mapping) => [...withoutHeaders(headers, mapping.names), ...mapping.map(exchange, target)],
        [],
      ),
  };
}

/**
 * Flat list. `names` in lower case; what is spelled with underscores instead goes as well, because to servers that read
 * headers as variables (CGI, WSGI, PHP) it is the same name.
 */
export function withoutHeaders(headers: readonly string[], names: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string;
    const lower = name.toLowerCase();
    if (!names.includes(lower) && !names.includes(lower.replaceAll('_', '-')))
      kept.push(name, headers[at + 1] as string);
  }
  return kept.length === headers.length ? headers : kept;
}
