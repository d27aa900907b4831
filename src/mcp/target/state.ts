/** What is known of a target: not being connected is a state, not a failure of the configuration. */
import type { GatewayError } from '../../core/errors.ts';

export type TargetState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly error: GatewayError; readonly since: number };
