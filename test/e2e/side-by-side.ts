/** The gateway and nginx before the same recording upstream: one request through each, and in what they differ. */
import { connect } from 'node:net';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { type Http1Message, readMessage, statusOf } from '../fixtures/http1-message.ts';
import { type NginxHttp, type NginxProcess, startNginx } from '../fixtures/nginx.ts';
import { type Answer, RecordingUpstream } from '../fixtures/recording-upstream.ts';

export interface Case {
  readonly name: string;
  /** The request, byte for byte. */
  readonly request: string;
  /** What the upstream answers; default: 200 with a body of known length. */
  readonly answer?: Answer | string;
}

/** What came of one request. */
export interface Outcome {
  /** Informational replies before the reply. */
  readonly interim: readonly number[];
  /** undefined: the connection was closed without one, or in the middle of it. */
  readonly reply: Http1Message | undefined;
  readonly reached: readonly Http1Message[];
}

export interface Difference {
  readonly case: string;
  /** `request.*`: what the upstream got; `reply.*`: what the client got. */
  readonly field: string;
  readonly ours: string;
  readonly nginx: string;
}

const PATIENCE_MS = 10_000;

export class SideBySide {
  readonly upstream: RecordingUpstream;
  readonly gateway: GatewayProcess;
  readonly nginx: NginxProcess;

  private constructor(parts: Pick<SideBySide, 'upstream' | 'gateway' | 'nginx'>) {
    this.upstream = parts.upstream;
    this.gateway = parts.gateway;
    this.nginx = parts.nginx;
  }

  static async open(): Promise<SideBySide> {
    const upstream = await RecordingUpstream.open();
    const host = `127.0.0.1:${upstream.port}`;
    const nginx = await startNginx(reverseProxy(host));
    const gateway = await startGateway(`binds:
  - port: 3000
    listeners: [{ routes: [{ backends: [{ host: "${host}" }] }] }]
`);
    return new SideBySide({ upstream, gateway, nginx });
  }

  async close(): Promise<void> {
    await this.gateway.stop();
    await this.nginx.stop();
    await this.upstream.close();
  }

  async differences(one: Case): Promise<Difference[]> {
    const { ours, nginx } = await this.outcomes(one);
    return compare(one.name, ours, nginx);
  }

  async outcomes({ request, answer }: Case): Promise<{ ours: Outcome; nginx: Outcome }> {
    this.upstream.answerWith(answer);
    const ours = await this.#send(Number(new URL(this.gateway.url).port), request);
    return { ours, nginx: await this.#send(this.nginx.port, request) };
  }

  async #send(port: number, request: string): Promise<Outcome> {
    this.upstream.take();
    const { interim, reply } = await ask(port, request);
    return { interim, reply, reached: this.upstream.take().requests };
  }
}

/** nginx with what a plain reverse proxy says in its configuration. */
const reverseProxy =
  (upstream: string): NginxHttp =>
  ({ port }) =>
    `
    client_max_body_size 0;
    server {
      listen 127.0.0.1:${port};
      location / {
        proxy_pass http://${upstream};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
      }
    }`;

/** One request on a connection of its own, which stays open until the reply is whole. */
function ask(port: number, request: string): Promise<Pick<Outcome, 'interim' | 'reply'>> {
  const answers = request.slice(0, request.indexOf(' '));
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    const interim: number[] = [];
    let received = '';
    const settle = (reply: Http1Message | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ interim, reply });
    };
    const look = (ended: boolean): void => {
      if (received.length >= 5 && !received.startsWith('HTTP/')) return settle(undefined);
      for (;;) {
        const read = readMessage(received, { answers, ended });
        if (!read) break;
        const status = statusOf(read.message);
        if (status >= 200 || status === 101) return settle(read.message);
        interim.push(status);
        received = received.slice(read.size);
      }
      if (ended) settle(undefined);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`port ${port} does not answer ${JSON.stringify(request)}; came: ${received}`));
    }, PATIENCE_MS);
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
      look(false);
    });
    socket.on('error', () => undefined).on('close', () => look(true));
  });
}

function compare(name: string, ours: Outcome, nginx: Outcome): Difference[] {
  const found: Difference[] = [];
  const differ = (field: string, one: unknown, other: unknown): void => {
    if (String(one) !== String(other))
      found.push({ case: name, field, ours: String(one), nginx: String(other) });
  };
  differ('reached', ours.reached.length, nginx.reached.length);
  differ('reply.status', ours.reply && statusOf(ours.reply), nginx.reply && statusOf(nginx.reply));
  if (found.length > 0) return found;
  differ('reply.interim', ours.interim, nginx.interim);
  ours.reached.forEach((one, at) => {
    found.push(...compareMessages(name, 'request', one, nginx.reached[at] as Http1Message));
  });
  // Not what either says in its own words.
  if (ours.reached.length > 0 && ours.reply && nginx.reply && statusOf(ours.reply) !== 502)
    found.push(...compareMessages(name, 'reply', ours.reply, nginx.reply));
  return found;
}

function compareMessages(name: string, side: string, ours: Http1Message, nginx: Http1Message): Difference[] {
  const found: Difference[] = [];
  const differ = (field: string, one: string, other: string): void => {
    if (one !== other) found.push({ case: name, field: `${side}.${field}`, ours: one, nginx: other });
  };
  differ('first', ours.first, nginx.first);
  differ('framing', ours.framing, nginx.framing);
  differ('body', ours.body, nginx.body);
  differ('trailers', JSON.stringify(ours.trailers), JSON.stringify(nginx.trailers));
  const [mine, theirs] = [byName(ours.headers), byName(nginx.headers)];
  for (const header of new Set([...mine.keys(), ...theirs.keys()]))
    differ(`header ${header}`, mine.get(header) ?? '-', theirs.get(header) ?? '-');
  return found;
}

/** Values in their order; how a name is spelled means nothing (RFC 9110 section 5.1). */
function byName(headers: Http1Message['headers']): Map<string, string> {
  const result = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    result.set(lower, result.has(lower) ? `${result.get(lower)} | ${value}` : value);
  }
  return result;
}
