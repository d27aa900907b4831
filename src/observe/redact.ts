/**
 * Keeps secrets out of logs, error texts and dumps (house law 9). Decides by the name a value stands under, then by
 * the shape of texts: URLs with credentials, bearer tokens, keys with a well-known prefix. It owns the list of names;
 * redact.test.ts pins it with literals, so that a name dropped here fails there. It must not know where values go.
 */
const REDACTED = '[redacted]';

/** Long enough to tell sessions apart in a log, too short to use one. */
const SESSION_CHARS = 8;
/** What a stdio target is started with lies 15 levels deep in a dump of the plan. */
const MAX_DEPTH = 32;

const SESSION = /^(?:mcp\.?)?session(?:\.?id)?$/;
const SECRET =
  /(?:token|secret|password|passwd|passphrase|authorization|cookie|credential|bearer|apikey|privatekey)s?$/;
const SECRET_START = /^(?:password|secret|authorization|privatekey)/;
const SECRET_KEY =
  /(?:access|account|api|auth|encryption|function|hash|license|master|secret|service|session|shared|signing|storage|subscription)keys?$/;
const SECRET_WORDS = new Set(['auth', 'jwt', 'pat', 'pwd', 'otp', 'clientassertion', 'xamzsignature']);
/** Harmless as config keys, secrets in a query: Google's `?key=`, Azure's `?sig=`, an OAuth redirect's `?code=`. */
const QUERY_WORDS = new Set(['key', 'sig', 'signature', 'code', 'state']);
/** Inside a table that stands under a secret's name (`apiKey: {keys: [{key}]}`) these hold the secret itself. */
const INNER_WORDS = new Set(['key', 'keys', 'value', 'values', 'hash', 'inline']);
/** Names that speak about a secret without holding one. */
const ABOUT = /(?:url|uri|endpoint|type|file|path|header|name|count|limit|ttl|ms|at|in|info|format|source)$/;

const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]{0,31}:\/\/)[^\s/?#"'@:]*(?::[^\s/?#"']*)?@/gi;
const QUERY_PAIR = /([?&;])([^=&#\s"'<>;]{1,64})=([^&#\s"'<>;]*)/g;
const SCHEME_CREDENTIALS = /\b(bearer|basic|digest|negotiate)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const JWT = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const HEADER_LINE = /^([A-Za-z][\w-]{0,63}):\s+\S/;
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
  const plain = flat(name);
  if (SECRET_WORDS.has(plain) || SECRET.test(plain) || SECRET_KEY.test(plain)) return true;
  return (SECRET_START.test(plain) || /[-_]auth$/i.test(name)) && !ABOUT.test(plain);
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
  if (clean.includes('=')) clean = clean.replace(QUERY_PAIR, queryPair);
  clean = clean.replace(SCHEME_CREDENTIALS, `$1 ${REDACTED}`);
  if (clean.includes('-----BEGIN')) clean = clean.replace(PRIVATE_KEY, REDACTED);
  return clean.replace(JWT, REDACTED).replace(KNOWN_PREFIX, REDACTED);
}

/**
 * A copy of plain data with its secrets replaced. `env` maps lose every value: what a variable is called says too
 * little about what it holds. Errors become `{name, message, code, stack, cause}`; cycles and great depth end as text.
 */
export function redact(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && CLEAN in value) return value;
  return copy(value, { depth: 0, secret: false, seen: new Set() });
}

const CLEAN = Symbol('clean');

/** Promises that these fields hold no secret, so that `redact` lets them pass: for the line written per request. */
export function markClean<T extends object>(fields: T): T {
  Object.defineProperty(fields, CLEAN, { value: true });
  return fields;
}

interface Walk {
  readonly depth: number;
  /** Inside a table whose name is a secret's. */
  readonly secret: boolean;
  readonly seen: Set<object>;
}

function copy(value: unknown, walk: Walk): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (walk.seen.has(value)) return '[circular]';
  if (walk.depth >= MAX_DEPTH) return '[deep]';
  walk.seen.add(value);
  const inner: Walk = { ...walk, depth: walk.depth + 1 };
  const made = copyObject(value, inner);
  walk.seen.delete(value);
  return made;
}

function copyObject(value: object, walk: Walk): unknown {
  if (Array.isArray(value)) return redactList(value, walk);
  if (value instanceof Error) return copyError(value, walk);
  if (value instanceof Map) return copyEntries(value.entries(), walk);
  if (value instanceof Set) return redactList([...value], walk);
  if (value instanceof Date || value instanceof URL)
    return redactText(String(value instanceof Date ? value.toISOString() : value));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return copyEntries(Object.entries(value), walk);
}

function copyEntries(entries: Iterable<[unknown, unknown]>, walk: Walk): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [key, value] of entries) made[String(key)] = member(String(key), value, walk);
  return made;
}

function member(name: string, value: unknown, walk: Walk): unknown {
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string' && SESSION.test(flat(name, '.'))) return shortSession(value);
  if (flat(name) === 'env' && typeof value === 'object') return blank(value);
  const secret = isSecretName(name);
  if (!secret && !(walk.secret && INNER_WORDS.has(flat(name)))) return copy(value, walk);
  // `maxTokens: 4096` counts; a policy called `apiKey: {...}` is a table whose inner names decide.
  if (typeof value === 'number' && /tokens?$/i.test(name)) return value;
  if (Array.isArray(value))
    return value.map((item) => (isTable(item) ? copy(item, { ...walk, secret: true }) : REDACTED));
  if (isTable(value)) return copy(value, { ...walk, secret: true });
  return REDACTED;
}

/** Command-line arguments carry a name and its secret in one item (`--token=x`, `X-Api-Key: x`) or as neighbours. */
function redactList(items: readonly unknown[], walk: Walk): unknown[] {
  return items.map((item, at) => {
    const before = items[at - 1];
    if (typeof item !== 'string') return copy(item, walk);
    if (typeof before === 'string' && before.startsWith('-') && isSecretName(trimFlag(before)))
      return REDACTED;
    const flag = /^(-{1,2}[A-Za-z][\w-]*|[A-Za-z_]\w*)=/.exec(item) ?? HEADER_LINE.exec(item);
    if (!flag || !isSecretName(trimFlag(flag[1] as string))) return redactText(item);
    return item.startsWith(`${flag[1]}=`) ? `${flag[1]}=${REDACTED}` : `${flag[1]}: ${REDACTED}`;
  });
}

function trimFlag(text: string): string {
  return text.replace(/^-+/, '');
}

function blank(value: object): unknown {
  return Array.isArray(value)
    ? value.map(() => REDACTED)
    : Object.fromEntries(Object.keys(value).map((name) => [name, REDACTED]));
}

function copyError(error: Error, walk: Walk): Record<string, unknown> {
  const { code, cause } = error as Error & { code?: unknown };
  return {
    name: error.name,
    message: redactText(error.message),
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(cause === undefined ? {} : { cause: copy(cause, walk) }),
  };
}

function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `X-Api-Key`, `x_api_key` and `xApiKey` are one name. */
function flat(name: string, keep = ''): string {
  return name.toLowerCase().replace(keep ? /[-_\s]/g : /[-_.\s]/g, '');
}

function queryPair(pair: string, mark: string, name: string): string {
  const head = `${mark}${name}=`;
  if (pair === head) return pair;
  if (SESSION.test(flat(name))) return head + shortSession(pair.slice(head.length));
  return isSecretName(name) || QUERY_WORDS.has(flat(name)) ? head + REDACTED : pair;
}
