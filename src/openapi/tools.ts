/** Operations as tools: name, texts, schemas, annotations. One that cannot be read is reported and left out. */
import { LIMITS } from '../core/limits.ts';
import { type ArgumentLayout, type ArgumentStyle, layOut } from './arguments.ts';
import type { ApiDocument } from './document.ts';
import { toolNames } from './names.ts';
import { type Operation, type Parameter, type Problem, readOperations } from './operations.ts';
import { type Output, outputOf } from './output-schema.ts';
import { DocumentProblem } from './references.ts';
import { SchemaReader } from './schema.ts';
import { shortened } from './schema-words.ts';
import { isSelected, type Selection } from './selection.ts';

export interface ToolOptions {
  readonly style: ArgumentStyle;
  readonly selection: Selection;
  readonly outputSchemas: boolean;
  /** Parameters that the gateway fills itself: where its credentials stand. */
  readonly provided?: Provided | undefined;
}

export interface Provided {
  readonly place: 'header' | 'query' | 'cookie';
  /** Of headers in lower case. */
  readonly names: readonly string[];
}

/** As `tools/list` shows it. */
export interface ToolEntry {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly inputSchema: object;
  readonly outputSchema?: object;
  readonly annotations: object;
}

export interface ApiTool {
  readonly name: string;
  readonly entry: ToolEntry;
  /** The same as text. */
  readonly json: string;
  readonly operation: Operation;
  readonly layout: ArgumentLayout;
  readonly output: Output | undefined;
}

export interface ReadTools {
  readonly tools: readonly ApiTool[];
  readonly problems: readonly Problem[];
}

/** Up to the limits on tools; what goes beyond them is reported and left out. */
export function readTools(document: ApiDocument, options: ToolOptions): ReadTools {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const operations = readOperations(document, report);
  const names = toolNames(operations);
  const selected = operations.flatMap((operation, index): Named[] => {
    const name = names[index] as string;
    return isSelected(operation, name, options.selection) ? [{ operation, name }] : [];
  });
  const reader = new SchemaReader(document.references);
  const tools: ApiTool[] = [];
  let size = 0;
  for (const { operation, name } of selected) {
    if (tools.length === LIMITS.apiOperations.value || size > LIMITS.catalogueBytes.value / 2) {
      report(tooMany(selected.length - tools.length, tools.length));
      break;
    }
    try {
      const tool = toolOf(name, withoutProvided(operation, options.provided), { options, reader });
      size += Buffer.byteLength(tool.json);
      tools.push(tool);
    } catch (error) {
      if (!(error instanceof DocumentProblem)) throw error;
      report({ where: `${operation.method} ${operation.path}`, message: error.message });
    }
  }
  return { tools, problems };
}

interface Named {
  readonly operation: Operation;
  readonly name: string;
}

function tooMany(count: number, taken: number): Problem {
  const message = `${taken} tools are as many as there can be: select with openapi.operations`;
  return { where: `${count} further operations`, message };
}

interface Making {
  readonly options: ToolOptions;
  readonly reader: SchemaReader;
}

function toolOf(name: string, operation: Operation, { options, reader }: Making): ApiTool {
  const layout = layOut(operation, reader, options.style);
  const output = options.outputSchemas ? outputOf(operation, reader) : undefined;
  const { summary } = operation;
  const title = summary !== undefined && summary.length <= LONGEST_TITLE ? summary : undefined;
  const entry = {
    name,
    ...(title !== undefined && { title }),
    description: descriptionOf(operation),
    inputSchema: layout.inputSchema,
    ...(output && { outputSchema: output.schema }),
    annotations: annotationsOf(operation.method),
  };
  const json = JSON.stringify(entry);
  if (json.length > LIMITS.apiToolSchema.value)
    throw new DocumentProblem(`what it takes has ${Math.round(json.length / 1000)} kB: too large for a tool`);
  return { name, entry, json, operation, layout, output };
}

const LONGEST_TITLE = 64;
const LONGEST_DESCRIPTION = 4096;

function descriptionOf({ summary, description, deprecated, method, path }: Operation): string {
  const said = (description ?? summary ?? `${method} ${path}`).trim();
  const short = shortened(said, LONGEST_DESCRIPTION);
  return deprecated ? `Deprecated. ${short}` : short;
}

/** What RFC 9110 section 9.2 says of methods; of POST and PATCH it says nothing. */
function annotationsOf(method: string): object {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE')
    return { readOnlyHint: true, idempotentHint: true };
  if (method === 'PUT' || method === 'DELETE')
    return { readOnlyHint: false, destructiveHint: true, idempotentHint: true };
  return { readOnlyHint: false, idempotentHint: false };
}

function withoutProvided(operation: Operation, provided: Provided | undefined): Operation {
  if (!provided) return operation;
  const isProvided = ({ in: place, name }: Parameter): boolean =>
    place === provided.place && provided.names.includes(place === 'header' ? name.toLowerCase() : name);
  return { ...operation, parameters: operation.parameters.filter((parameter) => !isProvided(parameter)) };
}
