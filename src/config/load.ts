/** Text to plan: parse, expand variables, check, resolve. The one way in for every source of configuration. */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Plan } from '../core/plan.ts';
import type { Env } from '../core/ports.ts';
import type { Definitions } from './definitions.ts';
import { ConfigError, type Diagnostic, type Finding } from './diagnostics.ts';
import { type ConfigDocument, documentSchema } from './document.ts';
import { type Interpolated, interpolate, pathKey, retyped } from './interpolate.ts';
import { explainIssues } from './issues.ts';
import { documentJsonSchema } from './json-schema.ts';
import { parseConfig } from './parse.ts';
import { resolvePlan } from './plan.ts';
import { policyProblems } from './policy-problems.ts';
import type { Positions } from './positions.ts';
import { checkRules } from './rules.ts';
import { type JsonSchema, mapPaths } from './schema-walk.ts';

export interface ConfigSource {
  readonly text: string;
  /** As shown in messages. */
  readonly file: string;
  readonly definitions: Definitions;
  /** What its policies have loaded, by key; where it is missing, what only that could tell is not looked at. */
  readonly loaded?: ReadonlyMap<string, unknown>;
  readonly env: Env;
  /** The working directory: relative paths that do not exist in `folder` are looked up here. */
  readonly cwd: string;
  /** The folder of the configuration file. */
  readonly folder: string;
}

/** Throws ConfigError with everything that is wrong, in the order of the text. */
export function loadConfig(source: ConfigSource): Plan {
  return readDocument(source).plan;
}

/** A document, and where its values stand. */
export interface ReadDocument {
  readonly plan: Plan;
  readonly document: ConfigDocument;
  diagnostic(finding: Finding): Diagnostic;
}

/** Throws ConfigError as `loadConfig` does. */
export function readDocument(source: ConfigSource): ReadDocument {
  const { value, positions } = parseConfig(source);
  const expanded = interpolate(value, source.env);
  const { document, findings } = validate(expanded, source);
  if (!document || findings.length > 0) throw new ConfigError(diagnose(findings, positions, expanded.used));
  return {
    plan: resolvePlan(document, source.definitions),
    document,
    diagnostic: (finding) => hideValues(positions.diagnostic(finding), expanded.used),
  };
}

interface Schemas {
  readonly document: ReturnType<typeof documentSchema>;
  readonly json: JsonSchema;
}

/** Composing takes longer than checking, and a reload uses the same definitions. */
const composed = new WeakMap<Definitions, Schemas>();

function schemas(definitions: Definitions): Schemas {
  const known = composed.get(definitions);
  if (known) return known;
  const made = { document: documentSchema(definitions), json: documentJsonSchema(definitions) };
  composed.set(definitions, made);
  return made;
}

function validate(
  expanded: Interpolated,
  source: ConfigSource,
): { document: ConfigDocument | undefined; findings: Finding[] } {
  const { definitions } = source;
  const schema = schemas(definitions);
  let value = mapPaths(schema.json, expanded.value, (text) => resolvePath(text, source));
  let result = schema.document.safeParse(value);
  if (!result.success && expanded.expanded.size > 0) {
    value = retypeAt(value, refusedTexts(result.error.issues, expanded.expanded));
    result = schema.document.safeParse(value);
  }
  const shape = result.success
    ? []
    : explainIssues(result.error.issues, { document: value, definitions, schema: schema.json });
  const inner = result.success ? policyProblems(result.data, source) : [];
  const unset = new Set(expanded.findings.map((one) => pathKey(one.path)));
  const faults = [...shape, ...inner, ...checkRules(value, definitions)].filter(
    (one) => !unset.has(pathKey(one.path)),
  );
  const findings = [...expanded.findings, ...faults];
  return { document: result.data, findings: withoutConsequences(findings) };
}

interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
}

const ABOUT_TYPE = new Set<string | undefined>(['invalid_type', 'invalid_union', 'custom']);

/** Expanded scalars that the schema did not take as text. */
function refusedTexts(issues: readonly Issue[], expanded: ReadonlySet<string>): Set<string> {
  const refused = issues
    .filter((issue) => ABOUT_TYPE.has(issue.code))
    .map((issue) => JSON.stringify(issue.path));
  return new Set(refused.filter((key) => expanded.has(key)));
}

function retypeAt(
  value: unknown,
  keys: ReadonlySet<string>,
  path: readonly (string | number)[] = [],
): unknown {
  if (Array.isArray(value)) return value.map((item, index) => retypeAt(item, keys, [...path, index]));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, retypeAt(item, keys, [...path, key])]),
    );
  }
  return typeof value === 'string' && keys.has(pathKey(path)) ? (retyped(value) ?? value) : value;
}

/** Without what only follows from another fault: what stands inside an unsupported key, and what an object with an
 * unreadable key seems to lack. */
function withoutConsequences(findings: readonly Finding[]): Finding[] {
  const unsupported = new Set(findings.filter((one) => one.unsupported).map((one) => pathKey(one.path)));
  const unclear = new Set(findings.filter((one) => one.unknown).map((one) => pathKey(one.path.slice(0, -1))));
  return findings.filter(({ path, lacks }) => {
    if (lacks && unclear.has(pathKey(path))) return false;
    return !path.some((_part, index) => unsupported.has(pathKey(path.slice(0, index))));
  });
}

function diagnose(
  findings: readonly Finding[],
  positions: Positions,
  used: ReadonlyMap<string, string>,
): Diagnostic[] {
  const seen = new Set<string>();
  const list = findings.map((one) => hideValues(positions.diagnostic(one), used));
  list.sort((one, other) => one.line - other.line || one.column - other.column);
  return list.filter(({ line, column, message }) => {
    const key = `${line}:${column}:${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Environment variables hold secrets: a message names the variable and never shows what it holds. */
function hideValues(diagnostic: Diagnostic, used: ReadonlyMap<string, string>): Diagnostic {
  const hide = (text: string): string => {
    // The longest first: one value may be the beginning of another.
    const values = [...used].sort(([one], [other]) => other.length - one.length);
    return values.reduce(
      (shown, [value, name]) => (value.length > 3 ? shown.replaceAll(value, name) : shown),
      text,
    );
  };
  const { message, hint } = diagnostic;
  return { ...diagnostic, message: hide(message), ...(hint === undefined ? {} : { hint: hide(hint) }) };
}

function resolvePath(text: string, { folder, cwd }: ConfigSource): string {
  // Some keys take a path or the content itself, such as a certificate.
  if (isAbsolute(text) || text.includes('\n')) return text;
  const beside = resolve(cwd, folder, text);
  return existsSync(beside) ? beside : resolve(cwd, text);
}
