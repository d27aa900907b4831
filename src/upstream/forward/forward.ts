/**
 * Forwards an exchange to an upstream over HTTP: a streaming reverse proxy, WebSocket included. Bodies are never held
 * back in either direction; a body that breaks off upstream breaks off downstream, too. Knows nothing of how the
 * upstream was chosen.
 */
import { type Answer, type Exchange, isGrpc } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Outgoing, withoutHeaders } from '../../core/outgoing.ts';
import type { HttpUpstream, UpstreamReply, UpstreamRequest, UpstreamUpgrade } from '../http.ts';
import { sendWith } from './credentials.ts';
import { replyHeaders, requestHeaders } from './headers.ts';
import { splice } from './splice.ts';

export interface Forwarding extends Outgoing {
  readonly upstream: HttpUpstream;
  /** The gateway as a proxy that the client chose: what it calls itself. Nothing is then said about the client. */
  readonly via?: string | undefined;
}

export async function forward(exchange: Exchange, forwarding: Forwarding): Promise<Answer> {
  const { upstream, credentials } = forwarding;
  exchange.record.endpoint = upstream.origin;
  const { upgrade: protocol } = exchange;
  const content = hasContent(exchange) ? await contentOf(exchange, credentials !== undefined) : undefined;
  const request = outgoing(exchange, forwarding, content);
  // Once, however often it is tried.
  if (forwarding.mirror && protocol === undefined && !exchange.tried?.size) forwarding.mirror.copy(request);
  const answer = credentials
    ? await sendWith(credentials, { exchange, request, send: (one) => send(upstream, one, protocol) })
    : await send(upstream, request, protocol);
  return 'socket' in answer ? tunnel(answer, protocol ?? '') : reply(answer);
}

function send(
  upstream: HttpUpstream,
  request: UpstreamRequest,
  protocol: string | undefined,
): Promise<UpstreamReply | UpstreamUpgrade> {
  return protocol === undefined ? upstream.request(request) : upstream.upgrade({ ...request, protocol });
}

const hasContent = ({ body, outbound }: Exchange): boolean =>
  outbound?.body !== undefined || body.length !== 0;

/** `again`: whole where it is short, so that it can be sent twice. */
async function contentOf({ body, outbound }: Exchange, again: boolean): Promise<UpstreamRequest['body']> {
  if (outbound?.body) return outbound.body;
  const { length } = body;
  const most = LIMITS.replayedBody.value;
  if (again && length !== undefined && length <= most) return body.read(most);
  // What has come with the head is at hand after a turn.
  await undefined;
  return body.stream();
}

function tunnel({ status, headers, socket, head }: UpstreamUpgrade, protocol: string): Answer {
  return {
    status,
    headers: [...replyHeaders(headers), 'connection', 'Upgrade', 'upgrade', protocol],
    attach(client, early) {
      if (head.length > 0) client.write(head);
      if (early.length > 0) socket.write(early);
      splice(client, socket);
    },
  };
}

function reply({ status, headers, body }: UpstreamReply): Answer {
  return { status, headers: replyHeaders(headers), body };
}

function outgoing(
  exchange: Exchange,
  { mapping, via }: Forwarding,
  body: UpstreamRequest['body'],
): UpstreamRequest {
  const { method, url, cancel, outbound } = exchange;
  const headers = requestHeaders(exchange, via);
  return {
    method: outbound?.method ?? method,
    path: outbound?.url ?? url,
    headers: mapping ? [...withoutHeaders(headers, mapping.names), ...mapping.map(exchange)] : headers,
    body,
    cancel,
    long: asksForStream(exchange),
    http2: isGrpc(exchange),
  };
}

/** Nothing but a stream will do, or it is what GET asks for: it may last, and must not take a connection from calls. */
function asksForStream({ method, headers, streams }: Exchange): boolean {
  if (streams) return true;
  const { accept } = headers;
  if (accept?.includes('text/event-stream') !== true) return false;
  return method === 'GET' || /^\s*text\/event-stream\s*(?:;[^,]*)?$/i.test(String(accept));
}
