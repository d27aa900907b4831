/**
 * The stats address: metrics and health, for machines that watch the gateway. On loopback it answers under local host
 * names only; error texts are shown without their secrets.
 */
import { Hono } from 'hono';
import { redactText } from '../lib/secrets.ts';
import { requireLocalHost, type Serving, serveApp } from './serve.ts';

export interface StatsSource {
  /** `detail` is plain JSON: the states of the targets. */
  ready(): { readonly ready: boolean; readonly detail: object };
  /** The Prometheus text format; without it there is no /metrics (a readiness address of its own). */
  metrics?(): Promise<string>;
}

export function startStats(address: string, source: StatsSource): Promise<Serving> {
  return serveApp({ app: statsApp(address, source), address, name: source.metrics ? 'stats' : 'readiness' });
}

/** `/healthz` says that the process answers, `/healthz/ready` that it wants traffic (else 503). */
export function statsApp(address: string, source: StatsSource): Hono {
  const app = new Hono();
  app.use(requireLocalHost(address));
  app.get('/metrics', async (context) => {
    if (!source.metrics) return context.notFound();
    return context.body(await source.metrics(), 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    });
  });
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/healthz/ready', (context) => {
    const { ready, detail } = source.ready();
    // Texts only: a target called `auth` must keep its state.
    const shown = JSON.stringify({ ready, ...detail }, (_, value) =>
      typeof value === 'string' ? redactText(value) : value,
    );
    return context.body(shown, ready ? 200 : 503, { 'content-type': 'application/json' });
  });
  return app;
}
