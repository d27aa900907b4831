/**
 * Environment variables in a document: `${VAR}`, `${VAR:-default}`, and `$VAR` when that variable exists; `$$` is a
 * dollar sign. Works on parsed scalars, so that a variable can hold any text without changing the structure of the
 * document and without moving positions. Keys are left alone.
 */
import type { Env } from '../core/ports.ts';
import type { Finding, Path } from './diagnostics.ts';

export interface Interpolated {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** Scalars that held a variable, by `pathKey`. They stay text until the schema asks for a number or boolean. */
  readonly expanded: ReadonlySet<string>;
  /** What the variables held, to be kept out of messages, and how the document names it. */
  readonly used: ReadonlyMap<string, string>;
}

export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

export function interpolate(value: unknown, env: Env): Interpolated {
  const findings: Finding[] = [];
  const expanded = new Set<string>();
  const used = new Map<string, string>();
  const lookup: Lookup = (name) => {
    const text = env[name];
    if (text !== undefined) used.set(text, `\${${name}}`);
    return text;
  };
  const visit = (item: unknown, path: Path): unknown => {
    if (Array.isArray(item)) return item.map((one, index) => visit(one, [...path, index]));
    if (typeof item === 'object' && item !== null) {
      return Object.fromEntries(Object.entries(item).map(([key, one]) => [key, visit(one, [...path, key])]));
    }
    if (typeof item !== 'string' || !item.includes('$')) return item;
    const { text, problems } = expandText(item, lookup);
    for (const problem of problems) findings.push({ path, ...problem });
    if (text !== item) expanded.add(pathKey(path));
    return text;
  };
  return { value: visit(value, []), findings, expanded, used };
}

type Lookup = (name: string) => string | undefined;
type Problem = Pick<Finding, 'message' | 'hint'>;

const REFERENCE = /\$(?:(\$)|\{([A-Za-z_]\w*)(?::-([^}]*))?\}|([A-Za-z_]\w*)|(\{[^}]*\}?))/g;

function expandText(source: string, lookup: Lookup): { text: string; problems: Problem[] } {
  const problems: Problem[] = [];
  const replace = (whole: string, ...groups: (string | undefined)[]): string => {
    const [dollar, braced, fallback, bare, broken] = groups;
    if (dollar !== undefined) return '$';
    if (bare !== undefined) return lookup(bare) ?? whole;
    if (broken !== undefined) {
      problems.push({
        message: `"${whole}" names no variable`,
        hint: `write \${NAME} or \${NAME:-default}; $$ is a dollar sign`,
      });
      return whole;
    }
    const name = braced as string;
    const value = lookup(name);
    // As in a shell, `:-` also covers a variable that is set to nothing.
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value !== undefined) return value;
    problems.push({
      message: `the variable ${name} is not set`,
      hint: `set it, or give a default: \${${name}:-...}`,
    });
    return whole;
  };
  return { text: source.replace(REFERENCE, replace), problems };
}

/** The number or boolean that an expanded text spells, for places where the schema refused the text. */
export function retyped(text: string): number | boolean | undefined {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}
