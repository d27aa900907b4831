/** Calls of the tool `script`, which does what its arguments say. */
import type { Step } from '../fixtures/raw-server/options.ts';
import type { Case } from './case.ts';

export const script = (...steps: readonly Step[]): string =>
  JSON.stringify({ name: 'script', arguments: { steps } });

export const call = (group: string, name: string, params: string): Case => ({
  group,
  name,
  method: 'tools/call',
  params,
  compare: 'answer',
});
