/**
 * Who calls, whatever the era and transport: the session of a legacy client, or a visitor (a client without a session).
 * What a call needs of its client, and no more.
 */
import type { GuardedRequest } from '../../core/guard.ts';
import type { Ports } from '../../core/ports.ts';
import type { Envelope } from '../bridge/envelope.ts';
import type { Catalogue, ListKind } from '../catalogue.ts';
import type { Era } from '../revisions.ts';
import type { Target } from '../target/target.ts';
import type { View } from '../view/view.ts';
import type { Links } from './links.ts';
import type { Seats } from './seats.ts';
import type { Shown } from './shown.ts';

export interface Caller {
  readonly era: Era;
  /** The revision the client speaks. */
  readonly version: string;
  readonly view: View;
  readonly ports: Ports;
  /** Names the session in logs; undefined for visitors. */
  readonly sessionId: string | undefined;
  /** Distinguishes readers of the lists of legacy servers; empty: a client that declared no capabilities. */
  readonly capabilityKey: string;
  /** What targets see of it. */
  readonly shown: Shown;
  readonly links: Links;
  /** Links for calls that need one to themselves; undefined where no call does. */
  readonly seats: Seats | undefined;
  /** Lists of links that have announced a change of their own. */
  privateList(target: Target, kind: ListKind): Catalogue | undefined;
  keepPrivate(target: Target, kind: ListKind, catalogue: Catalogue): void;
  /** The client is told that a list is another one now. */
  listChanged(kind: ListKind): void;
  /** The client's log level: a legacy client sets it once for its session. */
  setLevel(level: string | undefined): Promise<void>;
  /** What modern servers are told of a client that does not say it with each request. */
  envelope(): Envelope;
  /** A modern server's `requestState`, so that only this caller can bring it back, and only to that target. */
  sealState(target: string, state: string): string;
  /** It subscribes to resources by this request, and hears of them later on. */
  subscribes?(request: GuardedRequest): void;
  /** The answer to server/discover; undefined where clients do not ask that. */
  discover?(): Promise<Buffer>;
}
