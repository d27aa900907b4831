/** Remote MCP servers over the old HTTP+SSE transport. */
import { GatewayError } from '../../core/errors.ts';
import {
  type Connector,
  type ConnectorDeps,
  defineTarget,
  type OpenOptions,
  type Wire,
} from '../../mcp/definition.ts';
import {
  authorizationOf,
  MAX_UPSTREAM_MESSAGE,
  type RemoteConfig,
  remoteSchema,
  remoteUrl,
} from '../../mcp/remote/schema.ts';
import { type HttpUpstream, httpUpstream } from '../../upstream/http.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { openSseWire } from './sse-wire.ts';

export const sseTarget = defineTarget<RemoteConfig>({
  key: 'sse',
  schema: remoteSchema,
  identity: (config, policies) => [config, upstreamTls(policies)],
  build: (config, deps) => new SseConnector(config, deps),
});

class SseConnector implements Connector {
  readonly lifecycle = 'session';
  readonly resumable = true;
  readonly takesHeaders = true;
  readonly address: string;
  readonly #url: URL;
  readonly #upstream: HttpUpstream;

  constructor(config: RemoteConfig, deps: ConnectorDeps) {
    const url = remoteUrl(config, '/sse');
    if (typeof url === 'string') throw new GatewayError('CONFIG_INVALID', url);
    this.#url = url;
    this.address = `${url.origin}${url.pathname}`;
    const { backend, timeouts } = deps;
    this.#upstream = httpUpstream(backend.lasting, backend.scope, {
      origin: url.origin,
      tls: url.protocol === 'https:' ? upstreamTls(backend.policies) : undefined,
      connectTimeoutMs: timeouts.connectMs,
    });
  }

  open(options: OpenOptions): Promise<Wire> {
    const wire = {
      upstream: this.#upstream,
      url: this.#url,
      fixed: authorizationOf(this.#url),
      headers: options.headers,
      events: options.events,
      maxMessage: MAX_UPSTREAM_MESSAGE,
    };
    return openSseWire(wire, options.cancel);
  }

  close(): void {}
}
