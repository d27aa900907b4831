/**
 * What a call of a tool needs of the description: plain data, so that whoever reads the description (a thread) can hand
 * it over, and the schemas, which are most of it, are let go.
 */

import { isObject } from '../lib/json-value.ts';
import type { Argument, Destination } from './arguments.ts';
import { essence, isJson } from './media-types.ts';
import type { Body, Operation, Parameter } from './operations.ts';
import { type Output, successes } from './output-schema.ts';
import type { JsonObject } from './text.ts';
import type { ApiTool } from './tools.ts';

/** How a value becomes text, and where it goes. */
export type Styled = Pick<Parameter, 'name' | 'in' | 'style' | 'explode' | 'allowReserved' | 'content'>;

export type PlannedDestination =
  | { readonly kind: 'parameter'; readonly parameter: Styled }
  | Exclude<Destination, { readonly kind: 'parameter' }>;

export interface PlannedArgument extends Pick<Argument, 'group' | 'name' | 'required'> {
  readonly destination: PlannedDestination;
}

export interface BodyPlan {
  /** As it is sent: `application/json`. */
  readonly type: string;
  readonly required: boolean;
  /** An object or a list, never a text. */
  readonly structured: boolean;
  readonly encoding: JsonObject;
  /** Names of members, one or a list of them, that are files. */
  readonly files: readonly string[];
}

export interface RequestPlan {
  readonly method: string;
  /** With its variables: `/users/{id}`. */
  readonly path: string;
  /** What the description puts before it, without a slash at the end. */
  readonly base: string;
  readonly accept: string;
  readonly arguments: readonly PlannedArgument[];
  readonly body: BodyPlan | undefined;
  readonly output: Output | undefined;
}

export function planOf({ operation, layout, output }: ApiTool): RequestPlan {
  const { method, path, base, body } = operation;
  return {
    method,
    path,
    base,
    accept: acceptOf(operation),
    arguments: layout.arguments.map(plannedArgument),
    body: body && bodyPlan(body, [...layout.members.files]),
    output,
  };
}

function plannedArgument({ group, name, required, destination }: Argument): PlannedArgument {
  if (destination.kind !== 'parameter') return { group, name, required, destination };
  const { parameter } = destination;
  const { in: place, style, explode, allowReserved, content } = parameter;
  const styled = { name: parameter.name, in: place, style, explode, allowReserved, content };
  return { group, name, required, destination: { kind: 'parameter', parameter: styled } };
}

function bodyPlan({ type, required, schema, encoding }: Body, files: readonly string[]): BodyPlan {
  return { type, required, structured: !mayBeText(schema), encoding, files };
}

function mayBeText(schema: unknown): boolean {
  if (!isObject(schema)) return true;
  const { type, properties, items } = schema;
  if (properties !== undefined || items !== undefined) return false;
  return !(type === 'object' || type === 'array');
}

function acceptOf({ replies }: Operation): string {
  const types = successes(replies).flatMap(({ content }) => content.map(({ type }) => essence(type)));
  const known = [...new Set(types)].filter((type) => /^[\w.+*-]+\/[\w.+*-]+$/.test(type) && type !== '*/*');
  const json = known.filter(isJson);
  const others = known.filter((type) => !isJson(type));
  if (json.length === 0 && others.length === 0) return 'application/json, */*;q=0.5';
  const rest = others.map((type) => (json.length > 0 ? `${type};q=0.9` : type));
  return [...json, ...rest, '*/*;q=0.5'].join(', ');
}
