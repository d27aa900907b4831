/**
 * Sends a request with credentials of the gateway on it, and once more with fresh ones where the upstream says 401 and
 * the body is still there. A 401 that stays passes through like any other answer.
 */
import type { Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { LoginNeeded, type UpstreamCredentials } from '../../core/outgoing.ts';
import { withCredentials } from '../credentials/placed.ts';
import type { UpstreamReply, UpstreamRequest, UpstreamUpgrade } from '../http.ts';

export interface Sending {
  readonly exchange: Exchange;
  readonly request: UpstreamRequest;
  send(request: UpstreamRequest): Promise<UpstreamReply | UpstreamUpgrade>;
}

export async function sendWith(
  credentials: UpstreamCredentials,
  { exchange, request, send }: Sending,
): Promise<UpstreamReply | UpstreamUpgrade> {
  const { principal: owner = '', cancel } = exchange;
  const fetched = (): Promise<readonly string[]> =>
    credentials.fetch(owner, cancel).catch((error: unknown) => {
      throw error instanceof LoginNeeded ? error.at(`${exchange.scheme}://${exchange.authority}`) : error;
    });
  const values = credentials.ready(owner) ?? (await fetched());
  const answer = await send(withCredentials(request, credentials, values));
  if (answer.status !== 401 || 'socket' in answer) return answer;
  if (!credentials.refused(owner, values) || !isWhole(request.body)) return answer;
  await answer.body.collect(LIMITS.replayedBody.value).catch(() => undefined);
  const fresh = await fetched();
  const second = await send(withCredentials(request, credentials, fresh));
  if (second.status === 401) credentials.refused(owner, fresh);
  return second;
}

function isWhole(body: UpstreamRequest['body']): boolean {
  return body === undefined || Buffer.isBuffer(body);
}
