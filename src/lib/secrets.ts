/**
 * What a secret is called and what it looks like: by the name a value stands under, then by the shape of texts: URLs
 * with credentials, `NAME=value`, bearer tokens, keys with a well-known prefix. The only list of such names;
 * secrets.test.ts pins it with literals, so that a name dropped here fails there. It must not know where texts go.
 */
export const REDACTED = '[redacted]';

/** Long enough to tell sessions apart in a log, too short to use one. */
const SESSION_CHARS = 8;

const SESSION = /^(?:mcp\.?)?session(?:\.?id)?$/;
const SECRET =
  /(?:token|secret|password|passwd|passphrase|authorization|cookie|credential|bearer|apikey|privatekey)s?$/;
const SECRET_START = /^(?:password|secret|authorization|privatekey)/;
const SECRET_KEY =
  /(?:access|account|api|auth|encryption|function|hash|license|master|secret|service|session|shared|signing|storage|subscription)keys?$/;
/** Spelled as variables are: `OPENAI_KEY`, `DB_PASS`, `SENTRY_DSN`, `TOKEN_PROD`. */
const SECRET_VARIABLE =
  /(?:^|_)(?:PASS|PWD|DSN)$|_KEY(?:_\d+)?$|(?:^|_)(?:TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY|PRIVATE_KEY)_/;
const SECRET_WORDS = new Set(['auth', 'jwt', 'pat', 'pwd', 'otp', 'clientassertion', 'xamzsignature']);
/** Harmless as config keys, secrets in a query: Google's `?key=`, Azure's `?sig=`, an OAuth redirect's `?code=`. */
const QUERY_WORDS = new Set(['key', 'sig', 'signature', 'code', 'state']);
/** Names that speak about a secret without holding one. */
const ABOUT = /(?:url|uri|endpoint|type|file|path|header|name|count|limit|ttl|ms|at|in|info|format|source)$/;

const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]{0,31}:\/\/)[^\s/?#"'@:]*(?::[^\s/?#"']*)?@/gi;
const QUERY_PAIR = /([?&;])([^=&#\s"'<>;]{1,64})=([^&#\s"'<>;]*)/g;
/** `API_KEY=x`, `--token='x y'`, also in JSON inside JSON; a quote that is not closed reaches to the line's end. */
const ASSIGNMENT =
  /(^|[\s"'`(,[{&|;])(-{0,2}[A-Za-z_][\w.-]{0,63})=((?:\\?"[^"\n]*"?|\\?'[^'\n]*'?|[^\s"'`&|;<>])+)/g;
/** Also where a line break before it is escaped, as in JSON inside JSON. */
const SCHEME_CREDENTIALS = /(?:\b|(?<=\\[nrt]))(bearer|basic|digest|negotiate)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const JWT = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
/** An argument that is a name and its value: `--token=x`, `API_KEY=x`, `X-Api-Key: x`. */
const SETTING = /^(-{0,2}[A-Za-z_][\w.-]*)(?:=|:\s+)(?=\S)/;
const KNOWN_PREFIX =
  /\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{12,}|AIza[A-Za-z0-9_-]{20,})/g;

/** What every pattern above needs to be there: one pass instead of seven for the many harmless texts. */
const SUSPICIOUS =
  /:\/\/|=|-----BEGIN|(?:bearer|basic|digest|negotiate)\s|eyJ|sk-|gh[pousr]_|github_pat_|glpat-|xox|AKIA|AIza/i;

/** Answers by name: the same few hundred names come back on every line. Bounded, names can come from clients. */
const known = new Map<string, boolean>();
const KNOWN_NAMES = 2000;

/** True when a value under this name (header, query parameter, config key, variable) is a secret. */
export function isSecretName(name: string): boolean {
  let secret = known.get(name);
  if (secret === undefined) {
    secret = judgeName(name);
    if (known.size < KNOWN_NAMES) known.set(name, secret);
  }
  return secret;
}

function judgeName(name: string): boolean {
  const plain = plainName(name);
  if (SECRET_WORDS.has(plain) || SECRET.test(plain) || SECRET_KEY.test(plain)) return true;
  const variable = /^[A-Z][A-Z0-9_]*$/.test(name) && SECRET_VARIABLE.test(name);
  return (variable || SECRET_START.test(plain) || /[-_]auth$/i.test(name)) && !ABOUT.test(plain);
}

/** True when a value under this name is a session's id, which is shortened rather than hidden. */
export function isSessionName(name: string): boolean {
  return SESSION.test(name.toLowerCase().replace(/[-_\s]/g, ''));
}

/** A session id for people: its first characters. */
export function shortSession(id: string): string {
  return id.length <= SESSION_CHARS ? id : id.slice(0, SESSION_CHARS);
}

/** A text with the secrets in it replaced: URL userinfo, secret query parameters, credentials, tokens. */
export function redactText(text: string): string {
  if (text.length < 8 || !SUSPICIOUS.test(text)) return text;
  let clean = text;
  if (clean.includes('://')) clean = clean.replace(URL_CREDENTIALS, `$1${REDACTED}@`);
  if (clean.includes('=')) clean = clean.replace(QUERY_PAIR, queryPair).replace(ASSIGNMENT, assignment);
  clean = clean.replace(SCHEME_CREDENTIALS, `$1 ${REDACTED}`);
  if (clean.includes('-----BEGIN')) clean = clean.replace(PRIVATE_KEY, REDACTED);
  return clean.replace(JWT, REDACTED).replace(KNOWN_PREFIX, REDACTED);
}

/** An argument of a command line, without the secret in it. */
export function redactArgument(item: string, before: string | undefined): string {
  const secret = secretIn(item, before);
  return secret === undefined ? redactText(item) : item.slice(0, item.length - secret.length) + REDACTED;
}

/** The secret at the end of an argument: it and its name are one item, also in a flag's (`--header=X-Api-Key: x`), or neighbours. */
export function secretIn(item: string, before: string | undefined): string | undefined {
  if (before?.startsWith('-') && isSecretName(trimFlag(before))) return item;
  const head = secretHead(item);
  if (head !== undefined) return item.slice(head.length);
  const at = item.startsWith('-') ? item.indexOf('=') + 1 : 0;
  const inner = secretHead(item.slice(at));
  return inner === undefined ? undefined : item.slice(at + inner.length);
}

function secretHead(text: string): string | undefined {
  const setting = SETTING.exec(text);
  return setting && isSecretName(trimFlag(setting[1] as string)) ? setting[0] : undefined;
}

/** `X-Api-Key`, `x_api_key` and `xApiKey` are one name. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_.\s]/g, '');
}

function trimFlag(text: string): string {
  return text.replace(/^-+/, '');
}

function queryPair(pair: string, mark: string, name: string): string {
  const head = `${mark}${name}=`;
  if (pair === head) return pair;
  if (isSessionName(name)) return head + shortSession(pair.slice(head.length));
  return isSecretName(name) || QUERY_WORDS.has(plainName(name)) ? head + REDACTED : pair;
}

function assignment(...[pair, mark, flag, value]: string[]): string {
  const name = trimFlag(flag as string);
  // `max_tokens=4096` counts.
  if (!isSecretName(name) || (/tokens$/i.test(name) && /^\d+$/.test(value as string))) return pair as string;
  return `${mark}${flag}=${REDACTED}`;
}
