/**
 * The `host` backend: a streaming reverse proxy for HTTP and WebSocket. Bodies are never held back in either
 * direction; a body that breaks off upstream breaks off downstream, too.
 */
import { type BackendDeps, defineBackend } from '../../core/backend.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isGrpc } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Outgoing, withoutHeaders } from '../../core/outgoing.ts';
import { connectionOf } from '../../upstream/connection.ts';
import { credentialsAt } from '../../upstream/credentials/login/located.ts';
import {
  type HttpUpstream,
  httpUpstream,
  type UpstreamReply,
  type UpstreamRequest,
  type UpstreamUpgrade,
} from '../../upstream/http.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { sendWith } from './credentials.ts';
import { replyHeaders, requestHeaders } from './headers.ts';
import { probeOf } from './probe.ts';
import { type HostConfig, hostSchema } from './schema.ts';
import { splice } from './tunnel.ts';

export const host = defineBackend({
  key: 'host',
  schema: hostSchema,
  build(config, deps) {
    const upstream = hostUpstream(config, deps);
    const { credentials, ...others } = deps.outgoing(deps.policies);
    const server = { name: config.authority, url: new URL(upstream.origin), tls: upstreamTls(deps.policies) };
    const place = { upstream, ...others, credentials: credentialsAt(credentials, server) };
    return {
      handle: (exchange) => proxy(exchange, place),
      probe: probeOf(
        upstream,
        config.unixSocket === undefined ? upstream.origin : `unix:${config.unixSocket}`,
      ),
    };
  },
});

function hostUpstream(config: HostConfig, deps: BackendDeps): HttpUpstream {
  const scheme = config.scheme ?? (deps.policies['backendTLS'] === undefined ? 'http' : 'https');
  return httpUpstream(deps.lasting, deps.scope, {
    origin: `${scheme}://${config.authority}`,
    tls: upstreamTls(deps.policies),
    ...connectionOf(deps.policies, LIMITS.connect.value),
    allowH2: scheme === 'https',
    unixSocket: config.unixSocket,
    log: deps.ports.log,
  });
}

interface Place extends Outgoing {
  readonly upstream: HttpUpstream;
}

/** Forwards one exchange. */
async function proxy(exchange: Exchange, place: Place): Promise<Answer> {
  const { upstream, credentials } = place;
  exchange.record.endpoint = upstream.origin;
  if (exchange.upgrade === 'connect')
    throw new GatewayError('METHOD_NOT_ALLOWED', 'CONNECT is not served here');
  const { upgrade: protocol } = exchange;
  const content = await contentOf(exchange, credentials !== undefined);
  const request = { ...outgoing(exchange, place), body: content };
  // Once, however often it is tried.
  if (protocol === undefined && !exchange.tried?.size) place.mirror?.copy(request);
  const send = (one: UpstreamRequest): Promise<UpstreamReply | UpstreamUpgrade> =>
    protocol === undefined ? upstream.request(one) : upstream.upgrade({ ...one, protocol });
  const answer = credentials ? await sendWith(credentials, { exchange, request, send }) : await send(request);
  return 'socket' in answer ? tunnel(answer, protocol ?? '') : forward(answer);
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

function forward({ status, headers, body }: UpstreamReply): Answer {
  return { status, headers: replyHeaders(headers), body };
}

function outgoing(exchange: Exchange, { mapping }: Place): Omit<UpstreamRequest, 'body'> {
  const { method, url, cancel, outbound } = exchange;
  const headers = requestHeaders(exchange);
  return {
    method: outbound?.method ?? method,
    path: outbound?.url ?? url,
    headers: mapping ? [...withoutHeaders(headers, mapping.names), ...mapping.map(exchange)] : headers,
    cancel,
    long: asksForStream(exchange),
    http2: isGrpc(exchange),
  };
}

/** Nothing but a stream will do, or it is what GET asks for: it may last, and must not take a connection from calls. */
function asksForStream({ method, headers }: Exchange): boolean {
  const { accept } = headers;
  if (accept?.includes('text/event-stream') !== true) return false;
  return method === 'GET' || /^\s*text\/event-stream\s*(?:;[^,]*)?$/i.test(String(accept));
}
