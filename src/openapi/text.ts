/**
 * Text of an API description (JSON, or YAML) to plain data. Bounded in size, depth and what aliases stand for, because
 * such a document may come from somebody else's server.
 */
import { parseDocument } from 'yaml';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { isObject } from '../lib/json-value.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 200;
/** Values, those that aliases repeat counted each time: a few kilobytes of nested aliases can stand for gigabytes. */
const MAX_VALUES = 5_000_000;
const MAX_ALIASES = 10_000;

/** Throws GatewayError CONFIG_INVALID with what is wrong and where. */
export function parseText(text: string): JsonObject {
  const limit = LIMITS.apiDocument.value;
  if (Buffer.byteLength(text) > limit) throw unreadable(`it is longer than ${limit / 1024 ** 2} MiB`);
  const value = parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  if (!isObject(value)) throw unreadable('it is no object');
  checkSize(value, 0, { values: 0 });
  return value;
}

export function unreadable(reason: string): GatewayError {
  return new GatewayError('CONFIG_INVALID', `the API description cannot be used: ${reason}`);
}

function parse(text: string): unknown {
  // Many times faster than YAML, which would read it too.
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // A flow mapping of YAML may look like this; if it is none, YAML's message has a line and a column.
    }
  }
  return parseYaml(text);
}

function parseYaml(text: string): unknown {
  try {
    const document = parseDocument(text, { merge: true, uniqueKeys: true, prettyErrors: true });
    const [error] = document.errors;
    if (error && /call stack/.test(error.message)) throw new RangeError(error.message);
    if (error) throw unreadable((error.message.split('\n')[0] as string).replace(/:$/, ''));
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    // The composer is recursive: text nested thousands of levels deep ends its stack.
    throw unreadable(error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message);
  }
}

function checkSize(value: object, depth: number, count: { values: number }): void {
  if (depth > MAX_DEPTH) throw unreadable(`it is nested deeper than ${MAX_DEPTH} levels`);
  for (const item of Object.values(value)) {
    count.values += 1;
    if (count.values > MAX_VALUES) throw unreadable(`it has more than ${MAX_VALUES} values`);
    if (typeof item === 'object' && item !== null) checkSize(item, depth + 1, count);
  }
}
