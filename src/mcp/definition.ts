/**
 * What a kind of target (stdio, mcp, sse, openapi) brings: its schema and how one connection to the upstream
 * is opened. mcp/ holds the interface, targets/ implement it, so that the core knows no transport by name.
 */
import type { ZodType } from 'zod';
import type { BackendDeps } from '../core/backend.ts';
import type { GatewayError } from '../core/errors.ts';
import type { CredentialOwner, UpstreamCredentials } from '../core/outgoing.ts';
import type { PolicySet } from '../core/policy.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import type { CallRecord } from '../core/signals.ts';
import type { Cancel } from '../lib/cancel.ts';
import type { Era } from './revisions.ts';

/** One duplex message channel to an upstream server, before and after initialize. */
export interface Wire extends Closable {
  /**
   * Sends one JSON-RPC message, already free of CR and LF. For a request, every message its answer stream carries
   * arrives through `WireEvents.message` with `origin` = `request`. Rejects when the message certainly or possibly
   * did not arrive (GatewayError); for requests it settles when the answer stream has ended.
   */
  send(message: Buffer, outgoing: Outgoing): Promise<void>;
  /**
   * Opens the stream for messages that no request carries, where the transport has such a thing. Idempotent. Settles
   * when the stream is open or the server has said that it has none: what it sends before is lost on many servers.
   */
  listen?(): Promise<void>;
  /** Ends that stream when nobody listens any more. */
  unlisten?(): void;
  /** Headers of the client from now on, where the wire carries any: a renewed login. */
  show?(headers: readonly string[]): void;
  /** The revision agreed at initialize: HTTP repeats it as a header on every request. */
  agreed?(protocolVersion: string): void;
  /** True when the transport says which request a message belongs to (HTTP); false for stdio and SSE. */
  readonly relates: boolean;
  /** Closing an answer's stream tells the server that nobody waits (modern HTTP); otherwise it is told by notification. */
  readonly cancelsByClosing?: boolean;
  /** Text for errors: the tail of a child's stderr. */
  diagnostics?(): string | undefined;
}

export interface Outgoing {
  /** The request's id on this wire; undefined for notifications and responses. */
  readonly request: number | undefined;
  readonly method: string | undefined;
  /** tools/call and prompts/get: native name; resources/read: uri. For the Mcp-Name header of newer revisions. */
  readonly name: string | undefined;
  /** Cancelled: stop waiting for the answer (the caller has sent notifications/cancelled if it wants that). */
  readonly cancel: Cancel | undefined;
  /** Extra headers of this message where the transport has headers: traceparent. */
  readonly headers: readonly string[] | undefined;
  /** Headers of the client for this message alone, in place of those the wire has. */
  readonly client?: readonly string[] | undefined;
  /** What is written down of the call, where the wire knows more of it than its message says. */
  readonly record?: Pick<CallRecord, 'reason' | 'upstreamStatus'> | undefined;
  /** The answer is a stream that may be silent for ever (`subscriptions/listen`). */
  readonly long?: boolean;
}

export interface WireEvents {
  /** One JSON-RPC message. The buffer belongs to the receiver. */
  message(message: Buffer, origin: number | undefined): void;
  /** The server answers this request with an event stream that a client can resume (it began with an event id). */
  resumable?(origin: number): void;
  /** It has closed that stream before the answer, to be asked again after `retryMs`. */
  paused?(origin: number, retryMs: number): void;
  /** The wire is gone and will not come back: child exit, SSE stream lost. Not called after `close`. */
  closed(error: Error): void;
}

export interface OpenOptions {
  readonly events: WireEvents;
  /** Headers that belong to the client on whose behalf the wire is opened (flat list); only HTTP kinds use them. */
  readonly headers: readonly string[];
  /** For whom its personal credentials are; undefined: the gateway itself. */
  readonly owner?: CredentialOwner;
  readonly cancel: Cancel;
  /** `probe`: the target's own connection; `session`: on behalf of one client. */
  readonly purpose: 'probe' | 'session';
  /** What will be spoken over the wire. */
  readonly era: Era;
}

/** Opens wires to one upstream server. Lives as long as its target. */
export interface Connector extends Closable {
  open(options: OpenOptions): Promise<Wire>;
  /** `shared`: one wire serves every session; `session`: each session has its own. */
  readonly lifecycle: 'shared' | 'session';
  /** Whether a session can be resumed by opening a new wire (a restarted gateway, a lost upstream session). */
  readonly resumable: boolean;
  /** Whether client headers may be passed on (HTTP kinds). */
  readonly takesHeaders: boolean;
  /** Whether its wires say which request a message belongs to (see `Wire.relates`). */
  readonly relates: boolean;
  /**
   * How its wires meet the two eras: `together`: one wire carries either (stdio), `apart`: each has wires of its own
   * (HTTP). Undefined: whatever is there, it is spoken to as a legacy server.
   */
  readonly eras?: 'together' | 'apart';
  /**
   * A greeting failed over `wire`, or the wire could not be opened (undefined). Whether there is another transport to
   * try: the next `open` then goes that way.
   */
  another?(error: GatewayError, wire: Wire | undefined): boolean;
  /** Where it leads, for people: a URL without credentials, or a command. */
  readonly address: string;
  /** A cheap start: spare children. Called when the target comes up. */
  warm?(): void;
}

export interface TargetDefinition<C = unknown> {
  readonly key: string;
  readonly schema: ZodType<C>;
  /** Nothing that is sent to it could carry headers or credentials, so policies about them cannot stand there. */
  readonly bare?: true;
  /** Where it is reached over HTTP; undefined: it is not. What a server says of logins stands beside it. */
  url?(config: C): URL | undefined;
  /** What needs a new upstream resource when it changes, `policies` included only where they shape the connection. */
  identity(config: C, policies: PolicySet): unknown;
  build(config: C, deps: ConnectorDeps): Connector;
}

export interface ConnectorLimits {
  /** One message from the server. */
  readonly messageBytes: number;
  /** Child processes at the same time, of all targets. */
  readonly children: number;
}

export interface ConnectorDeps {
  readonly ports: Ports;
  readonly name: string;
  readonly backend: Pick<BackendDeps, 'lasting' | 'scope' | 'policies'>;
  readonly timeouts: { readonly connectMs: number };
  /** As they are now: a reload may change them. Undefined: the standard ones. */
  readonly limits?: ConnectorLimits | undefined;
  /** What each request to the upstream carries; kinds without requests of their own ignore it. */
  readonly credentials?: UpstreamCredentials | undefined;
}

export function defineTarget<C>(definition: TargetDefinition<C>): TargetDefinition {
  return definition as TargetDefinition as TargetDefinition<unknown>;
}
