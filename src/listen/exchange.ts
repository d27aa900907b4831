/**
 * The Exchange of an accepted request, for every HTTP version. What few requests need (headers as an object, cancel,
 * addresses) is made when asked for. It ends once: when the reply is written or the client is gone.
 */
import type { Socket } from 'node:net';
import type { Addresses } from '../core/connection.ts';
import { GatewayError } from '../core/errors.ts';
import type { ConnectionTls, Endpoint, Exchange, RequestBody } from '../core/exchange.ts';
import type { Credential, Identity, PeerCertificate } from '../core/identity.ts';
import type { Ports } from '../core/ports.ts';
import { type ExchangeRecord, newExchangeRecord } from '../core/signals.ts';
import { Cancel } from '../lib/cancel.ts';
import { traceIdOf } from '../lib/trace-context.ts';
import { addressesOf } from './addresses.ts';
import { tlsOf } from './secured.ts';

/** What node's request objects offer; read lazily, because node builds `headers` on first access. */
export interface IncomingHead {
  readonly headers: Exchange['headers'];
  readonly rawHeaders: readonly string[];
}

export interface Arrival {
  readonly method: string;
  readonly target: Target;
  readonly httpVersion: Exchange['httpVersion'];
  readonly head: IncomingHead;
  readonly body: RequestBody;
  readonly socket: Socket;
  readonly upgrade: string | undefined;
}

export interface Target {
  /** Origin-form: path and query. */
  readonly url: string;
  /** Without a user. */
  readonly authority: string;
  /** There was one. */
  readonly hasUser: boolean;
  /** What absolute-form began with. */
  readonly absolute?: 'http' | 'https';
}

let count = 0;

export class AcceptedExchange implements Exchange {
  readonly #arrival: Arrival;
  readonly #addresses: Addresses;
  readonly #ports: Pick<Ports, 'clock' | 'signals'>;
  readonly #begun: number;
  readonly #number: number;
  #cancel: Cancel | undefined;
  #rawHeaders: readonly string[] | undefined;
  #ended = false;
  readonly method: string;
  url: string;
  readonly path: string;
  query: string;
  readonly authority: string;
  readonly hasUser: boolean;
  readonly absolute: Exchange['absolute'];
  readonly tls: ConnectionTls | undefined;
  readonly httpVersion: Exchange['httpVersion'];
  readonly body: RequestBody;
  readonly upgrade: string | undefined;
  readonly record: ExchangeRecord;
  principal?: string;
  identity?: Identity;
  credentials?: Credential[];
  serves: Exchange['serves'] = servesNothing;

  constructor(arrival: Arrival, ports: Pick<Ports, 'clock' | 'signals'>) {
    const { method, target, socket } = arrival;
    const { traceparent } = arrival.head.headers;
    const mark = target.url.indexOf('?');
    this.#arrival = arrival;
    this.#addresses = addressesOf(socket);
    this.#ports = ports;
    this.#begun = ports.clock.monotonic();
    this.#number = ++count;
    this.method = method;
    this.url = target.url;
    this.path = mark < 0 ? target.url : target.url.slice(0, mark);
    this.query = mark < 0 ? '' : target.url.slice(mark + 1);
    this.authority = target.authority;
    this.hasUser = target.hasUser;
    this.absolute = target.absolute;
    this.httpVersion = arrival.httpVersion;
    this.body = arrival.body;
    this.upgrade = arrival.upgrade;
    this.tls = tlsOf(socket);
    if (this.tls?.identity) {
      this.identity = this.tls.identity;
      this.principal = this.identity.principal;
    }
    this.record = newExchangeRecord({
      startedAt: ports.clock.now(),
      method,
      path: this.path,
      host: target.authority,
      client: this.#addresses.client.address,
    });
    this.record.user = this.principal;
    this.record.traceId = traceIdOf(typeof traceparent === 'string' ? traceparent : undefined);
  }

  get id(): string {
    return this.#number.toString(36);
  }

  get scheme(): Exchange['scheme'] {
    return this.tls ? 'https' : 'http';
  }

  get certificate(): PeerCertificate | undefined {
    return this.tls?.certificate;
  }

  get headers(): Exchange['headers'] {
    return this.#arrival.head.headers;
  }

  get rawHeaders(): readonly string[] {
    return this.#rawHeaders ?? this.#arrival.head.rawHeaders;
  }

  set rawHeaders(headers: readonly string[]) {
    this.#rawHeaders = headers;
  }

  get client(): Endpoint {
    return this.#addresses.client;
  }

  get local(): Endpoint {
    return this.#addresses.local;
  }

  get destination(): Endpoint | undefined {
    return this.#addresses.destination;
  }

  get cancel(): Cancel {
    this.#cancel ??= new Cancel();
    return this.#cancel;
  }

  get over(): boolean {
    return this.#ended;
  }

  /** The reply is an event stream: that the client leaves is how it ends. */
  endless = false;

  /** `complete`: the whole reply went out. Otherwise the client is gone, and whoever works for it learns so. */
  end(complete: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const { record } = this;
    if (!complete) {
      const gone = new GatewayError('CANCELLED', 'the client went away');
      if (record.status === 0) record.status = gone.http;
      if (!this.endless) record.reason ??= gone.code;
      this.cancel.cancel(gone);
    }
    record.ms = this.#ports.clock.monotonic() - this.#begun;
    this.#ports.signals.exchangeEnded(record);
  }
}

function servesNothing(): boolean {
  return false;
}
