/** The door to the evaluator: its packages cost time and memory, so they are loaded when the first expression is there. */
import type { Ports } from '../core/ports.ts';
import type { Expr } from './expression.ts';

/** By where its randomness comes from: who loads it twice gets the same, with what was compiled. */
const loaded = new WeakMap<Ports['random'], Promise<Expr>>();

export function loadExpr(ports: Pick<Ports, 'random'>): Promise<Expr> {
  const known = loaded.get(ports.random);
  if (known) return known;
  const loading = import('./cel/compile.ts').then(({ createExpr }) => createExpr(ports));
  loaded.set(ports.random, loading);
  return loading;
}
