/** What holds for routes so that something answers, and for policies that answer themselves. */
import { PHASES, type PolicyDefinition } from '../core/policy.ts';
import { type Fields, fields } from './references.ts';
import { type At, type Check, member } from './rule-walk.ts';

export function checkAnswers(check: Check, route: At<Fields>): void {
  const policies = member(route, 'policies');
  const answering = inOrder(check.definitions.policies).filter(({ answers }) => answers);
  const given = answering.filter(({ key }) => policies?.value[key] !== undefined);
  checkBackends(check, route, given.length > 0 ? undefined : answering);
  const [first, second] = given;
  if (!policies || !first || !second || fields(policies.value[first.key])?.['conditional'] !== undefined)
    return;
  const message = `\`${second.key}\` is never reached: \`${first.key}\` answers every request`;
  check.findings.push({ path: [...policies.path, second.key], message, onKey: true });
}

/** `instead`: what may stand there in place of backends; undefined: one of them does. */
export function checkBackends(
  check: Check,
  { value, path }: At<Fields>,
  instead: readonly Pick<PolicyDefinition, 'key'>[] | undefined,
): void {
  const { backends } = value;
  if (!instead || (backends !== undefined && !(Array.isArray(backends) && backends.length === 0))) return;
  const names = instead.map(({ key }) => `\`${key}\``).join(' or ');
  const hint = names === '' ? undefined : `or the policy ${names}, which answers itself`;
  check.findings.push({ path, message: 'nothing answers here: `backends` are missing', hint, lacks: true });
}

function inOrder(policies: readonly PolicyDefinition[]): PolicyDefinition[] {
  return [...policies].sort((one, other) => PHASES.indexOf(one.phase) - PHASES.indexOf(other.phase));
}
