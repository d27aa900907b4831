/** A real gateway with policies at its routes, and upstreams that note what they are asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { closing, collect, type Got, get, listening } from './http-harness.ts';

/** Closed after the file, newest first. */
export const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

export interface Seen {
  readonly method: string | undefined;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Upstream {
  readonly port: number;
  readonly seen: Seen[];
  /** Resolves when `count` requests have been read whole. */
  whole(count: number): Promise<readonly Seen[]>;
}

export type Deed = (response: ServerResponse, seen: Seen) => void;

export async function upstream(deed: Deed = (response) => void response.end('ok')): Promise<Upstream> {
  const seen: Seen[] = [];
  const waiting: { readonly count: number; readonly fire: () => void }[] = [];
  const server = createServer(async (incoming, response) => {
    response.on('error', () => {});
    const { method, url = '', headers } = incoming;
    const body = await collect(incoming).catch(() => undefined);
    if (!body) return;
    const each = { method, url, headers, body: body.toString() };
    seen.push(each);
    for (const { count, fire } of waiting) if (seen.length >= count) fire();
    deed(response, each);
  });
  const port = await listening(server);
  opened.push(() => closing(server));
  return {
    port,
    seen,
    async whole(count) {
      if (seen.length < count) await new Promise<void>((resolve) => waiting.push({ count, fire: resolve }));
      return seen;
    },
  };
}

export interface Route {
  readonly policies: object;
  readonly to?: Pick<Upstream, 'port'>;
  readonly backend?: object;
  readonly match?: object;
}

export interface Running {
  readonly gateway: GatewayProcess;
  readonly port: number;
  get(path: string, options?: Parameters<typeof get>[1]): Promise<Got>;
}

/** Each route under the path that is its key. */
export async function gatewayTo(routes: Readonly<Record<string, Route>>): Promise<Running> {
  const built = Object.entries(routes).map(([path, { policies, to, backend = {}, match }]) => ({
    matches: [match ?? { path: { pathPrefix: path } }],
    policies,
    backends: to ? [{ host: `127.0.0.1:${to.port}`, policies: backend }] : [],
  }));
  const gateway = await startGateway(
    `binds:\n- port: 3000\n  listeners: ${JSON.stringify([{ routes: built }])}\n`,
  );
  opened.push(() => gateway.stop());
  const port = Number(new URL(gateway.url).port);
  return { gateway, port, get: (path, options) => get(port, { path, ...options }) };
}

export const codeOf = ({ body }: Got): unknown =>
  (JSON.parse(body) as { error?: { code?: string } }).error?.code;
