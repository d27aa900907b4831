/** One thing that is sent both ways, and the ways and pairs there are. */
import type { Era } from '../../src/mcp/revisions.ts';

/**
 * Upstream transports of a single target; `merged`: one HTTP target of several, where names and URIs carry its name;
 * `sdk`: not our raw server but one made with the official SDK, over HTTP.
 */
export type Way = 'http' | 'sse' | 'stdio' | 'merged' | 'sdk';

/** Who speaks which era: `modern-legacy` is a modern client and a legacy server. */
export type Pair = `${Era}-${Era}`;

export const PAIRS: readonly Pair[] = ['legacy-legacy', 'legacy-modern', 'modern-legacy', 'modern-modern'];

export const erasOf = (pair: Pair): { client: Era; server: Era } => {
  const [client, server] = pair.split('-') as [Era, Era];
  return { client, server };
};

/** The old SSE transport has only the older era. */
export const waysOf = (pair: Pair): readonly Way[] =>
  erasOf(pair).server === 'legacy'
    ? ['http', 'sse', 'stdio', 'merged', 'sdk']
    : ['http', 'stdio', 'merged', 'sdk'];

/** Where a case is compared, and what the gateway is allowed to know of it. */
export interface Place {
  readonly pair: Pair;
  readonly way: Way;
}

export interface Case {
  readonly group: string;
  readonly name: string;
  readonly method: string;
  /** JSON text. */
  readonly params: string;
  /** JSON text; default: a number of our own. */
  readonly id?: string;
  /**
   * What is compared. `answer`: as it came. `list`: the entries over all pages. `received`: the request as the upstream
   * received it (the answer of the tool `received`), with what was sent. `opening`: what the server says of itself.
   * `opened`: what the server was told of the client. `questions`: what the client was asked and what the server heard.
   * `noted`: a notification as the server received it (the answer of the tool `noted`), with what was sent.
   */
  readonly compare: 'answer' | 'list' | 'received' | 'opening' | 'opened' | 'questions' | 'noted';
  /** The tool that is asked what was noted, as the client knows it. */
  readonly tool?: string;
  /** How many events come with it. */
  readonly events?: number;
  /** Ways that cannot carry it at all: stdio has one message per line. */
  readonly notVia?: readonly Way[];
  /** The member that holds the entries of a list. */
  readonly entries?: string;
  /** Results for what the client is asked, in order: JSON texts. */
  readonly answers?: readonly string[];
  /** The least level of log messages that a modern client wants. */
  readonly logLevel?: string;
  /** Further headers of a modern client. */
  readonly headers?: Readonly<Record<string, string>>;
}
