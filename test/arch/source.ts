/** Reads and parses the project's TypeScript, for the rules beside it. The rules never see the file system. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, visitorKeys } from 'oxc-parser';

/** A node of the ESTree that oxc makes; rules look at few members and check what they find. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The file it means, from the project's root; undefined for packages and node modules. */
  readonly file: string | undefined;
  /** Imported names; `*` for a namespace, an import() or a re-export of everything, none for a bare import. */
  readonly names: readonly string[];
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface Source {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
  readonly body: readonly Node[];
  readonly imports: readonly Import[];
  /** Every node with its parent and the member it stands in. */
  readonly nodes: readonly Visit[];
  line(offset: number): number;
}

export interface Visit {
  readonly node: Node;
  readonly parent: Node | undefined;
  readonly member: string;
}

export interface Violation {
  readonly file: string;
  readonly detail: string;
}

/** The folder with package.json; the tests run from a folder that the compiler made somewhere under it. */
export const root = projectRoot(dirname(fileURLToPath(import.meta.url)));

export function readSources(folder: string): Source[] {
  const from = join(root, folder);
  if (!existsSync(from)) return [];
  return readdirSync(from, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((file) => parseSource(file.slice(root.length + 1).replaceAll('\\', '/'), readFileSync(file, 'utf8')))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Throws when the text does not parse: a rule that saw half a file would pass. */
export function parseSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors.map((error) => error.message).join('; ')}`);
  const starts = lineStarts(text);
  const line = (offset: number) => starts.findLastIndex((start) => start <= offset) + 1;
  const nodes: Visit[] = [];
  walk(program as unknown as Node, nodes);
  return {
    path,
    text,
    isTest: path.endsWith('.test.ts'),
    body: program.body as unknown as Node[],
    imports: nodes.flatMap(({ node }) => importsOf(node, path, line)),
    nodes,
    line,
  };
}

export function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}

/** The name of an identifier or the text of a string literal. */
export function nameOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (typeof value['name'] === 'string') return value['name'];
  return typeof value['value'] === 'string' ? value['value'] : undefined;
}

/** `a.b` and `a?.b` as the pair of names; undefined for anything else. */
export function memberNames(value: unknown): readonly [string, string] | undefined {
  if (!isNode(value) || value.type !== 'MemberExpression') return undefined;
  const object = nameOf(value['object']);
  const property = nameOf(value['property']);
  return object !== undefined && property !== undefined ? [object, property] : undefined;
}

function walk(start: Node, found: Visit[]): void {
  const pending: Visit[] = [{ node: start, parent: undefined, member: '' }];
  for (let visit = pending.pop(); visit; visit = pending.pop()) {
    found.push(visit);
    for (const member of visitorKeys[visit.node.type] ?? []) {
      const value = visit.node[member];
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) pending.push({ node: child, parent: visit.node, member });
      }
    }
  }
}

const IMPORTING = new Set([
  'ImportDeclaration',
  'ExportAllDeclaration',
  'ExportNamedDeclaration',
  'ImportExpression',
  'TSImportType',
]);

function importsOf(node: Node, path: string, line: (offset: number) => number): Import[] {
  if (!IMPORTING.has(node.type)) return [];
  const specifier = nameOf(node['source']);
  if (specifier === undefined) return [];
  const specifiers = Array.isArray(node['specifiers']) ? node['specifiers'].filter(isNode) : [];
  const kinds = [node, ...specifiers].map((each) => each['importKind'] ?? each['exportKind']);
  const whole = !node.type.startsWith('Import') || node.type === 'ImportExpression';
  return [
    {
      specifier,
      file: specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined,
      names:
        specifiers.length > 0
          ? specifiers.map((each) => nameOf(each['imported'] ?? each['local']) ?? '*')
          : whole
            ? ['*']
            : [],
      typeOnly:
        node.type === 'TSImportType' ||
        kinds[0] === 'type' ||
        (specifiers.length > 0 && kinds.slice(1).every((kind) => kind === 'type')),
      line: line(node.start),
    },
  ];
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function projectRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('no package.json above the architecture tests');
  return projectRoot(parent);
}
