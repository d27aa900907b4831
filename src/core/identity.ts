/** Who a client proved to be, and by what: set by authentication, read by rules, logs and everything kept per client. */

export interface Identity {
  /**
   * Names the client among all others: `jwt:<issuer>|<subject>`, `key:<hash>`, `basic:<user>`, `tls:<hash>`; for tokens
   * without a subject `jwt-client:<issuer>|<client_id>` or `jwt-token:<hash>`. Empty for anonymous clients.
   */
  readonly principal: string;
  /** Claims of a verified token. */
  readonly jwt?: Readonly<Record<string, unknown>> | undefined;
  readonly apiKey?: ApiKeyIdentity | undefined;
  readonly basicAuth?: { readonly username: string } | undefined;
}

export interface ApiKeyIdentity {
  /** As configured beside the key. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What a client proved itself with. Kept apart from the identity, which rules and logs read. */
export interface Credential {
  readonly kind: 'jwt' | 'apiKey' | 'basicAuth';
  /** Where in the request it stood, e.g. `header authorization`. */
  readonly place: string;
  /** Without the prefix of its place. */
  readonly value: string;
}

/** What the connection says of the other side; the certificate only after it was verified (mTLS). */
export interface PeerCertificate {
  /** SHA-256 of the certificate, as hex. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly subjectCn: string | undefined;
  readonly issuer: string;
  readonly subjectAltNames: readonly string[];
  /** PEM. */
  readonly certificate: string;
}
