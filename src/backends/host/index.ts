/**
 * The `host` backend: a streaming reverse proxy for HTTP and WebSocket. Bodies are never held back in either
 * direction; a body that breaks off upstream breaks off downstream, too.
 */
import { type BackendDeps, defineBackend } from '../../core/backend.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import {
  type HttpUpstream,
  httpUpstream,
  type UpstreamReply,
  type UpstreamRequest,
} from '../../upstream/http.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { replyHeaders, requestHeaders } from './headers.ts';
import { type HostConfig, hostSchema } from './schema.ts';
import { splice } from './tunnel.ts';

export const host = defineBackend({
  key: 'host',
  schema: hostSchema,
  build(config, deps) {
    const upstream = hostUpstream(config, deps);
    return { handle: (exchange) => proxy(exchange, upstream) };
  },
});

function hostUpstream(config: HostConfig, deps: BackendDeps): HttpUpstream {
  const scheme = config.scheme ?? (deps.policies['backendTLS'] === undefined ? 'http' : 'https');
  return httpUpstream(deps.lasting, deps.scope, {
    origin: `${scheme}://${config.authority}`,
    tls: upstreamTls(deps.policies),
    connectTimeoutMs: LIMITS.connect.value,
    allowH2: scheme === 'https',
    unixSocket: config.unixSocket,
  });
}

/** Forwards one exchange. */
async function proxy(exchange: Exchange, upstream: HttpUpstream): Promise<Answer> {
  exchange.record.endpoint = upstream.origin;
  if (exchange.upgrade === 'connect')
    throw new GatewayError('METHOD_NOT_ALLOWED', 'CONNECT is not served here');
  if (exchange.upgrade !== undefined) return upgrade(exchange, upstream, exchange.upgrade);
  return forward(await upstream.request(outgoing(exchange)));
}

async function upgrade(exchange: Exchange, upstream: HttpUpstream, protocol: string): Promise<Answer> {
  const answer = await upstream.upgrade({ ...outgoing(exchange), protocol });
  if (!('socket' in answer)) return forward(answer);
  const { status, headers, socket, head } = answer;
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

function outgoing(exchange: Exchange): UpstreamRequest {
  const { method, url, body, cancel } = exchange;
  return {
    method,
    path: url,
    headers: requestHeaders(exchange),
    body: body.length === 0 ? undefined : body.stream(),
    cancel,
    long: method === 'GET' && exchange.headers['accept']?.includes('text/event-stream') === true,
  };
}
