/**
 * The connections that one backend of a route carries. Lives as long as any generation in force would let them through as
 * they came; when none does they are cut, because a rule that was taken back must not go on being followed.
 */
import type { Socket } from 'node:net';
import type { Connection } from '../core/connection.ts';
import { GatewayError } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';
import { Relay, type SilenceLimits } from '../upstream/relay.ts';

export class Passage implements Closable {
  readonly #relays = new Set<Relay>();
  #closed = false;

  /** Resolves when both sides are closed; rejects with a GatewayError where that was not by their own will. */
  async pass({ socket: client, record }: Connection, upstream: Socket, times: SilenceLimits): Promise<void> {
    const endpoint = record.endpoint ?? 'the upstream';
    const relay = new Relay({ client, upstream, endpoint, ...times, counts: record });
    this.#relays.add(relay);
    if (this.#closed) relay.cut(gone());
    const error = await relay.over;
    this.#relays.delete(relay);
    if (error) throw error;
  }

  close(): void {
    this.#closed = true;
    for (const relay of this.#relays) relay.cut(gone());
  }
}

function gone(): GatewayError {
  return new GatewayError('ROUTE_NOT_FOUND', 'what let it through is no longer configured');
}
