/** What makes an operation a poor tool for a model: nothing is wrong with it, and it will be used badly or not at all. */
import { essence, isJson, isText } from './media-types.ts';
import { successes } from './output-schema.ts';
import type { ApiTool } from './tools.ts';

/** Beyond these, models choose wrongly or leave arguments out. */
const MANY_ARGUMENTS = 15;
const MANY_TOOLS = 40;
/** About 2,500 tokens, paid with every request to a model. */
const LARGE_SCHEMA = 10_000;
const SHORT_DESCRIPTION = 12;

export function reviewTool({ operation, entry, layout }: ApiTool): string[] {
  const { summary, description, deprecated, id, replies } = operation;
  const said = (description ?? summary ?? '').trim();
  const size = JSON.stringify(entry.inputSchema).length;
  const types = successes(replies).flatMap(({ content }) => content.map(({ type }) => essence(type)));
  const readable = types.some(
    (type) => isJson(type) || isText(type) || /^(?:\*\/\*|(?:image|audio)\/)/.test(type),
  );
  const vague = layout.arguments.filter(({ schema }) => schema['description'] === undefined);
  const warnings: [boolean, string][] = [
    [said === '', 'it has no description: a model has to guess what it does'],
    [said !== '' && said.length < SHORT_DESCRIPTION, `its description is short: "${said}"`],
    [layout.arguments.length > MANY_ARGUMENTS, `it takes ${layout.arguments.length} arguments`],
    [size > LARGE_SCHEMA, `its input schema has ${Math.round(size / 1000)} kB`],
    [types.length > 0 && !readable, `it returns ${types.join(', ')} alone, which a model cannot read`],
    [vague.length > 3, `${vague.length} of its arguments have no description`],
    [deprecated, 'it is deprecated'],
    [id === undefined, 'it has no operationId: its name is made of method and path, and changes with them'],
  ];
  return warnings.filter(([holds]) => holds).map(([, warning]) => warning);
}

export function reviewAll(tools: readonly ApiTool[]): string[] {
  if (tools.length <= MANY_TOOLS) return [];
  return [
    `${tools.length} tools are more than a model chooses well among: select with openapi.operations or tools`,
  ];
}
