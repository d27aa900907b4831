/** What the tests of configurations from the Rust gateway stand on: a gateway with one, and somebody behind it. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { closing, type Got, get, listening } from './http-harness.ts';

export async function gatewayOf(t: TestContext, config: string): Promise<GatewayProcess & { get: Ask }> {
  const gateway = await startGateway({ config });
  t.after(() => gateway.stop());
  const port = Number(new URL(gateway.url).port);
  return { ...gateway, get: (path, headers = {}) => get(port, { path, headers }) };
}

type Ask = (path: string, headers?: Record<string, string>) => Promise<Got>;

/** An application: answers with a status by path, and notes what reached it. */
export async function application(
  t: TestContext,
): Promise<{ host: string; reached: { url: string; headers: IncomingHttpHeaders }[] }> {
  const reached: { url: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer(({ url = '', headers }, reply) => {
    reached.push({ url, headers });
    if (url.startsWith('/never')) return;
    const busy = url.startsWith('/busy') && reached.length === 1;
    reply.writeHead(busy ? 429 : 200).end('application');
  });
  const host = `127.0.0.1:${await listening(server)}`;
  t.after(() => closing(server));
  return { host, reached };
}
