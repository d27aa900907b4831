/** The modern greeting: asks a server what it is (`server/discover`), in the name of whoever opens the link. */
import type { Cancel } from '../../lib/cancel.ts';
import { isObject, parseObject } from '../../lib/json-value.ts';
import type { Envelope } from '../bridge/envelope.ts';
import type { McpOutcome } from '../call.ts';
import { MODERN_REVISION } from '../revisions.ts';
import { readDiscovered } from './greetings.ts';
import type { ClientIdentity, LinkWithInfo, ServerInfo } from './opened.ts';
import { ownRequest } from './own-calls.ts';
import { refusesRevision } from './refusals.ts';

/** No log messages: they would belong to no call of a client. */
export function envelopeOf({ capabilities, info }: ClientIdentity): Envelope {
  return { version: MODERN_REVISION, capabilities, info, logLevel: undefined };
}

/**
 * Rejects with UPSTREAM_PROTOCOL when the answer shows that the server does not speak our modern revision. One that
 * refuses the revision and names the same as supported is asked once more: only a modern server answers like that.
 */
export async function discover(
  open: Pick<LinkWithInfo, 'link' | 'envelope'>,
  { cancel, connectMs }: { readonly cancel: Cancel; readonly connectMs: number },
): Promise<ServerInfo> {
  const deadline = { ms: connectMs, maxMs: connectMs };
  const ask = () => ownRequest(open, 'server/discover', { cancel, deadline });
  const first = await ask();
  return readDiscovered(refusesRevision(first) && namesOurs(first) ? await ask() : first);
}

function namesOurs({ body }: McpOutcome): boolean {
  const data = parseObject(body)?.['data'];
  const supported = isObject(data) ? data['supported'] : undefined;
  return Array.isArray(supported) && supported.includes(MODERN_REVISION);
}
