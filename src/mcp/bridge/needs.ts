/** Which capability of a client a question needs (sampling, elicitation, roots and their parts), and whether it is declared. */

import { type JsonText, lex, Shape } from '../../lib/json-text.ts';
import { isObject } from '../../lib/json-value.ts';
import { syntaxToGateway } from '../message.ts';

const SHAPE = new Shape({ mode: true, tools: true, toolChoice: true });
const MODE = SHAPE.slot('mode');
const TOOLS = SHAPE.slot('tools');
const TOOL_CHOICE = SHAPE.slot('toolChoice');

/** Such as `sampling` or `elicitation.url`; undefined: not a question that can be put to a client. `params`: raw JSON. */
export function neededCapability(method: string, params: Buffer): string | undefined {
  switch (method) {
    case 'roots/list':
      return 'roots';
    case 'elicitation/create':
      return read(params).text(MODE) === 'url' ? 'elicitation.url' : 'elicitation.form';
    case 'sampling/createMessage': {
      const text = read(params);
      return text.has(TOOLS) || text.has(TOOL_CHOICE) ? 'sampling.tools' : 'sampling';
    }
    default:
      return undefined;
  }
}

/**
 * Of what `neededCapability` says, what the client has not declared; undefined when nothing is missing. A bare
 * `elicitation: {}` means forms, as it did before there were modes.
 */
export function missingCapability(
  capabilities: Readonly<Record<string, unknown>>,
  needed: string,
): string | undefined {
  const [name, part] = needed.split('.') as [string, string | undefined];
  const declared = Object.hasOwn(capabilities, name) ? capabilities[name] : undefined;
  if (!isObject(declared)) return name;
  if (part === undefined || Object.hasOwn(declared, part)) return undefined;
  return needed === 'elicitation.form' && !Object.hasOwn(declared, 'url') ? undefined : needed;
}

/** What `missingCapability` says, in the form in which clients declare it and errors name it. */
export function asCapabilities(missing: readonly string[]): Record<string, Record<string, object>> {
  const named: Record<string, Record<string, object>> = {};
  for (const each of missing) {
    const [name, part] = each.split('.') as [string, string | undefined];
    named[name] = { ...named[name], ...(part === undefined ? {} : { [part]: {} }) };
  }
  return named;
}

/** Throws INVALID_REQUEST where parsers may disagree about what is asked. */
function read(params: Buffer): JsonText {
  try {
    return lex(params, SHAPE);
  } catch (error) {
    throw syntaxToGateway(error);
  }
}
