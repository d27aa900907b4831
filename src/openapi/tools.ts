/** Operations as tools: name, texts, schemas, annotations. One that cannot be read is reported and left out. */
import { type ArgumentLayout, type ArgumentStyle, layOut } from './arguments.ts';
import type { ApiDocument } from './document.ts';
import { toolNames } from './names.ts';
import { type Operation, type Parameter, type Problem, readOperations } from './operations.ts';
import { type Output, outputOf } from './output-schema.ts';
import { DocumentProblem } from './references.ts';
import { SchemaReader } from './schema.ts';
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
  readonly operation: Operation;
  readonly layout: ArgumentLayout;
  readonly output: Output | undefined;
}

export interface ReadTools {
  readonly tools: readonly ApiTool[];
  readonly problems: readonly Problem[];
}

export function readTools(document: ApiDocument, options: ToolOptions): ReadTools {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const operations = readOperations(document, report);
  const names = toolNames(operations);
  const reader = new SchemaReader(document.references);
  const tools = operations.flatMap((operation, index) => {
    const name = names[index] as string;
    if (!isSelected(operation, name, options.selection)) return [];
    try {
      return [toolOf(name, withoutProvided(operation, options.provided), { options, reader })];
    } catch (error) {
      if (!(error instanceof DocumentProblem)) throw error;
      report({ where: `${operation.method} ${operation.path}`, message: error.message });
      return [];
    }
  });
  return { tools, problems };
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
  return { name, entry, operation, layout, output };
}

const LONGEST_TITLE = 64;
const LONGEST_DESCRIPTION = 4096;

function descriptionOf({ summary, description, deprecated, method, path }: Operation): string {
  const said = (description ?? summary ?? `${method} ${path}`).trim();
  const short = said.length > LONGEST_DESCRIPTION ? `${said.slice(0, LONGEST_DESCRIPTION)}…` : said;
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
