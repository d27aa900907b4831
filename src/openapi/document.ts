/** An API description, whatever its version and spelling, as one shape: that of OpenAPI 3.1. */
import { isObject } from '../lib/json-value.ts';
import { DocumentProblem, References } from './references.ts';
import { fromSwagger } from './swagger.ts';
import { type JsonObject, parseText, unreadable } from './text.ts';

export interface ApiDocument {
  readonly root: JsonObject;
  /** As written: `2.0`, `3.0.3`, `3.1.0`. */
  readonly version: string;
  readonly title: string;
  readonly references: References;
}

/** Throws GatewayError CONFIG_INVALID with what is wrong with the document as a whole. */
export function readDocument(text: string): ApiDocument {
  return documentOf(parseText(text));
}

/** The same of a document that has been parsed. */
export function documentOf(written: JsonObject): ApiDocument {
  const version = versionOf(written);
  const { info } = written;
  const title = isObject(info) && typeof info['title'] === 'string' ? info['title'] : '';
  const root = version.startsWith('2.') ? upgraded(written) : written;
  if (!isObject(root['paths'])) throw unreadable('it has no "paths"');
  return { root, version, title, references: new References(root) };
}

function upgraded(written: JsonObject): JsonObject {
  try {
    return fromSwagger(written, new References(written));
  } catch (error) {
    if (error instanceof DocumentProblem) throw unreadable(error.message);
    throw error;
  }
}

function versionOf({ openapi, swagger }: JsonObject): string {
  const written = openapi ?? swagger;
  // YAML reads `swagger: 2.0` without quotes as the number 2.
  const version = written === 2 ? '2.0' : String(written ?? '');
  if (version === '') throw unreadable('it says neither "openapi" nor "swagger"');
  if (/^(?:2\.0|3\.\d+)/.test(version)) return version;
  throw unreadable(`version "${version}" is none of 2.0, 3.0, 3.1`);
}
