/**
 * The transports behind one `mcp` target: streamable HTTP in either era, and the old HTTP+SSE for servers that refuse
 * the POST of initialize, as the specification has clients do it (2025-11-25, transports, backwards compatibility).
 */
import type { GatewayError } from '../../core/errors.ts';
import type { OpenOptions, Wire } from '../../mcp/definition.ts';
import type { RemoteTransport, RemoteWireOptions } from '../../mcp/remote/connector.ts';
import { openSseWire } from '../../mcp/remote/sse-wire.ts';
import { HttpWire } from './http-wire.ts';
import { ModernHttpWire } from './modern-http-wire.ts';

const REFUSES_POST: ReadonlySet<unknown> = new Set([400, 404, 405]);

export class McpTransports implements RemoteTransport {
  readonly eras = 'apart';
  /** The server speaks the old transport, as far as we know. */
  #sse = false;

  get relates(): boolean {
    return !this.#sse;
  }

  open(options: RemoteWireOptions, { era, cancel }: Pick<OpenOptions, 'era' | 'cancel'>) {
    if (era === 'modern') return new ModernHttpWire(options);
    return this.#sse ? openSseWire(options, cancel) : new HttpWire(options);
  }

  another(error: GatewayError, wire: Wire | undefined): boolean {
    if (wire instanceof HttpWire) return this.#afterPost(error);
    // A wire that could not be opened was of the old transport, and a server that is not there is of any.
    if (wire !== undefined || !this.#sse || error.code === 'UPSTREAM_CONNECT') return false;
    this.#sse = false;
    return error.code === 'UPSTREAM_STATUS';
  }

  #afterPost({ code, detail }: GatewayError): boolean {
    if (code !== 'UPSTREAM_STATUS' || !REFUSES_POST.has(detail.data?.['upstreamStatus'])) return false;
    this.#sse = true;
    return true;
  }
}
