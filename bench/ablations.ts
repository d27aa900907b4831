/**
 * The gateway with one part changed or taken away, measured in one run with the gateway as it is: when a number drops,
 * the row that does not drop with it names the reason. Add a row for each switch the gateway gets.
 */
import type { Variant } from './legs.ts';

export const ablations: readonly Variant[] = [
  { name: 'as it is' },
  { name: 'one target, names unchanged', targets: 1 },
  { name: 'access log written', settings: { logging: { level: 'info' } } },
];
