/** The two ends of a link: who we are towards an upstream, and what it said of itself. Knows no transport. */
import type { Envelope } from '../bridge/envelope.ts';
import type { Era } from '../revisions.ts';
import type { Link } from './link.ts';

/** Who we are towards an upstream: a client we speak for, or the gateway itself. Raw JSON texts. */
export interface ClientIdentity {
  readonly version: string;
  readonly capabilities: Buffer;
  readonly info: Buffer;
}

/** What an upstream said of itself: at initialize (legacy) or to server/discover (modern). */
export interface ServerInfo {
  readonly era: Era;
  /** The revision agreed on. */
  readonly version: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly serverInfo: unknown;
  readonly instructions: string | undefined;
  /** The whole result as it came. */
  readonly raw: Buffer;
}

export interface LinkWithInfo {
  readonly link: Link;
  readonly info: ServerInfo;
  /** Modern links: whom the gateway's own requests over it speak for. Undefined on legacy ones. */
  readonly envelope: Envelope | undefined;
}

/** A link, and what requests over it show of the client whatever the link itself goes on with (flat list). */
export interface ShowingLink extends LinkWithInfo {
  readonly client?: readonly string[] | undefined;
}
