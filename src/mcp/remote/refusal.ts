/** An upstream's HTTP error as a GatewayError: what it said, and its challenge where it wants a login. */
import { GatewayError } from '../../core/errors.ts';
import { redactText } from '../../lib/secrets.ts';
import type { UpstreamReply } from '../../upstream/http.ts';
import { replyHeader } from '../../upstream/http.ts';
import { withoutSent } from '../../upstream/sent.ts';

const EXCERPT = 500;
const READ = 64 * 1024;

export function refusal(reply: UpstreamReply, body: Buffer): GatewayError {
  const excerpt = readable(body);
  const said = excerpt === '' ? '' : `: ${excerpt}`;
  const message = `the upstream answered HTTP ${reply.status}${said}`;
  const data = { upstreamStatus: reply.status };
  if (reply.status !== 401 && reply.status !== 403)
    return new GatewayError('UPSTREAM_STATUS', message, { data });
  const challenge = replyHeader(reply, 'www-authenticate');
  const headers = challenge === undefined ? [] : ['www-authenticate', withoutSent(challenge, reply.sent)];
  return new GatewayError('UPSTREAM_CHALLENGE', message, { http: reply.status, headers, data });
}

/** What a server that refuses says, without what it repeats of the request. */
export async function readRefusal({ body, sent }: UpstreamReply): Promise<Buffer> {
  const said = await body.collect(READ).catch(() => Buffer.alloc(0));
  const text = said.toString('utf8');
  const shown = withoutSent(text, sent);
  return shown === text ? said : Buffer.from(shown);
}

/** What the body says, on one line; of a web page the words. */
export function readable(body: Buffer): string {
  const text = body.subarray(0, 4 * EXCERPT).toString('utf8');
  const words = /^\s*<(?:!doctype|html)/i.test(text) ? text.replace(/<[^>]*>/g, ' ') : text;
  return redactText(words.replace(/\s+/g, ' ').trim()).slice(0, EXCERPT);
}
