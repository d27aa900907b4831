/** Failures of targets, told with the names of the targets. */
import { asGatewayError, GatewayError } from '../../core/errors.ts';

/** What several targets failed with, as one error. `hint`: there are other targets, so the reader is told how to go on without the ones that are down. */
export function joinedFailure(failed: readonly GatewayError[], hint: boolean): GatewayError {
  const [first] = failed;
  const messages = failed.map(({ message }) => message.replace(/\.$/, '')).join('; ');
  const wayOut = hint ? ' (failureMode failClosed: nobody is served without it; failOpen leaves it out)' : '';
  return new GatewayError(first?.code ?? 'TARGET_DOWN', messages + wayOut, first?.detail ?? {});
}

/** The same error, saying which target it is about. */
export function named(target: string, cause: unknown): GatewayError {
  const error = asGatewayError(cause);
  if (error.message.includes(`target "${target}"`)) return error;
  return new GatewayError(error.code, `target "${target}": ${error.message}`, { ...error.detail, cause });
}

export function removed(name: string): GatewayError {
  return new GatewayError('TARGET_REMOVED', `target "${name}" has been removed from the configuration`);
}

/** The same target, which may be shown less from now on. */
export function withdrawn(name: string): GatewayError {
  return new GatewayError('UPSTREAM_CLOSED', `target "${name}" no longer gets the client's credentials`);
}
