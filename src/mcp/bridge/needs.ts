/** Which capability of a client a question needs (sampling, elicitation, roots and their parts), and whether it is declared. */

import { lex, Shape } from '../../lib/json-text.ts';
import { isObject } from '../../lib/json-value.ts';

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
      return lex(params, SHAPE).text(MODE) === 'url' ? 'elicitation.url' : 'elicitation.form';
    case 'sampling/createMessage': {
      const text = lex(params, SHAPE);
      return text.has(TOOLS) || text.has(TOOL_CHOICE) ? 'sampling.tools' : 'sampling';
    }
    default:
      return undefined;
  }
}

/** `needed` as `neededCapability` says it. A bare `elicitation: {}` means forms, as it did before there were modes. */
export function declares(capabilities: Record<string, unknown>, needed: string): boolean {
  const [name, part] = needed.split('.') as [string, string | undefined];
  const declared = Object.hasOwn(capabilities, name) ? capabilities[name] : undefined;
  if (!isObject(declared)) return false;
  if (part === undefined || Object.hasOwn(declared, part)) return true;
  return needed === 'elicitation.form' && !Object.hasOwn(declared, 'url');
}
