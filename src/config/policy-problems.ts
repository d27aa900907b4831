/**
 * What is wrong inside policies and backends that their schemas take: expressions that do not compile. Policies stand under
 * `policies`, and in gateways and their listeners; the definitions say which name is one.
 */
import type { PolicyProblem } from '../core/policy.ts';
import type { Definitions } from './definitions.ts';
import type { Finding, Path } from './diagnostics.ts';
import { fields } from './references.ts';

interface Checking {
  readonly definitions: Definitions;
  readonly loaded?: ReadonlyMap<string, unknown>;
}

/** `document` has the shape of its schema. */
export function policyProblems(document: unknown, checking: Checking): Finding[] {
  const findings: Finding[] = [];
  visit(document, [], { ...checking, findings });
  return findings;
}

function visit(value: unknown, path: Path, checking: Checking & { readonly findings: Finding[] }): void {
  if (typeof value !== 'object' || value === null) return;
  const { policies, backends } = checking.definitions;
  const find = (definitions: readonly Problematic[]): void =>
    void checking.findings.push(...problemsOf(fields(value) ?? {}, path, { ...checking, definitions }));
  if (path.at(-1) === 'policies' || path[0] === 'gateways') find(policies);
  if (path.at(-2) === 'backends') find(backends);
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  for (const [part, item] of entries) visit(item, [...path, part], checking);
}

interface Problematic {
  readonly key: string;
  problems?(config: unknown, loaded: unknown, at: 'route' | 'tcpRoute'): Iterable<PolicyProblem>;
}

function problemsOf(
  settings: Readonly<Record<string, unknown>>,
  path: Path,
  { definitions, loaded }: { readonly definitions: readonly Problematic[] } & Pick<Checking, 'loaded'>,
): Finding[] {
  return definitions.flatMap((definition) => {
    const { key } = definition;
    const config = settings[key];
    if (config === undefined || !definition.problems || !loaded?.has(key)) return [];
    const at = path.includes('tcpRoutes') ? 'tcpRoute' : 'route';
    const problems = [...definition.problems(config, loaded.get(key), at)];
    return problems.map(({ path: within, ...rest }) => ({ ...rest, path: [...path, key, ...within] }));
  });
}
