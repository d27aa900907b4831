/**
 * What is wrong inside policies that their schemas take: expressions that do not compile. Policies stand under
 * `policies`, and in gateways and their listeners; the definitions say which name is one.
 */
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
  const holds = path.at(-1) === 'policies' || path[0] === 'gateways';
  if (holds) checking.findings.push(...problemsOf(fields(value) ?? {}, path, checking));
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  for (const [part, item] of entries) visit(item, [...path, part], checking);
}

function problemsOf(
  policies: Readonly<Record<string, unknown>>,
  path: Path,
  { definitions, loaded }: Checking,
): Finding[] {
  return definitions.policies.flatMap((policy) => {
    const config = policies[policy.key];
    if (config === undefined || !policy.problems || !loaded?.has(policy.key)) return [];
    const problems = [...policy.problems(config, loaded.get(policy.key))];
    return problems.map(({ path: within, ...rest }) => ({ ...rest, path: [...path, policy.key, ...within] }));
  });
}
