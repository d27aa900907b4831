/**
 * The one abstraction of the gateway: an asynchronous function, and what wraps it.
 * It stands at three altitudes: an HTTP exchange, an MCP call, later an LLM call.
 */
export type Service<Q, R> = (request: Q) => Promise<R>;

export type Layer<Q, R> = (next: Service<Q, R>) => Service<Q, R>;

/** Wraps `service` in `layers`; the first layer is the outermost. */
export function stack<Q, R>(layers: readonly Layer<Q, R>[], service: Service<Q, R>): Service<Q, R> {
  return layers.reduceRight((next, layer) => layer(next), service);
}
