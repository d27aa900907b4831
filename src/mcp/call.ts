/**
 * The neutral call: what a front makes of a client's request, whatever era or transport it came by. Layers wrap
 * `Service<McpCall, McpOutcome>`; the session at the bottom sends it to its target.
 */
import type { Exchange } from '../core/exchange.ts';
import type { CallRecord } from '../core/signals.ts';
import type { Cancel } from '../lib/cancel.ts';
import type { Envelope } from './bridge/envelope.ts';
import type { Message } from './message.ts';

export interface McpCall {
  readonly message: Message;
  readonly method: string;
  readonly peer: Peer;
  readonly cancel: Cancel;
  readonly record: CallRecord;
  /** Headers for the upstream hop where it has headers (flat list): traceparent. */
  readonly headers: readonly string[] | undefined;
  /** What a modern client says of itself with each request; undefined for legacy clients. */
  readonly envelope?: Envelope | undefined;
  /** What brought the call; rules read it. Undefined over standard input and output. */
  readonly exchange?: Exchange | undefined;
  /** The client's request headers, where it repeats arguments in them (modern HTTP). */
  readonly inbound?: Exchange['headers'] | undefined;
  /** Headers of the client for each target, where its requests differ in them. */
  readonly shown?: ShownHeaders | undefined;
  /** What a modern server gave the client to send again with its answers. */
  readonly state?: UpstreamState | undefined;
}

export interface ShownHeaders {
  /** Flat list. Throws FORBIDDEN where they cannot be made of the request. */
  headersFor(target: { readonly name: string }): readonly string[];
}

/** A server's own `requestState`, unsealed. */
export interface UpstreamState {
  readonly target: string;
  readonly state: string;
}

/** Raw JSON text of a result or of an error object. */
export interface McpOutcome {
  readonly kind: 'result' | 'error';
  readonly body: Buffer;
}

/** A request from an upstream server to the client: sampling, elicitation, roots. */
export interface Question {
  readonly message: Message;
  /** Cancelled when the server withdraws it or the call that asked is over. */
  readonly cancel: Cancel;
  /** Passes the client's progress notification on to the server that asked. */
  progress(message: Buffer): void;
}

/** What flows beside a result, towards the client that waits for it. */
export interface Peer {
  /** The answer comes over a stream that can be resumed: a client may want to know before the first message. */
  resumable?(): void;
  /** The server wants the connection closed until `retryMs` have passed; the answer is fetched by resuming. */
  paused?(retryMs: number): void;
  /** A whole notification message. `droppable`: newer ones replace it or it may be lost when the reader is slow. */
  notify(message: Buffer, importance: Importance): void;
  ask(question: Question): Promise<McpOutcome>;
}

export type Importance = 'progress' | 'log' | 'keep';
