/** A gateway reduced to its HTTP data path: one port, one backend, no configuration. For tests of proxying. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  request,
  type Server,
} from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import { afterEach } from 'node:test';
import { host } from '../../src/backends/host/index.ts';
import type { BackendDefinition, BackendDeps } from '../../src/core/backend.ts';
import { type LimitSettings, STANDARD_LIMITS } from '../../src/core/limits.ts';
import { NOTHING_OUTGOING } from '../../src/core/outgoing.ts';
import type { PolicySet } from '../../src/core/policy.ts';
import { silentLog, systemClock } from '../../src/core/ports.ts';
import { type Closable, Scope, SharedPool } from '../../src/core/scope.ts';
import { type ExchangeRecord, NO_SIGNALS } from '../../src/core/signals.ts';
import { Acceptor } from '../../src/listen/acceptor.ts';
import type { Limits } from '../../src/listen/limits.ts';

export interface TestProxy {
  readonly port: number;
  readonly acceptor: Acceptor;
  /** Records of ended exchanges, oldest first. */
  readonly records: readonly ExchangeRecord[];
  /** Resolves when `count` exchanges have ended. */
  ended(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** Settings of the backend. */
  readonly upstream: unknown;
  /** Default: `host`. */
  readonly definition?: BackendDefinition;
  /** Over the standard ones. */
  readonly settings?: Partial<LimitSettings>;
  readonly policies?: PolicySet;
  readonly limits?: Partial<Limits>;
}

async function startProxy(options: ProxyOptions): Promise<TestProxy> {
  const { upstream, definition = host, settings, policies = {}, limits = {} } = options;
  const scope = new Scope();
  const pool = new SharedPool<Closable>();
  const records: ExchangeRecord[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const ports = {
    clock: systemClock,
    log: silentLog,
    env: {},
    random: (bytes: number) => Buffer.alloc(bytes),
    signals: {
      ...NO_SIGNALS,
      exchangeEnded(record: ExchangeRecord) {
        records.push(record);
        for (const each of waiting) if (records.length >= each.count) each.resolve();
      },
    },
  };
  const deps = {
    ports,
    scope,
    current: scope,
    policies,
    key: 'test',
    way: () => 'test',
    label: 'test',
    hostnames: [],
    settings: { limits: { ...STANDARD_LIMITS, ...settings } },
    outgoing: () => NOTHING_OUTGOING,
    lasting: {
      hold<T extends Closable>(owner: Scope, key: string, make: () => T): T {
        const { value, release } = pool.acquire(key, make);
        owner.defer(release);
        return value as T;
      },
    },
  } as unknown as BackendDeps;
  const backend = definition.build(definition.schema.parse(upstream), deps);
  const acceptor = new Acceptor({ port: 0, address: undefined, ports, limits, handle: backend.handle });
  const { port } = await acceptor.listen();
  return {
    port,
    acceptor,
    records,
    ended: (count) =>
      new Promise((resolve) => {
        if (records.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    close: async () => {
      await acceptor.close();
      await scope.close();
    },
  };
}

/** Listens on a free port of 127.0.0.1. */
export function listening(server: Server | NetServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

export function closing(server: Server | NetServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: string;
}

/** One request to 127.0.0.1, read to its end. */
export function get(port: number, options: RequestOptions & { body?: string | Buffer } = {}): Promise<Got> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, agent: false, ...rest }, (reply) => {
      collect(reply).then((text) => {
        const { statusCode = 0, headers, trailers } = reply;
        resolve({ status: statusCode, headers, trailers, body: text.toString() });
      }, reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What one test file opens; closed after each test, newest first. */
export class Stage {
  readonly #opened: (() => Promise<unknown> | undefined)[] = [];

  constructor() {
    afterEach(async () => {
      for (const close of this.#opened.splice(0).reverse()) await close();
    });
  }

  own(close: () => Promise<unknown> | undefined): void {
    this.#opened.push(close);
  }

  async server(handler?: RequestListener): Promise<{ server: Server; port: number }> {
    const server = createServer(handler);
    const port = await listening(server);
    this.own(() => closing(server));
    return { server, port };
  }

  async proxyTo(upstream: unknown, options: Omit<ProxyOptions, 'upstream'> = {}): Promise<TestProxy> {
    const proxy = await startProxy({ upstream, ...options });
    this.own(() => proxy.close());
    return proxy;
  }

  async proxied(handler: RequestListener): Promise<TestProxy> {
    const { port } = await this.server(handler);
    return this.proxyTo(`127.0.0.1:${port}`);
  }

  /** A proxy in front of nothing. */
  async proxyToNowhere(): Promise<TestProxy & { upstreamPort: number }> {
    const { server, port } = await this.server();
    await closing(server);
    return { ...(await this.proxyTo(`127.0.0.1:${port}`)), upstreamPort: port };
  }

  /** Port of a TCP server that says what it likes once somebody has spoken. */
  async rawUpstream(answer: (socket: Socket) => void): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    const port = await listening(server);
    this.own(() => {
      for (const socket of sockets) socket.destroy();
      return closing(server);
    });
    return port;
  }
}

/** Sends bytes as they are, by default with nothing to follow, and returns everything that comes back. */
export async function raw(port: number, bytes: string, more: 'end' | 'open' = 'end'): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  if (more === 'end') socket.end();
  return (await collect(socket)).toString('latin1');
}

/** A promise and what fulfils it. */
export function signal<T = void>(): { fired: Promise<T>; fire: (value: T) => void } {
  let fire: (value: T) => void = () => {};
  const fired = new Promise<T>((resolve) => {
    fire = resolve;
  });
  return { fired, fire };
}
