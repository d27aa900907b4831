/**
 * Keeps secrets out of logs, error texts and dumps (house law 9): copies plain data without them. What a secret is
 * called and looks like is known to lib/secrets.ts. It must not know where values go.
 */
import {
  isSecretName,
  isSessionName,
  plainName,
  REDACTED,
  redactArgument,
  redactText,
  shortSession,
} from '../lib/secrets.ts';

/** What a stdio target is started with lies 15 levels deep in a dump of the plan. */
const MAX_DEPTH = 32;
/** Inside a table that stands under a secret's name (`apiKey: {keys: [{key}]}`) these hold the secret itself. */
const INNER_WORDS = new Set(['key', 'keys', 'value', 'values', 'hash', 'digest', 'inline']);

/** Tables without such a name whose `key` is a secret all the same; elsewhere a `key` names or counts something. */
const KEYED = new Set(['session', 'store']);

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
  if (typeof value === 'string' && isSessionName(name)) return shortSession(value);
  if (plainName(name) === 'env' && typeof value === 'object') return blank(value);
  if (isTable(value) && KEYED.has(plainName(name))) return copy(value, { ...walk, secret: true });
  const secret = isSecretName(name);
  if (!secret && !(walk.secret && INNER_WORDS.has(plainName(name)))) return copy(value, walk);
  // `maxTokens: 4096` counts; a policy called `apiKey: {...}` is a table whose inner names decide.
  if (typeof value === 'number' && /tokens?$/i.test(name)) return value;
  if (Array.isArray(value))
    return value.map((item) => (isTable(item) ? copy(item, { ...walk, secret: true }) : REDACTED));
  if (isTable(value)) return copy(value, { ...walk, secret: true });
  return REDACTED;
}

function redactList(items: readonly unknown[], walk: Walk): unknown[] {
  return items.map((item, at) => {
    if (typeof item !== 'string') return copy(item, walk);
    const before = items[at - 1];
    return redactArgument(item, typeof before === 'string' ? before : undefined);
  });
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
