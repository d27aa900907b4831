/** The document schema as JSON Schema (draft 2020-12), for editors, `agentgateway schema` and the reference pages. */
import { z } from 'zod';
import type { Definitions } from './definitions.ts';
import { documentSchema } from './document.ts';
import type { JsonSchema } from './schema-walk.ts';

/** What editors check a document against: a constrained scalar may also be written as a variable. */
export function configJsonSchema(definitions: Definitions): JsonSchema {
  const { $schema, ...rest } = allowVariables(documentJsonSchema(definitions));
  return {
    $schema,
    title: 'agentgateway configuration',
    description: 'One document, in YAML or JSON.',
    ...rest,
    $defs: {
      variable: {
        type: 'string',
        pattern: '\\$',
        description: `A variable: \`\${NAME}\` or \`\${NAME:-default}\`.`,
      },
    },
  };
}

/** What the loader checks once variables are expanded. */
export function documentJsonSchema(definitions: Definitions): JsonSchema {
  const options = { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' } as const;
  return z.toJSONSchema(documentSchema(definitions), options) as JsonSchema;
}

const VARIABLE = { $ref: '#/$defs/variable' };

/** Formats that this project or the schema library made up; validators refuse a format they do not know. */
const OWN_FORMATS = new Set<string | undefined>(['path', 'starts_with']);

function allowVariables(schema: JsonSchema): JsonSchema {
  const { format, ...rest } = schema;
  const given: JsonSchema = OWN_FORMATS.has(format) ? rest : schema;
  if (isConstrainedScalar(given)) {
    const { description, default: preset, ...constraint } = given;
    return {
      ...(description === undefined ? {} : { description }),
      ...(preset === undefined ? {} : { default: preset }),
      anyOf: [constraint, VARIABLE],
    };
  }
  const { properties, items, additionalProperties, anyOf } = given;
  const members = Object.entries(properties ?? {}).map(([key, member]) => [key, allowVariables(member)]);
  return {
    ...given,
    ...(properties ? { properties: Object.fromEntries(members) } : {}),
    ...(items ? { items: allowVariables(items) } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: allowVariables(additionalProperties) }
      : {}),
    ...(anyOf ? { anyOf: anyOf.map(allowVariables) } : {}),
  };
}

const TYPES = new Set(['integer', 'number', 'boolean']);

function isConstrainedScalar({ type, enum: options, pattern }: JsonSchema): boolean {
  if (typeof type !== 'string') return false;
  return TYPES.has(type) || (type === 'string' && (options !== undefined || pattern !== undefined));
}
