/** The document schema as JSON Schema (draft 2020-12), for editors, `agentgateway schema` and the reference pages. */
import { z } from 'zod';
import type { Definitions } from './definitions.ts';
import { documentSchema } from './document.ts';
import type { JsonSchema } from './schema-walk.ts';

export function configJsonSchema(definitions: Definitions): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(documentSchema(definitions), {
    target: 'draft-2020-12',
    io: 'input',
    reused: 'inline',
    unrepresentable: 'any',
  });
  return {
    $schema,
    title: 'agentgateway configuration',
    description: 'One document: YAML or JSON.',
    ...rest,
  } as JsonSchema;
}
