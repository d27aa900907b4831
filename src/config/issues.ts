/**
 * Says what a schema issue means to the person who wrote the document. The schema library's own texts speak of
 * types and unions; a reader wants the key, what was expected there and what to write instead.
 */
import type { z } from 'zod';
import { closest } from '../lib/suggest.ts';
import type { Definitions } from './definitions.ts';
import type { Finding, Path } from './diagnostics.ts';
import { retyped } from './interpolate.ts';
import { knownKeys, knownValues } from './known-keys.ts';
import { type JsonSchema, keysAt, ownersOf } from './schema-walk.ts';

type Issue = z.core.$ZodIssue;

export interface IssueContext {
  readonly document: unknown;
  readonly definitions: Definitions;
  readonly schema: JsonSchema;
}

/** More than these are no help. */
const MOST_KEYS = 16;
const UNSUPPORTED = 'is known to the Rust gateway, not supported here yet';

export function explainIssues(issues: readonly Issue[], context: IssueContext): Finding[] {
  return issues.flatMap((issue) => explain(issue, [], context));
}

function explain(issue: Issue, base: Path, context: IssueContext): Finding[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => beside(path, key, { issue, context }) ?? unknownKey(path, key, context));
    case 'invalid_type':
      return [wrongType(path, [issue.expected], context)];
    case 'invalid_union':
      return explainUnion(issue.errors, path, context);
    case 'invalid_value':
      return [wrongValue(path, issue.values, context)];
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => explain(inner, path, context));
    case 'too_small':
      return [{ path, message: tooSmall(issue.origin, issue.minimum) }];
    case 'too_big':
      return [{ path, message: `must be at most ${issue.maximum}${UNITS[issue.origin] ?? ''}` }];
    case 'custom':
      return [{ path, message: issue.message, lacks: true }];
    default:
      return [{ path, message: lowerFirst(issue.message.replace(/^Invalid \w+: /, '')) }];
  }
}

/** The branch that got furthest speaks; when none got past the value itself, all that it may be is named. */
function explainUnion(errors: readonly Issue[][], path: Path, context: IssueContext): Finding[] {
  const branches = flattened(errors);
  const [best] = branches
    .filter((branch) => !branch.some(isAboutItself))
    .sort((one, other) => one.length - other.length);
  if (best) return best.flatMap((issue) => explain(issue, path, context));
  const issues = branches.flat().filter((issue) => issue.path.length === 0);
  const types = issues.flatMap((issue) => (issue.code === 'invalid_type' ? [issue.expected] : []));
  const values = issues.flatMap((issue) => (issue.code === 'invalid_value' ? issue.values : []));
  return [
    values.length === 0 ? wrongType(path, types, context) : wrongValue(path, values, { ...context, types }),
  ];
}

function flattened(errors: readonly Issue[][]): Issue[][] {
  return errors.flatMap((branch) => {
    const [only, ...others] = branch;
    const nested = only?.code === 'invalid_union' && only.path.length === 0 && others.length === 0;
    return nested && only.errors.length > 0 ? flattened(only.errors) : [branch];
  });
}

function isAboutItself({ code, path }: Issue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
}

/** A key that may stand here, but not with the others. */
function beside(
  parent: Path,
  key: string,
  { issue, context }: { readonly issue: z.core.$ZodIssueUnrecognizedKeys; readonly context: IssueContext },
): Finding | undefined {
  if (!keysAt(context.schema, parent).includes(key)) return undefined;
  const given = Object.keys(valueAt(context.document, parent) ?? {});
  const others = given.filter((one) => !issue.keys.includes(one)).map((one) => `\`${one}\``);
  if (others.length === 0) return undefined;
  return {
    path: [...parent, key],
    onKey: true,
    message: `\`${key}\` cannot stand beside ${others.join(', ')}`,
  };
}

