/** A request that nobody sent: what a question stands for, as the layers and backends of a gateway take it. */
import { GatewayError } from '../core/errors.ts';
import type { Exchange, RequestBody } from '../core/exchange.ts';
import type { Credential, Identity, PeerCertificate } from '../core/identity.ts';
import type { Ports } from '../core/ports.ts';
import { type ExchangeRecord, newExchangeRecord } from '../core/signals.ts';
import type { Witness } from '../core/witness.ts';
import { Cancel } from '../lib/cancel.ts';
import type { Question } from './question.ts';
import type { Way } from './way.ts';

export interface AskedExchangeOptions {
  readonly way: Way;
  readonly question: Question;
  readonly method: string;
  readonly witness: Witness;
  readonly ports: Pick<Ports, 'clock'>;
}

export class AskedExchange implements Exchange {
  readonly id = 'explain';
  readonly method: string;
  readonly path: string;
  url: string;
  query: string;
  readonly authority: string;
  readonly scheme: Exchange['scheme'];
  readonly httpVersion = '1.1';
  readonly headers: Record<string, string | string[] | undefined> = {};
  rawHeaders: readonly string[] = [];
  readonly body: RequestBody;
  readonly client: Exchange['client'];
  readonly local: Exchange['local'];
  readonly cancel = new Cancel();
  readonly upgrade = undefined;
  readonly record: ExchangeRecord;
  readonly certificate: PeerCertificate | undefined;
  readonly witness: Witness;
  principal?: string;
  identity?: Identity;
  credentials?: Credential[];
  serves: Exchange['serves'] = () => false;
  #content: Buffer = Buffer.alloc(0);

  constructor({ way, question, method, witness, ports }: AskedExchangeOptions) {
    const { request, client } = question;
    const mark = way.url.indexOf('?');
    this.method = method;
    this.url = way.url;
    this.path = mark < 0 ? way.url : way.url.slice(0, mark);
    this.query = mark < 0 ? '' : way.url.slice(mark + 1);
    this.authority = way.authority;
    this.scheme = way.scheme;
    this.client = { address: request.address ?? '127.0.0.1', port: 0 };
    this.local = { address: '127.0.0.1', port: way.port ?? 0 };
    this.certificate = client.certificate;
    this.witness = witness;
    this.body = this.#body();
    const { path, authority: host } = this;
    const startedAt = ports.clock.now();
    const { address } = this.client;
    this.record = newExchangeRecord({ startedAt, method, path, host, client: address });
    this.add('host', way.authority);
    for (const [name, value] of way.headers) this.add(name, value);
    if (!client.certificate) return;
    this.principal = `tls:${client.certificate.fingerprint}`;
    this.identity = { principal: this.principal };
  }

  has(header: string): boolean {
    return this.headers[header.toLowerCase()] !== undefined;
  }

  add(header: string, value: string): void {
    const name = header.toLowerCase();
    const before = this.headers[name];
    this.rawHeaders = [...this.rawHeaders, header, value];
    this.headers[name] =
      before === undefined ? value : `${String(before)}${name === 'cookie' ? ';' : ','} ${value}`;
  }

  /** A header that the gateway's own clients send, where the question does not say otherwise. */
  offer(header: string, value: string): void {
    if (!this.has(header)) this.add(header, value);
  }

  addQuery(name: string, value: string): void {
    const pair = new URLSearchParams([[name, value]]).toString();
    this.query = this.query === '' ? pair : `${this.query}&${pair}`;
    this.url = `${this.path}?${this.query}`;
  }

  send(content: Buffer): void {
    this.#content = content;
  }

  #body(): RequestBody {
    const content = (): Buffer => this.#content;
    return {
      get length() {
        return content().length;
      },
      read: async (limit) => {
        if (content().length > limit)
          throw new GatewayError('BODY_TOO_LARGE', `the message is longer than ${limit} bytes`);
        return content();
      },
      stream: () => {
        throw new GatewayError('INTERNAL', 'what asks for an explanation is not streamed');
      },
    };
  }
}
