/**
 * From the descriptors of the configuration to those of one question. One that has no value here (null) is left out, and
 * so is one about tools where this is a list. But who makes an expression fail is refused: left out, it would be no limit
 * for whoever wants none.
 */
import { GatewayError } from '../../core/errors.ts';
import { type ItemKind, isElsewhere } from '../../expr/call-scope.ts';
import { type Computed, FAILED, type Failed } from '../../expr/computed.ts';
import type { Expression, Scope } from '../../expr/expression.ts';
import { type RateLimitRequest, UNITS, type Unit } from '../../upstream/rate-limit-service/question.ts';

export interface DescriptorParts {
  readonly entries: readonly { readonly key: string; readonly value: Computed }[];
  readonly cost: Computed | undefined;
  readonly limitOverride: Computed | undefined;
  readonly kinds: readonly ItemKind[];
  readonly expressions: readonly Expression[];
}

type Descriptor = RateLimitRequest['descriptors'][number];

/** Throws FORBIDDEN. */
export function descriptorsOf(
  parts: readonly DescriptorParts[],
  scope: Scope,
  kind: ItemKind | undefined,
): readonly Descriptor[] {
  return parts.flatMap((one) => {
    const elsewhere = isElsewhere(one.kinds, kind);
    const made = descriptorOf(one, scope, elsewhere);
    if (made !== FAILED) return made ?? [];
    if (elsewhere) return [];
    throw new GatewayError('FORBIDDEN', 'it cannot be told for whom this would count');
  });
}

/** Undefined: there is nothing to ask about. */
function descriptorOf(
  { entries, cost, limitOverride }: DescriptorParts,
  scope: Scope,
  quiet: boolean,
): Descriptor | Failed | undefined {
  const made: { key: string; value: string }[] = [];
  for (const { key, value } of entries) {
    const text = value.text(scope, quiet);
    if (text === FAILED || text === undefined) return text;
    made.push({ key, value: text });
  }
  const hits = cost?.amount(scope, quiet);
  if (hits === FAILED || (hits !== undefined && !Number.isSafeInteger(hits))) return FAILED;
  const limit = limitOverride && overrideOf(limitOverride.value(scope, quiet));
  if (limit === FAILED) return FAILED;
  return {
    entries: made,
    ...(limit && { limit }),
    ...(hits !== undefined && { hitsAddend: { value: BigInt(hits) } }),
  };
}

const MOST = 2 ** 32 - 1;

/** Undefined: the limit that the service has. */
function overrideOf(value: unknown): Descriptor['limit'] | Failed {
  if (value === null) return undefined;
  if (typeof value !== 'object') return FAILED;
  const { unit, requestsPerUnit, requests_per_unit } = value as Readonly<Record<string, unknown>>;
  const count = requestsPerUnit ?? requests_per_unit;
  if (typeof unit !== 'string' || !Object.hasOwn(UNITS, unit.toLowerCase())) return FAILED;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > MOST) return FAILED;
  return { requestsPerUnit: count, unit: UNITS[unit.toLowerCase() as Unit] };
}
