/** Where the rules of a document stand in its text, found again by what they say: a plan has no positions. */

import type { Path } from '../config/diagnostics.ts';
import type { ConfigDocument } from '../config/document.ts';
import type { ReadDocument } from '../config/load.ts';
import type { RuleFinding } from '../core/witness.ts';

/** `file:line` of a rule; of several that say the same, all of them. */
export type Spots = (policy: string, rule: Pick<RuleFinding, 'effect' | 'expression'>) => readonly string[];

const POLICIES = ['authorization', 'mcpAuthorization'];

export function ruleSpots({ document, diagnostic }: Pick<ReadDocument, 'document' | 'diagnostic'>): Spots {
  const paths = new Map<string, Path[]>();
  collect(document, [], (key, path) => paths.set(key, [...(paths.get(key) ?? []), path]));
  return (policy, rule) =>
    (paths.get(keyOf(policy, rule)) ?? []).map((path) => {
      const { file, line } = diagnostic({ path, message: '' });
      return `${file}:${line}`;
    });
}

function collect(
  value: ConfigDocument | unknown,
  path: Path,
  found: (key: string, path: Path) => void,
): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(name) : name];
    if (POLICIES.includes(name))
      rulesIn(item, (rule, index) => found(keyOf(name, rule), [...at, 'rules', index]));
    else collect(item, at, found);
  }
}

type Said = Pick<RuleFinding, 'effect' | 'expression'>;

function rulesIn(policy: unknown, found: (rule: Said, index: number) => void): void {
  const { rules } = (policy ?? {}) as { rules?: unknown };
  if (!Array.isArray(rules)) return;
  for (const [index, rule] of rules.entries()) found(rule as Said, index);
}

function keyOf(policy: string, { effect, expression }: Said): string {
  return JSON.stringify([policy, effect, expression]);
}
