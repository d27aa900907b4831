/**
 * Balances exchanges over the backends of a route by weight. Smooth weighted round robin: exact shares without
 * randomness and without bursts. A session stays where it began.
 */
import type { Backend } from '../core/backend.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { Service } from '../core/service.ts';

export interface WeightedBackend {
  readonly key: string;
  readonly weight: number;
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
    const chosen = backends.find(({ backend }) => backend.owns?.(exchange)) ?? next();
    if (!chosen)
      return Promise.reject(new GatewayError('NO_BACKEND', 'every backend of the route has weight 0'));
    return serve(chosen, exchange);
  };
}

function serve(chosen: WeightedBackend, exchange: Exchange): Promise<Answer> {
  exchange.record.backend = chosen.key;
  return chosen.service(exchange);
}

function roundRobin(backends: readonly WeightedBackend[]): () => WeightedBackend | undefined {
  const turns = backends.filter(({ weight }) => weight > 0).map((each) => ({ each, current: 0 }));
  const total = turns.reduce((sum, { each }) => sum + each.weight, 0);
  return () => {
    let best: (typeof turns)[number] | undefined;
    for (const turn of turns) {
      turn.current += turn.each.weight;
      if (!best || turn.current > best.current) best = turn;
    }
    if (best) best.current -= total;
    return best?.each;
  };
}
