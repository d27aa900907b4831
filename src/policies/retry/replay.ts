/** A request body that can be read again for each try. */
import type { RequestBody } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { WholeBody } from '../../core/whole-body.ts';

const LIMIT = LIMITS.replayedBody.value;

/** Not what is large, and not what may still be on its way when the upstream wants to see it; unless it is all there. */
export function isReplayable(body: RequestBody): boolean {
  return body instanceof WholeBody || (body.length !== undefined && body.length <= LIMIT);
}

/** Makes as many bodies as wanted out of one that is replayable. */
export async function replays(body: RequestBody): Promise<() => RequestBody> {
  if (body instanceof WholeBody) return () => body;
  const bytes = await body.read(LIMIT);
  return () => new WholeBody(bytes);
}
