/** What the service says, as headers and as a refusal. Its headers are checked: it is not the gateway. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { GatewayError } from '../../core/errors.ts';
import type { HeaderValue, RateLimitResponse } from '../../upstream/rate-limit-service/question.ts';

/** Those of one connection, and those that say where a body ends. */
const NOT_ITS_OWN = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const LIMIT = 'x-ratelimit-limit';

/** Flat list, without what HTTP does not allow. */
export function headersToAdd(headers: readonly HeaderValue[]): readonly string[] {
  return headers.flatMap(({ key, value, rawValue }) => {
    const name = key.toLowerCase();
    const text = value === '' ? Buffer.from(rawValue).toString('latin1') : value;
    return NOT_ITS_OWN.has(name) || !isHeader(name, text) ? [] : [name, text];
  });
}

/** What a reply that may pass is given, beside the headers it has. */
export function replyHeaders(response: RateLimitResponse, there: readonly string[]): readonly string[] {
  const added = headersToAdd(response.responseHeadersToAdd);
  return [...added, ...standing(response, [...there, ...added])];
}

export function overLimit(response: RateLimitResponse): GatewayError {
  const headers = replyHeaders(response, []);
  const reset = tightest(response)?.durationUntilReset;
  if (!reset) return new GatewayError('RATE_LIMITED', 'too many requests', { headers });
  const ms = Number(reset.seconds) * 1000 + Math.ceil(reset.nanos / 1e6);
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const says = headers.some((name, at) => at % 2 === 0 && name === 'retry-after');
  return new GatewayError('RATE_LIMITED', `too many requests; try again in ${seconds} s`, {
    headers: says ? headers : [...headers, 'retry-after', String(seconds)],
    data: { retryAfterMs: ms },
  });
}

/** The `x-ratelimit-*` headers of the limit that is nearest, unless they are there already. */
function standing(response: RateLimitResponse, there: readonly string[]): readonly string[] {
  if (there.some((name, at) => at % 2 === 0 && name.toLowerCase() === LIMIT)) return [];
  const status = tightest(response);
  if (!status?.currentLimit) return [];
  const { currentLimit, limitRemaining, durationUntilReset } = status;
  const seconds = durationUntilReset ? Number(durationUntilReset.seconds) : 0;
  return [
    ...[LIMIT, String(currentLimit.requestsPerUnit)],
    ...['x-ratelimit-remaining', String(limitRemaining)],
    ...['x-ratelimit-reset', String(Math.max(0, seconds))],
  ];
}

function tightest({ statuses }: RateLimitResponse): RateLimitResponse['statuses'][number] | undefined {
  let found: RateLimitResponse['statuses'][number] | undefined;
  for (const status of statuses)
    if (status.currentLimit && (!found || status.limitRemaining < found.limitRemaining)) found = status;
  return found;
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
