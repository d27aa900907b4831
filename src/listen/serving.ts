/** What the HTTP versions share on one port: the handler, the checks no parser makes, and the count of exchanges. */
import { GatewayError } from '../core/errors.ts';
import { type Answer, type Exchange, isTunnel, type Tunnel } from '../core/exchange.ts';
import type { Ports } from '../core/ports.ts';
import type { Service } from '../core/service.ts';
import type { AcceptedExchange } from './exchange.ts';
import type { Limits } from './limits.ts';
import { errorReply } from './respond.ts';
import { isServable } from './target.ts';
import { Uploads } from './uploads.ts';

export interface ServingOptions {
  readonly limits: Limits;
  readonly handle: Service<Exchange, Answer>;
  /** Leads a CONNECT to another port of the gateway; for ports that do nothing else. Throws GatewayError. */
  readonly enter?: (exchange: Exchange) => Tunnel;
  readonly ports: Pick<Ports, 'clock' | 'log' | 'signals'>;
}

export class Serving {
  /** Those in force: a reload may bring others. */
  limits: Limits;
  readonly ports: ServingOptions['ports'];
  readonly uploads: Uploads;
  readonly #handle: ServingOptions['handle'];
  readonly #enter: NonNullable<ServingOptions['enter']>;
  #inFlight = 0;
  /** No new connections or requests; replies say `Connection: close`. */
  draining = false;
  /** Runs after an exchange has ended, while draining. */
  onLeft: (() => void) | undefined;

  constructor(options: ServingOptions) {
    this.limits = options.limits;
    this.ports = options.ports;
    this.uploads = new Uploads(options.ports.clock, () => this.limits);
    this.#handle = options.handle;
    this.#enter = options.enter ?? noTunnel;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Never rejects: what is thrown becomes a reply. Each call is paired with one `left`. `headerBytes`: where the parser
   * has not limited them.
   */
  async answer(exchange: AcceptedExchange, headerBytes = 0): Promise<Answer> {
    this.#inFlight += 1;
    try {
      this.#check(exchange, headerBytes);
      if (tunnels(exchange, this.limits)) return this.#enter(exchange);
      const answer = await this.#handle(exchange);
      if (exchange.method === 'CONNECT') checkTunnel(answer);
      return answer;
    } catch (error) {
      return errorReply(error, exchange);
    }
  }

  left(): void {
    this.#inFlight -= 1;
    if (this.draining) this.onLeft?.();
  }

  #check(exchange: AcceptedExchange, headerBytes: number): void {
    const { limits } = this;
    const most = limits.http2HeaderBytes ?? limits.headerBytes;
    if (exchange.rawHeaders.length > limits.headerCount * 2 || headerBytes > most)
      throw headersTooLarge(limits);
    if (exchange.method === 'CONNECT') checkConnect(exchange, limits);
    else if (tunnels(exchange, limits))
      throw new GatewayError('METHOD_NOT_ALLOWED', 'this port takes CONNECT and nothing else');
    if (!isServable(exchange.method, exchange.url))
      throw new GatewayError('BAD_REQUEST', 'invalid request target');
    checkUser(exchange);
    checkHost(exchange);
    if (limits.maxInFlight !== undefined && this.#inFlight > limits.maxInFlight) {
      throw new GatewayError('OVERLOADED', 'too many requests at a time', { headers: ['retry-after', '1'] });
    }
  }
}

export function headersTooLarge({ headerBytes, headerCount }: Limits): GatewayError {
  return new GatewayError(
    'HEADERS_TOO_LARGE',
    `more than ${headerCount} headers or ${headerBytes} bytes of them`,
  );
}

/** What came through a tunnel is served like anything else on the port it came to. */
function tunnels({ destination }: AcceptedExchange, { connect }: Limits): boolean {
  return connect === 'tunnel' && destination === undefined;
}

/** Refused before anybody is asked, where the configuration does not say otherwise. */
function checkConnect(exchange: AcceptedExchange, limits: Limits): void {
  const { headers } = exchange;
  if (limits.connect !== 'route' && !tunnels(exchange, limits)) noTunnel();
  // To whom a head alone is a request (RFC 9110 section 9.3.6), these bytes would be the first of the tunnel.
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    throw new GatewayError('BAD_REQUEST', 'CONNECT has no content');
}

/** Any success opens a tunnel for the client, whoever says it. */
function checkTunnel(answer: Answer): void {
  if (isTunnel(answer) || answer.status >= 300) return;
  answer.body.cancel(new GatewayError('CANCELLED', 'it would be no body'));
  noTunnel();
}

function noTunnel(): never {
  throw new GatewayError('METHOD_NOT_ALLOWED', 'CONNECT is not served here');
}

/** Also of a Host that the target overrules: whoever is next might believe it. */
function checkUser({ hasUser, headers }: AcceptedExchange): void {
  if (hasUser || headers['host']?.includes('@'))
    throw new GatewayError('BAD_REQUEST', 'a host is named without a user');
}

function checkHost({ httpVersion, rawHeaders, headers, authority }: AcceptedExchange): void {
  if (httpVersion === '2.0') {
    // One of the two is what rules see, the other what was routed by (RFC 9113 section 8.3.1).
    const { host } = headers;
    if (host !== undefined && String(host).toLowerCase() !== authority)
      throw new GatewayError('BAD_REQUEST', 'Host is not what :authority says');
    return;
  }
  const hosts = countHosts(rawHeaders);
  if (hosts > 1) throw new GatewayError('BAD_REQUEST', 'more than one Host header');
  if (hosts === 0 && httpVersion === '1.1') throw new GatewayError('BAD_REQUEST', 'no Host header');
}

/** Node keeps the first of several; an upstream might keep the last (RFC 9112 section 3.2). */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}
