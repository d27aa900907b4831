/** Legs for plain HTTP, each with an upstream of its own: no proxy, the floor, the gateway. */
import { startGateway } from '../test/fixtures/gateway.ts';
import type { Leg, Variant } from './legs.ts';
import { announcedPort, here, node, orStop, stopAll } from './processes.ts';
import { measuredCore, otherCores } from './sample.ts';

export interface PlainUpstream {
  readonly url: string;
  readonly port: number;
}

interface InFront {
  readonly url: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** `start`: what is measured, in front of the upstream. */
export function before(name: string, start: (upstream: PlainUpstream) => Promise<InFront>): Leg {
  return {
    name,
    fits: () => true,
    start: async () => {
      const upstream = node(otherCores, here('plain-upstream.js'));
      const port = await orStop([upstream], announcedPort(upstream));
      const started = start({ url: `http://127.0.0.1:${port}`, port });
      const { url, pid, stop } = await orStop([upstream], started);
      return { url, plain: true, pid, echo: () => '', stop: stopAll({ stop }, upstream) };
    },
  };
}

export const direct = before('direct', async ({ url }) => ({ url, pid: undefined, stop: async () => {} }));

export const floor = (...args: readonly string[]): Leg =>
  before('floor', async ({ port }) => {
    const started = node(measuredCore, here('floor.js'), String(port), ...args);
    const url = `http://127.0.0.1:${await orStop([started], announcedPort(started))}`;
    return { url, pid: started.pid, stop: started.stop };
  });

interface Route {
  /** What stands before its backend. */
  readonly policies?: Record<string, unknown>;
  readonly backend: (upstream: PlainUpstream) => Record<string, unknown>;
}

/** A gateway with one route; `url` is without a path. */
export const gateway = (
  { policies = {}, backend }: Route,
  { name = 'gateway', settings, nodeArgs }: Partial<Variant>,
): Leg =>
  before(name, async (upstream) => {
    const listeners = [{ routes: [{ policies, backends: [backend(upstream)] }] }];
    const { url, pid, stop } = await startGateway({
      config: `binds:\n- port: 3000\n  listeners: ${JSON.stringify(listeners)}\n`,
      prefix: measuredCore,
      settings: { logging: { level: 'warn' }, ...settings },
      ...(nodeArgs && { nodeArgs }),
    });
    return { url: new URL(url).origin, pid, stop };
  });
