/**
 * Failures we know, by leg: `row direct` or `row via upstream`. Each names the sentence of the specification that makes
 * the check impossible. An unexpected failure fails the run, and so does an entry that no longer fails: the list may
 * only shrink. A check that passes directly and is not reached through the gateway counts as a failure too.
 */
export interface KnownFailure {
  /** `scenario:check-id`, as the table of failures prints it. */
  readonly check: string;
  readonly reason: string;
}

/** The fixture's tool closes the stream of its call in mid-call; only streamable HTTP has such a stream. */
const nothingToClose: KnownFailure = {
  check: 'server-sse-polling:server-sse-disconnect-resume',
  reason:
    '"the server MAY close the connection (without terminating the SSE stream) at any time" (2025-11-25, transports) is said of streamable HTTP: over this transport the server has no stream of the call to close',
};

/** A legacy server asks by sending a request, which has an id and no name; the gateway gives it a key. */
const noName =
  '"inputRequests keys are server assigned identifiers" (2026-07-28, multi round-trip requests): elicitation/create of 2025-11-25 has none, so what the suite calls user_name has another key';

const namelessQuestions: readonly KnownFailure[] = [
  { check: 'input-required-result-basic-elicitation:sep-2322-elicitation-incomplete', reason: noName },
  { check: 'input-required-result-basic-elicitation:sep-2322-elicitation-complete', reason: noName },
  {
    check: 'input-required-result-ignore-extra-params:sep-2322-ignore-unexpected-params',
    reason: `${noName}; the answer that the suite gives before it was asked answers nothing (a SHOULD)`,
  },
];

/** RFC 9728 section 3.3: clients refuse metadata whose `resource` is not the URL they asked, which is the gateway's. */
const otherResource =
  'a client "MUST NOT use" metadata of another resource (RFC 9728 section 3.3), so what the gateway passes on names the gateway, and that is what the client then asks a token for; the suite compares with the metadata of its own server. Nobody can translate between the two, since the authorization server names itself in its answers (RFC 9207)';

/** The suite's authorization server holds the resource of a token request against its own metadata in these. */
const boundToResource: readonly KnownFailure[] = [
  'metadata-default',
  'metadata-var1',
  'metadata-var2',
  'metadata-var3',
  'token-endpoint-auth-basic',
  'token-endpoint-auth-post',
  'token-endpoint-auth-none',
].map((scenario) => ({ check: `auth/${scenario}:resource-parameter-matches-prm`, reason: otherResource }));

export const expected: Readonly<Record<string, readonly KnownFailure[]>> = {
  '2025-11-25 via stdio': [nothingToClose],
  '2025-11-25 via sse': [nothingToClose],
  'modern-to-legacy via http': namelessQuestions,
  'modern-to-legacy via stdio': namelessQuestions,
  'modern-to-legacy via sse': namelessQuestions,
  'clients-2025-11-25 via http': boundToResource,
  'clients-2026-07-28 via http': [
    ...boundToResource,
    {
      check: 'auth/enterprise-managed-authorization:complete-flow-jwt-bearer',
      reason: `${otherResource} (an extension)`,
    },
    {
      check: 'auth/enterprise-managed-authorization:valid-bearer-token',
      reason: 'there is no token without the grant that fails before (an extension)',
    },
  ],
};
