/** Proofs of who somebody is, towards us and towards upstreams. */
import { KIB, type Limit, MINUTE, SECOND } from './limit.ts';

export const AUTH_LIMITS = {
  token: {
    value: 16 * KIB,
    unit: 'bytes',
    error: 'UNAUTHENTICATED',
    what: 'A token (JWT) of a client.',
  },
  verifiedTokens: {
    value: 4096,
    unit: 'count',
    error: undefined,
    what: 'Tokens of one `jwtAuth` that are known to be valid and not verified again; the one not seen for longest is forgotten.',
  },
  credentialsBytes: {
    value: 256 * KIB,
    unit: 'bytes',
    error: 'CREDENTIALS_UNAVAILABLE',
    what: 'What an authorization server answers to the gateway as its client: metadata, tokens.',
  },
  // Less than an upstream has to be met in (`connect`): otherwise that would be blamed for what its issuer does.
  credentialsTime: {
    value: 5 * SECOND,
    unit: 'ms',
    error: 'CREDENTIALS_UNAVAILABLE',
    what: 'Time it has for such an answer.',
  },
  credentialsPause: {
    value: 10 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Least time between two tokens that are asked for because an upstream has refused the one before.',
  },
  clockSkew: {
    value: 60 * SECOND,
    unit: 'ms',
    error: 'UNAUTHENTICATED',
    what: 'What the clock of an issuer may differ from ours: tokens are valid for so much longer and sooner.',
  },
  keySetBytes: {
    value: 256 * KIB,
    unit: 'bytes',
    error: 'KEYS_UNAVAILABLE',
    what: 'A set of keys (JWKS), or the metadata, of an issuer.',
  },
  keySetKeys: { value: 100, unit: 'count', error: 'KEYS_UNAVAILABLE', what: 'Keys in such a set.' },
  keySetTime: {
    value: 5 * SECOND,
    unit: 'ms',
    error: 'KEYS_UNAVAILABLE',
    what: 'Time an address has to answer with one of them.',
  },
  keySetAge: {
    value: 10 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'Age at which they are fetched anew; the old ones serve meanwhile.',
  },
  keySetStale: {
    value: 24 * 60 * MINUTE,
    unit: 'ms',
    error: 'KEYS_UNAVAILABLE',
    what: 'Age to which they serve where they cannot be fetched anew.',
  },
  keySetPause: {
    value: 30 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Pause between two fetches of such a set that tokens with an unknown key bring about.',
  },
  oauthForm: {
    value: 64 * KIB,
    unit: 'bytes',
    error: 'BODY_TOO_LARGE',
    what: 'A registration or a token request of a client that is passed on to an authorization server (`mcpAuthentication`).',
  },
  password: {
    value: 1 * KIB,
    unit: 'bytes',
    error: 'UNAUTHENTICATED',
    what: 'A user name and its password (`basicAuth`).',
  },
  passwordsWaiting: {
    value: 64,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Passwords of one `basicAuth` that wait to be compared with a bcrypt hash, which takes a processor some 50 ms each.',
  },
  verifiedPasswords: {
    value: 1024,
    unit: 'count',
    error: undefined,
    what: 'Passwords of one `basicAuth` that are known to be right and not compared again; the one not seen for longest is forgotten.',
  },
  logins: {
    value: 4096,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Logins of people at upstreams (`oauthAuthorizationCode`) that have been offered and are not over; one for each person and server.',
  },
  loginTime: {
    value: 10 * MINUTE,
    unit: 'ms',
    error: 'LOGIN_NEEDED',
    what: 'Time from the offer of such a login, or from its page, to its end in the browser.',
  },
  keptTokens: {
    value: 10_000,
    unit: 'count',
    error: undefined,
    what: 'Logins that one store keeps tokens of; the one not renewed for longest is forgotten, and its owner logs in again.',
  },
} as const satisfies Record<string, Limit>;
