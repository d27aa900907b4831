/** Questions to an upstream apart from any exchange: a backend answers them, whoever watches it asks. */
import type { Cancel } from '../lib/cancel.ts';

/** How an upstream is asked whether it is well: over a connection of its own, with nobody's credentials. */
export interface Probe {
  /** The same for all that ask the same upstream with the same settings of connections. */
  readonly key: string;
  /** For messages. */
  readonly place: string;
  /** Rejects where no head of a reply comes. */
  ask(question: ProbeQuestion, cancel: Cancel): Promise<ProbeAnswer>;
  /** Resolves when it has taken a connection, which is closed then. */
  reach(cancel: Cancel): Promise<void>;
}

export interface ProbeQuestion {
  readonly method: string;
  readonly path: string;
  /** Flat list. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
  /** HTTP/2 alone carries it (gRPC). */
  readonly http2: boolean;
}

export interface ProbeAnswer {
  readonly status: number;
  /** Flat lists, names in lower case. */
  readonly headers: readonly string[];
  readonly trailers: readonly string[] | undefined;
  /** undefined: too long, or it broke off. */
  readonly body: Buffer | undefined;
}
