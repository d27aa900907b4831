/** The `requestHeaderModifier` policy: headers towards an upstream that are the same for every request. */
import { hash } from 'node:crypto';
import { definePolicy } from '../../core/policy.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { headerMapping } from '../../upstream/request-headers.ts';
import { requestHeaderModifierSchema } from './schema.ts';

const KEY = 'requestHeaderModifier';

export const requestHeaderModifier = definePolicy({
  key: KEY,
  phase: 'transform',
  attach: ['backend', 'target'],
  altitudes: ['outgoing'],
  schema: requestHeaderModifierSchema,
  build: (config) => {
    // A hash: people write keys of upstreams here.
    const key = `${KEY} ${hash('sha256', canonicalJson(config), 'hex')}`;
    return { mapping: headerMapping(key, config, () => (value) => value) };
  },
});
