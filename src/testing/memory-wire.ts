/** One connection to a server in memory: JSON-RPC in both directions. Knows no method of MCP. */
import { GatewayError } from '../core/errors.ts';
import { Cancel } from '../lib/cancel.ts';
import { isObject, parseObject } from '../lib/json-value.ts';
import type { Outgoing, Wire, WireEvents } from '../mcp/definition.ts';

export interface MemoryContext {
  /** The request's parameters as they came. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Fires when the client cancels, or when nobody waits any more. */
  readonly cancel: Cancel;
  /** Sends a notification on the stream of this request. */
  notify(method: string, params?: object): void;
  /** Sends progress, when the request carries a progress token. */
  progress(progress: number, total?: number): void;
  /** Asks the client: `sampling/createMessage`, `elicitation/create`, `roots/list`. Rejects when it refuses. */
  ask(method: string, params?: object): Promise<Record<string, unknown>>;
}

export interface MemoryAsked {
  readonly method: string;
  readonly context: MemoryContext;
}

export interface MemoryWireOptions {
  readonly events: WireEvents;
  /** Resolves to the result; a thrown error with a numeric `code` becomes that JSON-RPC error. */
  answer(asked: MemoryAsked): Promise<object>;
  closed(): void;
}

interface Waiting {
  resolve(result: Record<string, unknown>): void;
  reject(error: Error): void;
}

export class MemoryWire implements Wire {
  readonly relates = true;
  readonly #options: MemoryWireOptions;
  readonly #asked = new Map<number, Waiting>();
  readonly #running = new Map<unknown, Cancel>();
  #nextId = 0;
  #closed = false;

  constructor(options: MemoryWireOptions) {
    this.#options = options;
  }

  async send(bytes: Buffer, outgoing: Outgoing): Promise<void> {
    if (this.#closed) throw new GatewayError('UPSTREAM_CLOSED', 'the connection has been closed');
    const message = parseObject(bytes);
    if (!message) throw new GatewayError('INTERNAL', 'the gateway sent something that is not a JSON object');
    const { id, method, params } = message;
    if (typeof method !== 'string') this.#answered(message);
    else if (id === undefined) this.#notified(method, isObject(params) ? params : {});
    else await this.#serve({ id, method, params: isObject(params) ? params : {} }, outgoing);
  }

  /** Sends a notification; `origin` names the request whose stream carries it. */
  tell(method: string, params: object | undefined, origin: number | undefined): void {
    this.#write({ method, params }, origin);
  }

  /** The connection breaks. */
  lose(reason: Error): void {
    if (this.#closed) return;
    this.#end(reason);
    this.#options.events.closed(reason);
  }

  close(): void {
    if (!this.#closed) this.#end(new Error('the connection has been closed'));
  }

  #end(reason: Error): void {
    this.#closed = true;
    for (const cancel of this.#running.values()) cancel.cancel(reason);
    for (const waiting of this.#asked.values()) waiting.reject(reason);
    this.#asked.clear();
    this.#options.closed();
  }

  async #serve(
    request: { id: unknown; method: string; params: Record<string, unknown> },
    { request: origin, cancel: outer }: Outgoing,
  ): Promise<void> {
    const { id, method, params } = request;
    const cancel = new Cancel();
    const forget = outer?.onCancel((reason) => cancel.cancel(reason));
    this.#running.set(id, cancel);
    try {
      const result = await this.#options.answer({ method, context: this.#context(params, cancel, origin) });
      this.#write({ id, result }, origin);
    } catch (error) {
      const { code = -32603, message } = error as { code?: unknown; message: string };
      this.#write({ id, error: { code, message } }, origin);
    } finally {
      this.#running.delete(id);
      forget?.();
    }
  }

  #context(
    params: Readonly<Record<string, unknown>>,
    cancel: Cancel,
    origin: number | undefined,
  ): MemoryContext {
    const { _meta: meta } = params;
    const progressToken = isObject(meta) ? meta['progressToken'] : undefined;
    return {
      params,
      cancel,
      notify: (method, sent) => this.tell(method, sent, origin),
      progress: (progress, total) => {
        if (progressToken !== undefined)
          this.tell('notifications/progress', { progressToken, progress, total }, origin);
      },
      ask: (method, sent) =>
        new Promise((resolve, reject) => {
          const id = this.#nextId++;
          this.#asked.set(id, { resolve, reject });
          this.#write({ id, method, params: sent }, origin);
        }),
    };
  }

  #notified(method: string, params: Record<string, unknown>): void {
    if (method !== 'notifications/cancelled') return;
    this.#running.get(params['requestId'])?.cancel(new Error('cancelled by the client'));
  }

  #answered({ id, result, error }: Record<string, unknown>): void {
    const waiting = this.#asked.get(Number(id));
    this.#asked.delete(Number(id));
    if (isObject(error)) waiting?.reject(new Error(String(error['message'])));
    else waiting?.resolve(isObject(result) ? result : {});
  }

  #write(message: object, origin: number | undefined): void {
    if (this.#closed) return;
    this.#options.events.message(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })), origin);
  }
}
