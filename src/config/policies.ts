/** Which policies may stand at a level of the document, as schema. */
import { z } from 'zod';
import type { AttachLevel, PolicyDefinition } from '../core/policy.ts';

export function policyShape(
  policies: readonly PolicyDefinition[],
  level: AttachLevel,
): Record<string, z.ZodType> {
  const shape: Record<string, z.ZodType> = {};
  for (const policy of policies)
    if (policy.attach.includes(level))
      shape[policy.key] = (policy.schemaAt?.[level] ?? policy.schema).optional();
  return shape;
}

export function policySetSchema(policies: readonly PolicyDefinition[], level: AttachLevel) {
  return z.strictObject(policyShape(policies, level));
}
