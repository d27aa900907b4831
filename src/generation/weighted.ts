/**
 * Balances exchanges over the backends of a route by weight. Smooth weighted round robin: exact shares without
 * randomness and without bursts. A session stays where it began; anything new avoids backends that are evicted, and a
 * further try those that have failed the exchange.
 */
import type { Backend } from '../core/backend.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { BackendHealth } from '../core/resilience.ts';
import type { Service } from '../core/service.ts';

export interface WeightedBackend extends Weighted {
  readonly backend: Backend;
  /** The backend behind its own layers. */
  readonly service: Service<Exchange, Answer>;
}

export function weighted(backends: readonly WeightedBackend[]): Service<Exchange, Answer> {
  const [only] = backends;
  if (!only) return () => Promise.reject(new GatewayError('NO_BACKEND', 'the route has no backend'));
  if (backends.length === 1) return (exchange) => serve(only, exchange);
  const next = roundRobin(backends);
  return (exchange) => {
    const chosen = backends.find(({ backend }) => backend.owns?.(exchange)) ?? next(exchange.tried);
    if (!chosen)
      return Promise.reject(new GatewayError('NO_BACKEND', 'every backend of the route has weight 0'));
    return serve(chosen, exchange);
  };
}

function serve(chosen: WeightedBackend, exchange: Exchange): Promise<Answer> {
  exchange.record.backend = chosen.key;
  return chosen.service(exchange);
}

/** What takes turns. */
interface Weighted {
  readonly key: string;
  readonly weight: number;
  readonly health?: BackendHealth | undefined;
}

interface Turn<T> {
  readonly each: T;
  current: number;
}

type Tried = ReadonlySet<string> | undefined;

/** Of those in `tried` one comes only where there is no other. */
export function roundRobin<T extends Weighted>(backends: readonly T[]): (tried: Tried) => T | undefined {
  const turns: readonly Turn<T>[] = backends
    .filter(({ weight }) => weight > 0)
    .map((each) => ({ each, current: 0 }));
  const watched = turns.some(({ each }) => each.health);
  return (tried) => turnOf(tried || watched ? fit(turns, tried) : turns)?.each;
}

/** Who does not take part neither gains nor loses: coming back is no reason for a burst. */
function turnOf<T extends Weighted>(turns: readonly Turn<T>[]): Turn<T> | undefined {
  let best: Turn<T> | undefined;
  let total = 0;
  for (const turn of turns) {
    turn.current += turn.each.weight;
    total += turn.each.weight;
    if (!best || turn.current > best.current) best = turn;
  }
  if (best) best.current -= total;
  return best;
}

/**
 * Healthy ones that have not been tried, else healthy ones. Where none is healthy all are used, as if nobody had been
 * evicted: some of them may still answer, and refusing everything would make one bad minute an outage.
 */
function fit<T extends Weighted>(turns: readonly Turn<T>[], tried: Tried): readonly Turn<T>[] {
  const healthy = turns.filter(({ each }) => !each.health?.evicted);
  const usable = healthy.length > 0 ? healthy : turns;
  if (!tried) return usable;
  const fresh = usable.filter(({ each }) => !tried.has(each.key));
  return fresh.length > 0 ? fresh : usable;
}
