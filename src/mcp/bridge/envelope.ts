/** What a modern request says of its client: the reserved members of `params._meta` (revision 2026-07-28). */

/** Raw JSON texts where not said otherwise. */
export interface Envelope {
  /** Decoded. */
  readonly version: string;
  /** An object. */
  readonly capabilities: Buffer;
  readonly info: Buffer | undefined;
  /** Decoded; undefined: the client wants no log messages of this call. */
  readonly logLevel: string | undefined;
}
