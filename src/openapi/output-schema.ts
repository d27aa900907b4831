/** The output schema of a tool: what the description says that a successful call returns, where that is JSON. */
import { essence, isJson } from './media-types.ts';
import type { Operation, Reply } from './operations.ts';
import type { SchemaReader } from './schema.ts';
import type { Schema } from './schema-words.ts';

export interface Output {
  readonly schema: Schema;
  /** MCP takes objects only: anything else stands in the member `data` of one. */
  readonly wrapped: boolean;
}

/** Clients hold results against it and some show it to models: a larger one costs more than it says. */
const LONGEST = 16 * 1024;

/** Undefined where a call may succeed with something else than JSON, or nothing is said of it. */
export function outputOf(operation: Operation, reader: SchemaReader): Output | undefined {
  if (operation.method === 'HEAD') return undefined;
  const schemas = successes(operation.replies).map((reply) => jsonSchema(reply));
  if (schemas.length === 0 || schemas.includes(undefined)) return undefined;
  const read = different(schemas.map((schema) => reader.read(schema, 'output')));
  const [only] = read;
  if (!only || read.some((schema) => Object.keys(schema).length === 0)) return undefined;
  const schema = read.length === 1 ? only : { anyOf: read };
  const wrapped = !read.every((each) => isObjectSchema(each, reader, 0));
  const root: Schema = wrapped
    ? { type: 'object', properties: { data: schema }, required: ['data'] }
    : { ...schema, type: 'object' };
  const room = LONGEST - JSON.stringify(root).length;
  const { schemas: definitions, whole } = reader.definitions([root], 'output', room);
  if (room < 0 || !whole) return undefined;
  return {
    schema: Object.keys(definitions).length > 0 ? { ...root, $defs: definitions } : root,
    wrapped,
  };
}

/** Declared ones; `default` where nothing else tells of success. */
export function successes(replies: readonly Reply[]): Reply[] {
  const told = replies.filter(({ status }) => /^2/.test(status));
  return told.length > 0 ? told : replies.filter(({ status }) => status === 'DEFAULT');
}

function jsonSchema({ content }: Reply): unknown {
  const json = content.every(({ type }) => isJson(essence(type)) || essence(type) === '*/*');
  return json ? content[0]?.schema : undefined;
}

function different(schemas: readonly Schema[]): Schema[] {
  return [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
}

function isObjectSchema(schema: Schema, reader: SchemaReader, depth: number): boolean {
  const { type, properties, allOf, anyOf, oneOf } = reader.defined(schema, 'output');
  if (type !== undefined) return type === 'object';
  if (properties !== undefined) return true;
  if (depth > 8) return false;
  const isObject = (each: Schema) => isObjectSchema(each, reader, depth + 1);
  if (Array.isArray(allOf) && allOf.some(isObject)) return true;
  const alternatives = anyOf ?? oneOf;
  return Array.isArray(alternatives) && alternatives.every(isObject);
}
