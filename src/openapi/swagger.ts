/**
 * Swagger 2.0 in the shape of OpenAPI 3: bodies, forms, servers, formats of lists, security. Schemas stay as they are
 * and where they are (`#/definitions/...`); schema-words.ts reads every dialect.
 */
import { isObject } from '../lib/json-value.ts';
import type { References } from './references.ts';
import type { JsonObject } from './text.ts';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;
/** Members of a parameter that are not part of its schema. */
const ABOUT_PARAMETER: ReadonlySet<string> = new Set([
  'name',
  'in',
  'description',
  'required',
  'allowEmptyValue',
  'collectionFormat',
]);

interface Defaults {
  readonly consumes: unknown;
  readonly produces: unknown;
  readonly references: References;
}

export function fromSwagger(document: JsonObject, references: References): JsonObject {
  const { paths, securityDefinitions, components } = document;
  const defaults = { consumes: document['consumes'], produces: document['produces'], references };
  return {
    ...document,
    openapi: '3.1.0',
    servers: serversOf(document),
    paths: entries(paths, (item) => pathItem(item, defaults)),
    components: {
      ...(isObject(components) ? components : {}),
      securitySchemes: entries(securityDefinitions, securityScheme),
    },
  };
}

function serversOf({ schemes, host, basePath }: JsonObject): JsonObject[] {
  const path = typeof basePath === 'string' ? basePath : '/';
  if (typeof host !== 'string' || host === '') return [{ url: path }];
  const known = Array.isArray(schemes)
    ? schemes.filter((scheme) => scheme === 'https' || scheme === 'http')
    : [];
  return (known.length > 0 ? known : ['https']).map((scheme) => ({ url: `${scheme}://${host}${path}` }));
}

function pathItem(item: unknown, defaults: Defaults): unknown {
  const { value } = defaults.references.follow(item);
  if (!isObject(value)) return value;
  const shared = Array.isArray(value['parameters']) ? value['parameters'] : [];
  const operations = METHODS.flatMap((method) => {
    const operation = value[method];
    return isObject(operation) ? [[method, upgraded(operation, shared, defaults)]] : [];
  });
  const { parameters: _, ...rest } = value;
  return { ...rest, ...Object.fromEntries(operations) };
}

function upgraded(operation: JsonObject, shared: readonly unknown[], defaults: Defaults): JsonObject {
  const { references } = defaults;
  const own = Array.isArray(operation['parameters']) ? operation['parameters'] : [];
  const all = [...shared, ...own].map((parameter) => references.object(parameter, 'a parameter'));
  const different = new Map(
    all.map((one) => [one['in'] === 'body' ? 'body' : `${one['in']} ${one['name']}`, one]),
  );
  const parameters = [...different.values()];
  const body = parameters.find((one) => one['in'] === 'body');
  const form = parameters.filter((one) => one['in'] === 'formData');
  const plain = parameters.filter((one) => one['in'] !== 'body' && one['in'] !== 'formData');
  const consumes = typesIn(operation['consumes'] ?? defaults.consumes);
  const requestBody = body ? bodyOf(body, consumes) : form.length > 0 ? formOf(form, consumes) : undefined;
  const produces = typesIn(operation['produces'] ?? defaults.produces);
  return {
    ...operation,
    parameters: plain.map(parameterOf),
    ...(requestBody && { requestBody }),
    responses: entries(operation['responses'], (response) =>
      responseOf(references.follow(response).value, produces),
    ),
  };
}

function typesIn(value: unknown): readonly string[] {
  const types = Array.isArray(value) ? value.filter((type) => typeof type === 'string') : [];
  return types.length > 0 ? types : ['application/json'];
}

function bodyOf({ schema, required, description }: JsonObject, consumes: readonly string[]): JsonObject {
  const content = Object.fromEntries(consumes.map((type) => [type, { schema: schema ?? {} }]));
  return { required: required === true, description, content };
}

function formOf(fields: readonly JsonObject[], consumes: readonly string[]): JsonObject {
  const hasFile = fields.some((field) => field['type'] === 'file');
  const written = consumes.find((type) =>
    /^(?:multipart\/form-data|application\/x-www-form-urlencoded)/i.test(type),
  );
  const type = hasFile ? 'multipart/form-data' : (written ?? 'application/x-www-form-urlencoded');
  const required = fields.filter((field) => field['required'] === true).map((field) => field['name']);
  const properties = Object.fromEntries(
    fields.map((field) => [String(field['name']), { ...schemaOf(field), description: field['description'] }]),
  );
  const encoding = Object.fromEntries(fields.map((field) => [String(field['name']), listStyle(field)]));
  const schema = { type: 'object', properties, required };
  return { required: required.length > 0, content: { [type]: { schema, encoding } } };
}

function parameterOf(parameter: JsonObject): JsonObject {
  const { name, in: place, description, required } = parameter;
  return { name, in: place, description, required, schema: schemaOf(parameter), ...listStyle(parameter) };
}

function schemaOf(parameter: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(parameter).filter(([key]) => !ABOUT_PARAMETER.has(key)));
}

/** What is between the items of a list. */
function listStyle({ collectionFormat, in: place, type }: JsonObject): JsonObject {
  if (type !== 'array') return {};
  const inQuery = place === 'query' || place === 'formData';
  if (collectionFormat === 'multi') return { style: 'form', explode: true };
  if (collectionFormat === 'ssv') return { style: 'spaceDelimited', explode: false };
  if (collectionFormat === 'pipes') return { style: 'pipeDelimited', explode: false };
  if (collectionFormat === 'tsv') return { style: 'tabDelimited', explode: false };
  return { style: inQuery ? 'form' : 'simple', explode: false };
}

function responseOf(response: unknown, produces: readonly string[]): unknown {
  if (!isObject(response)) return response;
  const { schema, description } = response;
  if (schema === undefined) return { description };
  return { description, content: Object.fromEntries(produces.map((type) => [type, { schema }])) };
}

function securityScheme(scheme: unknown): unknown {
  if (!isObject(scheme)) return scheme;
  return scheme['type'] === 'basic' ? { ...scheme, type: 'http', scheme: 'basic' } : scheme;
}

function entries(map: unknown, convert: (value: unknown) => unknown): JsonObject {
  if (!isObject(map)) return {};
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, convert(value)]));
}
