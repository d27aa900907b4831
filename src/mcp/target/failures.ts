/** What several targets failed with, as one error. */
import { GatewayError } from '../../core/errors.ts';

/** With several targets behind one endpoint the reader is told how to go on without the ones that are down. */
export function joinedFailure(failed: readonly GatewayError[], failOpen: boolean): GatewayError {
  const [first] = failed;
  const messages = failed.map(({ message }) => message.replace(/\.$/, '')).join('; ');
  const wayOut = failOpen
    ? ''
    : ' (failureMode failClosed: nobody is served without it; failOpen leaves it out)';
  return new GatewayError(first?.code ?? 'TARGET_DOWN', messages + wayOut, first?.detail ?? {});
}
