/** The `tcp` policy: connections to an upstream. It adds no layer; whoever connects reads it with `connectionOf`. */
import { definePolicy } from '../../core/policy.ts';
import { tcpSchema } from './schema.ts';

export const tcp = definePolicy({
  key: 'tcp',
  phase: 'resilience',
  attach: ['backend', 'target', 'tcpRoute'],
  schema: tcpSchema,
  build: () => ({}),
});