function unknownKey(parent: Path, key: string, context: IssueContext): Finding {
  const path = [...parent, key];
  const known = knownKeys(parent);
  const at = { path, onKey: true, unknown: true };
  if (known.includes(key)) return { ...at, unsupported: true, message: `\`${key}\` ${UNSUPPORTED}` };
  const policy = context.definitions.policies.find((one) => one.key === key);
  if (policy && (parent.at(-1) === 'policies' || parent[0] === 'gateways')) {
    const hint = `it may stand on a ${alternatives(policy.attach)}`;
    return { ...at, message: `the policy \`${key}\` cannot stand here`, hint };
  }
  return { ...at, message: `unknown key \`${key}\``, hint: keyHint(path, known, context.schema) };
}

function keyHint(path: Path, known: readonly string[], schema: JsonSchema): string | undefined {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const here = keysAt(schema, parent);
  const ours = closest(key, here);
  if (ours !== undefined) return `did you mean \`${ours}\`?`;
  const owners = ownersOf(schema, parent, key);
  if (owners.length > 0) return `it belongs under ${alternatives(owners.map((owner) => `\`${owner}\``))}`;
  const theirs = closest(key, known);
  if (theirs !== undefined) return `did you mean \`${theirs}\`? That one ${UNSUPPORTED}`;
  return here.length > 0 && here.length <= MOST_KEYS ? `known here: ${here.join(', ')}` : undefined;
}

/** `types`: what else it may be. */
function wrongValue(
  path: Path,
  values: readonly unknown[],
  context: IssueContext & { readonly types?: readonly string[] },
): Finding {
  const { types = [] } = context;
  const value = valueAt(context.document, path);
  const options = values.map(String);
  if (value === undefined) return missing(path);
  if (typeof value === 'string' && knownValues(path).includes(value))
    return { path, unsupported: true, message: `\`${value}\` ${UNSUPPORTED}` };
  const also = types.length === 0 ? '' : `, or ${alternatives(typeNames(types))}`;
  const message = `expected one of ${options.join(', ')}${also}`;
  const keys = mappingHint(path, types, context);
  if (typeof value !== 'string') return { path, message: `${message}, got ${describe(value)}`, hint: keys };
  const guess = closest(value, options);
  return { path, message, hint: guess === undefined ? keys : `did you mean \`${guess}\`?` };
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
};

function typeNames(types: readonly string[]): string[] {
  return [...new Set(types.filter((one) => one !== 'null').map((one) => TYPES[one] ?? one))];
}

const RETYPED = ['number', 'int', 'boolean'];

function wrongType(path: Path, expected: readonly string[], context: IssueContext): Finding {
  const value = valueAt(context.document, path);
  if (value === undefined) return missing(path);
  const message = `expected ${alternatives(typeNames(expected))}, got ${describe(value)}`;
  if (expected.includes('string') && (typeof value === 'number' || typeof value === 'boolean')) {
    return { path, message, hint: 'put quotes around it' };
  }
  if (
    typeof value === 'string' &&
    retyped(value) !== undefined &&
    RETYPED.some((one) => expected.includes(one))
  )
    return { path, message, hint: 'write it without quotes' };
  if (value === null) return { path, message, hint: 'write a value behind it, or leave the key out' };
  const list = expected.includes('array') ? 'list items begin with "- "' : undefined;
  return { path, message, hint: mappingHint(path, expected, context) ?? list };
}

/** What may stand in the mapping that is expected here. */
function mappingHint(path: Path, expected: readonly string[], { schema }: IssueContext): string | undefined {
  if (!expected.includes('object')) return undefined;
  const keys = keysAt(schema, path);
  if (keys.length === 0) return 'write `{}`';
  return keys.length <= MOST_KEYS ? `its keys: ${keys.join(', ')}` : undefined;
}

function missing(path: Path): Finding {
  return { path: path.slice(0, -1), message: `\`${path.at(-1)}\` is missing`, lacks: true };
}

function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number';
  return typeof value === 'boolean' ? String(value) : 'text';
}

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' items' };

function tooSmall(origin: string, limit: number | bigint): string {
  if (origin in UNITS && limit === 1) return 'must not be empty';
  return `must be at least ${limit}${UNITS[origin] ?? ''}`;
}

function alternatives(names: readonly string[]): string {
  return names.join(', ').replace(/, ([^,]*)$/, ' or $1');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}
