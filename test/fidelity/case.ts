/** One thing that is sent both ways, and the ways there are. */

/** Upstream transports of a single target; `merged`: one HTTP target of several, where names and URIs carry its name. */
export type Way = 'http' | 'sse' | 'stdio' | 'merged';

export interface Case {
  readonly group: string;
  readonly name: string;
  readonly method: string;
  /** JSON text. */
  readonly params: string;
  /** JSON text; default: a number of our own. */
  readonly id?: string;
  /**
   * What is compared: the answer as it came, the entries of a list over all its pages, or the params as the upstream
   * received them (the answer of the tool `received`).
   */
  readonly compare: 'answer' | 'list' | 'received';
  /** How many events come with it. */
  readonly events?: number;
  /** Ways that cannot carry it at all: stdio has one message per line. */
  readonly notVia?: readonly Way[];
  /** The member that holds the entries of a list. */
  readonly entries?: string;
}
