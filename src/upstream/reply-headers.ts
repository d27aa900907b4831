/** Changes to the headers of a reply on its way to the client. */
import { withoutHeaders } from '../core/outgoing.ts';
import type { HeaderChanges } from './request-headers.ts';

export function changedHeaders(
  headers: readonly string[],
  { set, add, remove }: HeaderChanges<string>,
): readonly string[] {
  const gone = [...remove, ...Object.keys(set)].map((name) => name.toLowerCase());
  const changed = [...Object.entries(set), ...Object.entries(add)];
  return [...withoutHeaders(headers, gone), ...changed.flat()];
}
