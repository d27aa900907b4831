/** From the descriptors of the configuration to those of one question. As in Envoy, one that cannot be made is left out. */

import { type ItemKind, isElsewhere } from '../../expr/call-scope.ts';
import { type Computed, FAILED } from '../../expr/computed.ts';
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

export function descriptorsOf(
  parts: readonly DescriptorParts[],
  scope: Scope,
  kind: ItemKind | undefined,
): readonly Descriptor[] {
  return parts.flatMap((one) => descriptorOf(one, scope, isElsewhere(one.kinds, kind)) ?? []);
}

function descriptorOf(
  { entries, cost, limitOverride }: DescriptorParts,
  scope: Scope,
  quiet: boolean,
): Descriptor | undefined {
  const made: { key: string; value: string }[] = [];
  for (const { key, value } of entries) {
    const text = value.text(scope, quiet);
    if (text === FAILED) return undefined;
    made.push({ key, value: text });
  }
  const hits = cost?.amount(scope, quiet);
  if (hits === FAILED || (hits !== undefined && !Number.isSafeInteger(hits))) return undefined;
  const limit = limitOverride && overrideOf(limitOverride.value(scope, quiet));
  if (limitOverride && !limit) return undefined;
  return {
    entries: made,
    ...(limit && { limit }),
    ...(hits !== undefined && { hitsAddend: { value: BigInt(hits) } }),
  };
}

const MOST = 2 ** 32 - 1;

function overrideOf(value: unknown): Descriptor['limit'] {
  if (typeof value !== 'object' || value === null) return undefined;
  const { unit, requestsPerUnit, requests_per_unit } = value as Readonly<Record<string, unknown>>;
  const count = requestsPerUnit ?? requests_per_unit;
  if (typeof unit !== 'string' || !Object.hasOwn(UNITS, unit.toLowerCase())) return undefined;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > MOST) return undefined;
  return { requestsPerUnit: count, unit: UNITS[unit.toLowerCase() as Unit] };
}
