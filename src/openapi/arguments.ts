/**
 * How the arguments of a tool are laid out: in groups (`path`, `query`, `header`, `cookie`, `body`) as in the Rust
 * gateway, or flat. Says for each argument where it goes, and what its schema is.
 */
import { LIMITS } from '../core/limits.ts';
import { isObject } from '../lib/json-value.ts';
import { type BodyMembers, bodySchema } from './body-schema.ts';
import { essence } from './media-types.ts';
import type { Operation, Parameter, ParameterPlace } from './operations.ts';
import type { SchemaReader } from './schema.ts';
import { DESCRIPTION_LENGTH, type Schema, shortened } from './schema-words.ts';

export type ArgumentStyle = 'grouped' | 'flat';

export type Destination =
  | { readonly kind: 'parameter'; readonly parameter: Parameter }
  | { readonly kind: 'body' }
  /** One member of the body. */
  | { readonly kind: 'member'; readonly name: string };

export interface Argument {
  /** Undefined: at the top. */
  readonly group: string | undefined;
  readonly name: string;
  readonly required: boolean;
  readonly schema: Schema;
  readonly destination: Destination;
}

export interface ArgumentLayout {
  readonly arguments: readonly Argument[];
  readonly inputSchema: Schema;
  /** Members of a multipart body that are files. */
  readonly members: BodyMembers;
}

/** Half for the arguments themselves, half for what they refer to. */
const ROOM = LIMITS.apiToolSchema.value / 2;
const PLACES: readonly ParameterPlace[] = ['path', 'query', 'header', 'cookie'];

/** Throws DocumentProblem where a schema of the operation leads nowhere. */
export function layOut(operation: Operation, reader: SchemaReader, style: ArgumentStyle): ArgumentLayout {
  const { body } = operation;
  const parameters = PLACES.flatMap((place) => operation.parameters.filter((one) => one.in === place));
  const sent = body && bodySchema(body, reader);
  const own = parameters.map(
    (parameter): Argument => ({
      group: style === 'grouped' ? parameter.in : undefined,
      name: parameter.name,
      required: parameter.required,
      schema: parameterSchema(parameter, reader),
      destination: { kind: 'parameter', parameter },
    }),
  );
  const whole: Argument[] = sent
    ? [
        {
          group: undefined,
          name: 'body',
          required: body.required,
          schema: sent.schema,
          destination: { kind: 'body' },
        },
      ]
    : [];
  const all =
    style === 'grouped'
      ? [...own, ...whole]
      : flat(
          own,
          whole.flatMap((one) => spread(one, reader)),
        );
  const schema = style === 'grouped' ? groupedSchema(all) : objectOf(all);
  const { schemas } = reader.definitions([schema], 'input', ROOM);
  const inputSchema = Object.keys(schemas).length > 0 ? { ...schema, $defs: schemas } : schema;
  return { arguments: all, inputSchema, members: sent?.members ?? { files: new Set() } };
}

function parameterSchema(parameter: Parameter, reader: SchemaReader): Schema {
  const schema = reader.read(parameter.schema, 'input');
  const { description, deprecated, content } = parameter;
  const note =
    content === undefined || essence(content) === 'application/json' ? undefined : `As ${content}.`;
  const said = [description ?? schema['description'], note].filter((text) => text !== undefined).join(' ');
  return {
    ...schema,
    ...(said !== '' && { description: shortened(said, DESCRIPTION_LENGTH) }),
    ...(deprecated && { deprecated: true }),
  };
}

function groupedSchema(all: readonly Argument[]): Schema {
  const properties: [string, Schema][] = [];
  const required: string[] = [];
  for (const group of PLACES) {
    const members = all.filter((argument) => argument.group === group);
    if (members.length === 0) continue;
    properties.push([group, objectOf(members)]);
    if (members.some((member) => member.required)) required.push(group);
  }
  const body = all.find((argument) => argument.group === undefined);
  if (body) properties.push([body.name, body.schema]);
  if (body?.required) required.push(body.name);
  return objectSchema(properties, required);
}

function objectOf(members: readonly Argument[]): Schema {
  const required = members.filter((member) => member.required).map(({ name }) => name);
  return objectSchema(
    members.map(({ name, schema }) => [name, schema]),
    required,
  );
}

/** Closed: an argument in the wrong place would be left out of the request in silence. */
function objectSchema(properties: readonly [string, Schema][], required: readonly string[]): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

/** Names that clash get their place in front, except the first in the order path, query, header, cookie, body. */
function flat(parameters: readonly Argument[], body: readonly Argument[]): Argument[] {
  const taken = new Set<string>();
  return [...parameters, ...body].map((argument) => {
    const { destination } = argument;
    const place = destination.kind === 'parameter' ? destination.parameter.in : 'body';
    let { name } = argument;
    if (taken.has(name)) name = `${place}_${name}`;
    for (let count = 2; taken.has(name); count += 1) name = `${place}_${argument.name}_${count}`;
    taken.add(name);
    return { ...argument, name };
  });
}

const SPREAD: ReadonlySet<string> = new Set([
  'type',
  'properties',
  'required',
  'title',
  'description',
  'examples',
  'additionalProperties',
]);

/** The members of a body that is a plain object; what else may be in it could not be given otherwise. */
function spread(body: Argument, reader: SchemaReader): Argument[] {
  const schema = reader.defined(body.schema, 'input');
  const { properties, required, additionalProperties } = schema;
  const names = new Set(Array.isArray(required) ? required : []);
  const plain = Object.keys(schema).every((word) => SPREAD.has(word)) && schema['type'] === 'object';
  const open = additionalProperties !== undefined && additionalProperties !== false;
  // Members that have to be there only if there is a body at all cannot be said one by one.
  const unclear = !body.required && names.size > 0;
  if (!plain || open || unclear || !isObject(properties) || Object.keys(properties).length === 0)
    return [body];
  return Object.entries(properties).map(([name, member]) => ({
    group: undefined,
    name,
    required: names.has(name),
    schema: member as Schema,
    destination: { kind: 'member', name },
  }));
}
