/** Remote MCP servers over streamable HTTP. */
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
import { HttpWire } from './http-wire.ts';

export const mcpTarget = defineTarget<RemoteConfig>({
  key: 'mcp',
  schema: remoteSchema,
  identity: (config, policies) => [config, upstreamTls(policies)],
  build: (config, deps) => new HttpConnector(config, deps),
});

class HttpConnector implements Connector {
  readonly lifecycle = 'session';
  readonly resumable = true;
  readonly takesHeaders = true;
  readonly address: string;
  readonly #url: URL;
  readonly #deps: ConnectorDeps;
  readonly #upstream: HttpUpstream;

  constructor(config: RemoteConfig, deps: ConnectorDeps) {
    const url = remoteUrl(config, '/mcp');
    if (typeof url === 'string') throw new GatewayError('CONFIG_INVALID', url);
    this.#url = url;
    this.#deps = deps;
    this.address = `${url.origin}${url.pathname}`;
    const { backend, timeouts } = deps;
    this.#upstream = httpUpstream(backend.lasting, backend.scope, {
      origin: url.origin,
      tls: url.protocol === 'https:' ? upstreamTls(backend.policies) : undefined,
      connectTimeoutMs: timeouts.connectMs,
    });
  }

  open(options: OpenOptions): Promise<Wire> {
    return Promise.resolve(
      new HttpWire({
        upstream: this.#upstream,
        url: this.#url,
        fixed: authorizationOf(this.#url),
        headers: options.headers,
        events: options.events,
        clock: this.#deps.ports.clock,
        maxMessage: MAX_UPSTREAM_MESSAGE,
      }),
    );
  }

  close(): void {}
}
