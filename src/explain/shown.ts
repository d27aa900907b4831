/** An explanation as it may be shown: plain data without secrets, and long values cut. */
import type { AuthenticationFinding, Judgement } from '../core/witness.ts';
import { HeaderView } from '../expr/header-view.ts';
import { LazyRecord } from '../expr/lazy-record.ts';
import { Secret } from '../expr/secret.ts';
import { redactText } from '../lib/secrets.ts';
import { redact } from '../observe/redact.ts';
import type { Explanation } from './explain.ts';
import type { Spots } from './spots.ts';

export interface ShownRule {
  readonly effect: string;
  readonly expression: string;
  /** `file:line`. */
  readonly at: readonly string[];
  readonly outcome: string;
  readonly error?: string;
  readonly leftOpen?: true;
  readonly decided?: true;
  readonly scopes?: readonly string[];
  /** JSON texts by variable; null: nothing is there. */
  readonly reads: Readonly<Record<string, unknown>>;
}

export interface ShownJudgement {
  readonly policy: string;
  readonly question: Judgement['question'];
  readonly target?: string;
  readonly name?: string;
  readonly allowed: boolean;
  readonly rules: readonly ShownRule[];
}

export interface ShownAuthentication {
  readonly policy: string;
  readonly place: string;
  readonly mode: string;
  readonly outcome: string;
  readonly message?: string;
  readonly principal?: string;
  readonly claims?: unknown;
  readonly metadata?: unknown;
}

export interface ShownExplanation
  extends Omit<Explanation, 'authentication' | 'judgements' | 'listed' | 'item'> {
  readonly item: { readonly kind: string; readonly name: string } | undefined;
  readonly authentication: readonly ShownAuthentication[];
  readonly judgements: readonly ShownJudgement[];
  readonly listed: { readonly shown: boolean; readonly judgements: readonly ShownJudgement[] } | undefined;
}

export function shown(explanation: Explanation, spots: Spots): ShownExplanation {
  const { request, item, listed, authentication, judgements, principal } = explanation;
  const judged = (list: readonly Judgement[]) => list.map((one) => judgementOf(one, spots));
  return {
    ...explanation,
    request: { ...request, url: redactText(request.url) },
    item: item && { kind: item.kind, name: item.name },
    principal: principal && redactText(principal),
    authentication: authentication.map(authenticationOf),
    judgements: judged(judgements),
    listed: listed && { shown: listed.shown, judgements: judged(listed.judgements) },
  };
}

function authenticationOf(finding: AuthenticationFinding): ShownAuthentication {
  const { policy, place, mode, outcome } = finding;
  if (finding.outcome === 'refused')
    return { policy, place, mode, outcome, message: redactText(finding.message) };
  if (finding.outcome === 'absent') return { policy, place, mode, outcome };
  const { principal, jwt, apiKey } = finding.identity;
  return {
    policy,
    place,
    mode,
    outcome,
    principal: redactText(principal),
    ...(jwt && { claims: redact(jwt) }),
    ...(apiKey && { metadata: redact(apiKey.metadata) }),
  };
}

function judgementOf(
  { policy, question, item, allowed, by, rules }: Judgement,
  spots: Spots,
): ShownJudgement {
  return {
    policy,
    question,
    ...(item && { target: item.target, name: item.name }),
    allowed,
    rules: rules.map((rule) => ({
      effect: rule.effect,
      expression: redactText(rule.expression),
      at: spots(policy, rule),
      outcome: rule.outcome,
      ...(rule.message !== undefined && { error: rule.message }),
      ...(rule.leftOpen && { leftOpen: true }),
      ...(rule.number === by && { decided: true }),
      ...(rule.scopes && { scopes: rule.scopes }),
      reads: Object.fromEntries(rule.reads.map(({ name, value }) => [name, readValue(name, value)])),
    })),
  };
}

/** What a variable held, as plain data. */
function readValue(name: string, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (value instanceof Secret) return value.toString();
  if (value instanceof HeaderView) return value.names();
  if (value instanceof LazyRecord) return value.names;
  const last = name.slice(name.lastIndexOf('.') + 1);
  // By its name first: a claim called `password`, a header called `x-api-key`.
  return (redact({ [last]: value }) as Record<string, unknown>)[last] ?? null;
}
