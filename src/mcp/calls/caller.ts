/**
 * Who calls, whatever the era and transport: the session of a legacy client, or a visitor (a client without a session).
 * What a call needs of its client, and no more.
 */
import type { Ports } from '../../core/ports.ts';
import type { Catalogue, ListKind } from '../catalogue.ts';
import type { Era } from '../revisions.ts';
import type { Target } from '../target/target.ts';
import type { View } from '../view/view.ts';
import type { Links } from './links.ts';

export interface Caller {
  readonly era: Era;
  readonly view: View;
  readonly ports: Ports;
  /** Names the session in logs; undefined for visitors. */
  readonly sessionId: string | undefined;
  /** Distinguishes readers of catalogues: capabilities and rights. */
  readonly reader: string;
  /** Client headers for the target of a single-target endpoint (flat list). */
  readonly headers: readonly string[];
  readonly links: Links;
  /** Lists of links that have announced a change of their own. */
  privateList(target: Target, kind: ListKind): Catalogue | undefined;
  keepPrivate(target: Target, kind: ListKind, catalogue: Catalogue): void;
  /** The client's log level: a legacy client sets it once for its session. */
  setLevel(level: string | undefined): Promise<void>;
}
