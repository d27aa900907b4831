/** The modern greeting: asks a server what it is (`server/discover`), in the name of whoever opens the link. */
import type { Cancel } from '../../lib/cancel.ts';
import type { Envelope } from '../bridge/envelope.ts';
import { MODERN_REVISION } from '../revisions.ts';
import { readDiscovered } from './greetings.ts';
import type { ClientIdentity, LinkWithInfo, ServerInfo } from './opened.ts';
import { ownRequest } from './own-calls.ts';

/** No log messages: they would belong to no call of a client. */
export function envelopeOf({ capabilities, info }: ClientIdentity): Envelope {
  return { version: MODERN_REVISION, capabilities, info, logLevel: undefined };
}

/** Rejects with UPSTREAM_PROTOCOL when the answer shows that the server does not speak our modern revision. */
export async function discover(
  open: Pick<LinkWithInfo, 'link' | 'envelope'>,
  { cancel, connectMs }: { readonly cancel: Cancel; readonly connectMs: number },
): Promise<ServerInfo> {
  const deadline = { ms: connectMs, maxMs: connectMs };
  return readDiscovered(await ownRequest(open, 'server/discover', { cancel, deadline }));
}
