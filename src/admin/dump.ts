/** The admin address: what the gateway is doing, for people. Read-only so far; everything passes through redact. */
import { Hono } from 'hono';
import { redact } from '../observe/redact.ts';
import { requireLocalHost, type Serving, serveApp } from './serve.ts';

export interface AdminSource {
  /** The plan in force, target states, session counts, version; plain data, secrets included. */
  dump(): unknown;
}

export function startAdmin(address: string, source: AdminSource): Promise<Serving> {
  return serveApp({ app: adminApp(address, source), address, name: 'admin' });
}

export function adminApp(address: string, source: AdminSource): Hono {
  const app = new Hono();
  app.use(requireLocalHost(address));
  app.get('/config_dump', (context) =>
    context.body(`${JSON.stringify(redact(source.dump()), undefined, 2)}\n`, 200, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    }),
  );
  return app;
}
