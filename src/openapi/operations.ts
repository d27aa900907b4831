/** The operations of a description: what each takes and gives, with references followed and defaults filled in. */
import { isObject } from '../lib/json-value.ts';
import type { ApiDocument } from './document.ts';
import { pickMediaType } from './media-types.ts';
import { isProtectedHeader } from './protected-headers.ts';
import { DocumentProblem } from './references.ts';
import { serverPath } from './servers.ts';
import type { JsonObject } from './text.ts';

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';

export interface Parameter {
  readonly name: string;
  readonly in: ParameterPlace;
  readonly required: boolean;
  readonly description: string | undefined;
  readonly deprecated: boolean;
  /** As written. */
  readonly schema: unknown;
  readonly style: string;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  /** Its value is written in this media type instead of a style. */
  readonly content: string | undefined;
}

export interface Body {
  readonly required: boolean;
  readonly description: string | undefined;
  /** As it is sent: `application/json`. */
  readonly type: string;
  /** As written. */
  readonly schema: unknown;
  readonly encoding: JsonObject;
}

export interface Reply {
  /** `200`, `2XX`, `default`. */
  readonly status: string;
  /** Media types as written, and their schemas. */
  readonly content: readonly { readonly type: string; readonly schema: unknown }[];
}

export interface Operation {
  /** In capital letters. */
  readonly method: string;
  /** With its variables: `/users/{id}`. */
  readonly path: string;
  /** Of the server it says it is at, without a slash at the end. */
  readonly base: string;
  readonly id: string | undefined;
  readonly summary: string | undefined;
  readonly description: string | undefined;
  readonly deprecated: boolean;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly body: Body | undefined;
  readonly replies: readonly Reply[];
  /** Names of security schemes, in alternatives; an empty one: none is needed. */
  readonly security: readonly (readonly string[])[];
}

export interface Problem {
  /** `GET /users`. */
  readonly where: string;
  readonly message: string;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;
const PLACES: ReadonlySet<unknown> = new Set(['path', 'query', 'header', 'cookie']);

/** In the order of the document. One that cannot be read is reported and left out; it takes no other with it. */
export function readOperations(document: ApiDocument, report: (problem: Problem) => void): Operation[] {
  const operations: Operation[] = [];
  for (const [path, written] of Object.entries(document.root['paths'] as JsonObject)) {
    if (!path.startsWith('/')) continue;
    const item = attempt(() => pathItem(written, document), path, report);
    for (const method of METHODS) {
      if (!isObject(item?.[method])) continue;
      const where = `${method.toUpperCase()} ${path}`;
      const operation = attempt(() => readOperation({ document, path, method, item }), where, report);
      if (operation) operations.push(operation);
    }
  }
  return operations;
}

function attempt<T>(work: () => T, where: string, report: (problem: Problem) => void): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    report({ where, message: error.message });
    return undefined;
  }
}

/** Members beside a `$ref` win over those it leads to. */
function pathItem(written: unknown, { references }: ApiDocument): JsonObject | undefined {
  const { value } = references.follow(written);
  if (!isObject(value)) return undefined;
  return isObject(written) ? { ...value, ...written } : value;
}

interface Found {
  readonly document: ApiDocument;
  readonly path: string;
  readonly method: string;
  readonly item: JsonObject;
}

function readOperation({ document, path, method, item }: Found): Operation {
  const { root, references } = document;
  const operation = item[method] as JsonObject;
  const { operationId, tags, requestBody } = operation;
  const body = requestBody === undefined ? undefined : readBody(references.object(requestBody, 'its body'));
  return {
    method: method.toUpperCase(),
    path,
    base: serverPath([operation['servers'], item['servers'], root['servers']]),
    id: text(operationId),
    summary: text(operation['summary']) ?? text(item['summary']),
    description: text(operation['description']) ?? text(item['description']),
    deprecated: operation['deprecated'] === true,
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [],
    parameters: readParameters([item['parameters'], operation['parameters']], { document, path }),
    body,
    replies: readReplies(operation['responses'], document),
    security: readSecurity(operation['security'] ?? root['security']),
  };
}

/** Those of the operation replace those of the path that have the same name and place. */
function readParameters(
  lists: readonly unknown[],
  { document, path }: Pick<Found, 'document' | 'path'>,
): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const list of lists) {
    if (!Array.isArray(list)) continue;
    list.forEach((written: unknown, index) => {
      const parameter = readParameter(document.references.object(written, `parameter ${index + 1}`));
      if (parameter)
        found.set(`${parameter.in} ${parameter.name.toLowerCase()} ${parameter.name}`, parameter);
    });
  }
  // Variables of the path that nothing describes have to be filled all the same.
  for (const [, name = ''] of path.matchAll(/\{([^{}]+)\}/g)) {
    if (found.has(`path ${name.toLowerCase()} ${name}`)) continue;
    const undescribed = { name, in: 'path', schema: { type: 'string' } };
    found.set(`path ${name.toLowerCase()} ${name}`, readParameter(undescribed) as Parameter);
  }
  const inPath = (parameter: Parameter) => parameter.in !== 'path' || path.includes(`{${parameter.name}}`);
  return [...found.values()].filter(inPath);
}

function readParameter(written: JsonObject): Parameter | undefined {
  const { name, in: place, description, content } = written;
  if (typeof name !== 'string' || name === '') throw new DocumentProblem('a parameter has no name');
  if (!PLACES.has(place)) throw new DocumentProblem(`parameter "${name}" is in "${String(place)}"`);
  if (place === 'header' && isProtectedHeader(name)) return undefined;
  const [type, media] = isObject(content) ? (Object.entries(content)[0] ?? []) : [];
  const style = text(written['style']) ?? (place === 'query' || place === 'cookie' ? 'form' : 'simple');
  const { explode } = written;
  return {
    name,
    in: place as ParameterPlace,
    required: place === 'path' || written['required'] === true,
    description: text(description),
    deprecated: written['deprecated'] === true,
    schema: isObject(media) ? media['schema'] : withExamples(written),
    style,
    explode: typeof explode === 'boolean' ? explode : style === 'form',
    allowReserved: written['allowReserved'] === true,
    content: type,
  };
}

function withExamples({ schema, example, examples }: JsonObject): unknown {
  if (example === undefined && examples === undefined) return schema;
  if (!isObject(schema) || schema['$ref'] !== undefined) return schema;
  return {
    ...(example !== undefined && { example }),
    ...(examples !== undefined && { examples }),
    ...schema,
  };
}

function readBody({ required, description, content }: JsonObject): Body | undefined {
  if (!isObject(content)) return undefined;
  const type = pickMediaType(Object.keys(content));
  if (type === undefined) return undefined;
  const media = content[type];
  const { schema, encoding } = isObject(media) ? media : {};
  return {
    required: required === true,
    description: text(description),
    type,
    schema,
    encoding: isObject(encoding) ? encoding : {},
  };
}

function readReplies(responses: unknown, { references }: ApiDocument): Reply[] {
  if (!isObject(responses)) return [];
  return Object.entries(responses).flatMap(([status, written]) => {
    const { value } = references.follow(written);
    if (!isObject(value)) return [];
    const content = Object.entries(isObject(value['content']) ? value['content'] : {});
    const types = content.map(([type, media]) => ({
      type,
      schema: isObject(media) ? media['schema'] : undefined,
    }));
    return [{ status: status.toUpperCase(), content: types }];
  });
}

function readSecurity(security: unknown): (readonly string[])[] {
  if (!Array.isArray(security)) return [];
  return security.filter(isObject).map((alternative) => Object.keys(alternative));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
