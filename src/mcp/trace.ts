/** Carries the trace of an HTTP request into the message, where servers over stdio find it too (SEP-414). */

import type { Edit, JsonText } from '../lib/json-text.ts';
import { traceIdOf } from '../lib/trace-context.ts';
import { SLOT } from './message.ts';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);

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

/** Puts `_meta.traceparent` into a request that has parameters. */
export function traceEdit(text: JsonText, headers: readonly string[]): Edit | undefined {
  const member = traceMember(text, headers);
  if (!member) return undefined;
  if (text.has(SLOT.meta)) return insertion(text, SLOT.meta, member);
  const meta = Buffer.concat([Buffer.from('"_meta":{'), member, Buffer.from('}')]);
  return text.has(SLOT.params) ? insertion(text, SLOT.params, meta) : undefined;
}

/** A first member for the object at `slot`. */
function insertion(text: JsonText, slot: number, member: Buffer): Edit | undefined {
  if (text.first(slot) !== OPEN_BRACE) return undefined;
  const start = text.startOf(slot) + 1;
  let next = start;
  while (BLANKS.has(text.bytes[next] ?? 0)) next += 1;
  const alone = text.bytes[next] === CLOSE_BRACE;
  return { start, end: start, with: alone ? member : Buffer.concat([member, Buffer.from(',')]) };
}
