/** Carries the trace of an HTTP request into the message, where servers over stdio find it too (SEP-414). */

import type { JsonText } from '../lib/json-text.ts';
import { traceIdOf } from '../lib/trace-context.ts';
import { SLOT } from './message.ts';

/**
 * `"traceparent":...` for `params._meta`. Undefined when there is nothing to carry, or when the client has written one
 * itself.
 */
export function traceMember(text: JsonText, headers: readonly string[] | undefined): Buffer | undefined {
  const at = headers ? headers.indexOf('traceparent') : -1;
  const traceparent = at < 0 ? undefined : headers?.[at + 1];
  if (traceparent === undefined || traceIdOf(traceparent) === undefined || text.has(SLOT.traceparent))
    return undefined;
  return Buffer.from(`"traceparent":${JSON.stringify(traceparent)}`);
}
