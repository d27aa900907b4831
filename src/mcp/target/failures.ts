/** What several targets failed with, as one error. */
import { GatewayError } from '../../core/errors.ts';

/** `hint`: there are other targets, so the reader is told how to go on without the ones that are down. */
export function joinedFailure(failed: readonly GatewayError[], hint: boolean): GatewayError {
  const [first] = failed;
  const messages = failed.map(({ message }) => message.replace(/\.$/, '')).join('; ');
  const wayOut = hint ? ' (failureMode failClosed: nobody is served without it; failOpen leaves it out)' : '';
  return new GatewayError(first?.code ?? 'TARGET_DOWN', messages + wayOut, first?.detail ?? {});
}
