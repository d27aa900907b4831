/**
 * Forwards an exchange to an upstream over HTTP: a streaming reverse proxy, WebSocket included. Bodies are never held
 * back in either direction; a body that breaks off upstream breaks off downstream, too. Knows nothing of how the
 * upstream was chosen.
 */
import type { Answer, Exchange } from '../../core/exchange.ts';
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
  const content = await contentOf(exchange, credentials !== undefined);
  const request = { ...outgoing(exchange, forwarding), body: content };
  // Once, however often it is tried.
  if (protocol === undefined && !exchange.tried?.size) forwarding.mirror?.copy(request);
  const send = (one: UpstreamRequest): Promise<UpstreamReply | UpstreamUpgrade> =>
    protocol === undefined ? upstream.request(one) : upstream.upgrade({ ...one, protocol });
  const answer = credentials ? await sendWith(credentials, { exchange, request, send }) : await send(request);
  return 'socket' in answer ? tunnel(answer, protocol ?? '') : reply(answer);
}

/** `again`: whole where it is short, so that it can be sent twice. */
async function contentOf({ body, outbound }: Exchange, again: boolean): Promise<UpstreamRequest['body']> {
  if (outbound?.body) return outbound.body;
  const { length } = body;
  const most = LIMITS.replayedBody.value;
  if (length === 0) return undefined;
  return again && length !== undefined && length <= most ? body.read(most) : body.stream();
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

function outgoing(exchange: Exchange, { mapping, via }: Forwarding): Omit<UpstreamRequest, 'body'> {
  const { method, url, cancel, outbound } = exchange;
  const headers = requestHeaders(exchange, via);
  return {
    method: outbound?.method ?? method,
    path: outbound?.url ?? url,
    headers: mapping ? [...withoutHeaders(headers, mapping.names), ...mapping.map(exchange)] : headers,
    cancel,
    long: asksForStream(exchange),
  };
}

/** Nothing but a stream will do, or it is what GET asks for: it may last, and must not take a connection from calls. */
function asksForStream({ method, headers }: Exchange): boolean {
  const { accept } = headers;
  if (accept?.includes('text/event-stream') !== true) return false;
  return method === 'GET' || /^\s*text\/event-stream\s*(?:;[^,]*)?$/i.test(String(accept));
}
