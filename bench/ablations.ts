/**
 * The gateway with one part changed or taken away, measured in one run with the gateway as shipped: when a number
 * drops, the row that does not drop with it names the reason. Add a row for each switch the gateway gets.
 */
import type { Variant } from './legs.ts';

export const ablations: readonly Variant[] = [
  { name: 'as shipped' },
  { name: 'names unchanged', mcp: { prefixMode: 'never' } },
  { name: 'access log on', settings: { logging: { level: 'info' } } },
];
