/** What a model has to give for a body: JSON as it is, files and raw bytes as objects or base64, other text as text. */
import { isObject } from '../lib/json-value.ts';
import { mediaKind } from './media-types.ts';
import type { Body } from './operations.ts';
import { DocumentProblem } from './references.ts';
import type { SchemaReader } from './schema.ts';
import { DESCRIPTION_LENGTH, isBinary, type Schema, shortened } from './schema-words.ts';

export interface BodyMembers {
  /** Names of members, one or a list of them, that are files. */
  readonly files: ReadonlySet<string>;
}

export interface BodySchema {
  readonly schema: Schema;
  readonly members: BodyMembers;
}

const NO_FILES: BodyMembers = { files: new Set() };

const FILE: Schema = {
  type: 'object',
  properties: {
    text: { type: 'string', description: 'The content, where it is text.' },
    base64: { type: 'string', contentEncoding: 'base64', description: 'The content, where it is not.' },
    filename: { type: 'string' },
    contentType: { type: 'string', description: 'Such as image/png.' },
  },
  additionalProperties: false,
};

/** Throws DocumentProblem for what nobody could fill in. */
export function bodySchema(body: Body, reader: SchemaReader): BodySchema {
  const kind = mediaKind(body.type);
  const { description } = body;
  const said = description === undefined ? {} : { description: shortened(description, DESCRIPTION_LENGTH) };
  if (kind === 'binary') {
    const what = `${said.description ?? 'The content.'} (${body.type}, in base64)`;
    return { schema: { type: 'string', contentEncoding: 'base64', description: what }, members: NO_FILES };
  }
  if (kind === 'text') return { schema: textSchema(body.type, said.description), members: NO_FILES };
  if (kind === 'json')
    return { schema: { ...said, ...reader.read(body.schema, 'input') }, members: NO_FILES };
  const schema = formSchema(body, reader);
  if (kind === 'form') return { schema: { ...said, ...schema }, members: NO_FILES };
  const files = fileMembers(body, reader);
  return { schema: { ...said, ...withFiles(schema, files) }, members: { files } };
}

function textSchema(type: string, description = 'The content.'): Schema {
  return { type: 'string', description: `${description} (${type})` };
}

/** A form has fields, with names: where none is described any may be given. */
function formSchema(body: Body, reader: SchemaReader): Schema {
  const schema = reader.opened(body.schema, 'input');
  const { type } = schema;
  if (type === undefined) return { type: 'object', ...schema };
  if (type === 'object' || (Array.isArray(type) && type.includes('object'))) return schema;
  throw new DocumentProblem(`its body is a form (${body.type}) whose fields have no names`);
}

function fileMembers({ schema, encoding }: Body, reader: SchemaReader): Set<string> {
  const files = new Set<string>();
  const visit = (written: unknown, depth: number): void => {
    const { value } = reader.references.follow(written);
    if (!isObject(value) || depth > 8) return;
    for (const [name, member] of Object.entries(isObject(value['properties']) ? value['properties'] : {}))
      if (isFile(member, reader) || isFileType(encoding[name])) files.add(name);
    if (Array.isArray(value['allOf'])) for (const part of value['allOf']) visit(part, depth + 1);
  };
  visit(schema, 0);
  return files;
}

function isFile(member: unknown, reader: SchemaReader): boolean {
  const { value } = reader.references.follow(member);
  if (!isObject(value)) return false;
  return isBinary(value) || (value['type'] === 'array' && isFile(value['items'], reader));
}

/** OpenAPI 3.1 may say it beside the schema alone. */
function isFileType(encoding: unknown): boolean {
  const type = isObject(encoding) ? encoding['contentType'] : undefined;
  return typeof type === 'string' && /^(?:image|audio|video|application\/octet-stream)/.test(type);
}

function withFiles(schema: Schema, files: ReadonlySet<string>): Schema {
  const { properties } = schema;
  if (!isObject(properties)) return schema;
  const members = Object.entries(properties).map(([name, member]) => {
    if (!files.has(name)) return [name, member];
    const { type, description, items } = member as Schema;
    const isList = type === 'array' || items !== undefined;
    const file = isList ? { type: 'array', items: FILE } : FILE;
    return [name, { ...file, ...(description !== undefined && { description }) }];
  });
  return { ...schema, properties: Object.fromEntries(members) };
}
