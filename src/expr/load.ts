/** The door to the evaluator: its packages cost time and memory, so they are loaded when the first expression is there. */
import type { Ports } from '../core/ports.ts';
import type { Expr } from './expression.ts';

export async function loadExpr(ports: Pick<Ports, 'random'>): Promise<Expr> {
  const { createExpr } = await import('./cel/compile.ts');
  return createExpr(ports);
}
