/** What code may reach for: the process, the clock, and the web APIs that cost too much on the hot path (house law 8). */
import { memberNames, type Node, nameOf, type Source, type Violation, type Visit } from '../source.ts';

/** Where the process is. */
const MAIN = 'src/main.ts';

/** Everything but main.ts gets what it needs of the process passed in. */
export function processUse(sources: readonly Source[]): Violation[] {
  return find(sources, (source) => [
    ...globalUses(source, 'process'),
    ...imports(source, /^(?:node:)?process$/),
    ...source.nodes
      .filter(({ node }) => memberNames(node)?.join('.') === 'globalThis.process')
      .map(({ node }) => node),
  ]).map(({ file, detail }) => ({ file, detail: `${detail} touches the process` }));
}

const CLOCK = new Set(['Date.now', 'performance.now', 'Math.random']);
const TIMERS = ['setTimeout', 'setInterval'];

/** Tests replace time and chance; code that reaches for them directly cannot be tested without waiting. */
export function ambient(sources: readonly Source[]): Violation[] {
  return find(sources, (source) => [
    ...source.nodes
      .filter(({ node }) => CLOCK.has(memberNames(node)?.join('.') ?? ''))
      .map(({ node }) => node),
    ...TIMERS.flatMap((name) => globalUses(source, name)),
    ...source.nodes
      .filter(
        ({ node }) =>
          node.type === 'NewExpression' && nameOf(node['callee']) === 'Date' && !hasArguments(node),
      )
      .map(({ node }) => node),
  ]);
}

const WEB_CLASSES = new Set([
  'Request',
  'Response',
  'Headers',
  'ReadableStream',
  'TransformStream',
  'WritableStream',
]);
const STREAM_CLASSES = new Set(['Readable', 'Transform', 'PassThrough']);
const SIGNAL_COMBINERS = new Set(['AbortSignal.any', 'AbortSignal.timeout']);

export function hotPath(sources: readonly Source[]): Violation[] {
  return find(sources, (source) => [
    ...globalUses(source, 'fetch'),
    ...imports(source, /^(?:node:)?stream(?:\/|$)/, STREAM_CLASSES),
    ...imports(source, /^(?:node:)?async_hooks$/, new Set(['AsyncLocalStorage', '*'])),
    ...source.nodes
      .filter(
        ({ node }) =>
          SIGNAL_COMBINERS.has(memberNames(node)?.join('.') ?? '') ||
          isChunkLoop(node) ||
          isWebObject(source, node),
      )
      .map(({ node }) => node),
  ]);
}

/** Schemas are declared in schema files and applied by config/; a request never meets a schema library. */
export function schemaLibrary(sources: readonly Source[]): Violation[] {
  return find(
    sources.filter(({ path }) => !path.startsWith('src/config/') && !/(?:^|[/-])schema\.ts$/.test(path)),
    (source) => imports(source, /^zod(?:\/|$)/),
  );
}

function isChunkLoop(node: Node): boolean {
  return node.type === 'ForOfStatement' && node['await'] === true;
}

function isWebObject(source: Source, node: Node): boolean {
  const name = node.type === 'NewExpression' ? nameOf(node['callee']) : undefined;
  return name !== undefined && WEB_CLASSES.has(name) && !declares(source, name);
}

/** Imports of values from a module, narrowed to some names where given. */
function imports(
  source: Source,
  module: RegExp,
  only?: ReadonlySet<string>,
): { start: number; end: number }[] {
  return source.nodes.flatMap(({ node }) => {
    if (node.type !== 'ImportDeclaration' && node.type !== 'ImportExpression') return [];
    if (node['importKind'] === 'type' || !module.test(nameOf(node['source']) ?? '')) return [];
    if (!only || node.type === 'ImportExpression') return [node];
    const specifiers = Array.isArray(node['specifiers']) ? (node['specifiers'] as Node[]) : [];
    const banned = specifiers.some(
      (each) => each['importKind'] !== 'type' && only.has(nameOf(each['imported']) ?? '*'),
    );
    return banned ? [node] : [];
  });
}

/** Places that mean the global `name`: references to it in a module that declares nothing of that name. */
function globalUses(source: Source, name: string): Node[] {
  if (declares(source, name)) return [];
  return source.nodes
    .filter((visit) => visit.node.type === 'Identifier' && nameOf(visit.node) === name && isReference(visit))
    .map(({ node }) => node);
}

const DECLARING: Readonly<Record<string, ReadonlySet<string>>> = {
  VariableDeclarator: new Set(['id']),
  FunctionDeclaration: new Set(['id', 'params']),
  FunctionExpression: new Set(['id', 'params']),
  ArrowFunctionExpression: new Set(['params']),
  ClassDeclaration: new Set(['id']),
  ImportSpecifier: new Set(['local']),
  ImportDefaultSpecifier: new Set(['local']),
  ImportNamespaceSpecifier: new Set(['local']),
};

function declares(source: Source, name: string): boolean {
  return source.nodes.some(({ node, parent, member }) => {
    if (nameOf(node) !== name || !parent) return false;
    if (DECLARING[parent.type]?.has(member)) return true;
    return (
      parent.type === 'Property' &&
      member === 'value' &&
      source.nodes.some((visit) => visit.node.type === 'ObjectPattern' && contains(visit.node, parent))
    );
  });
}

function contains(outer: Node, inner: Node): boolean {
  return Array.isArray(outer['properties']) && outer['properties'].includes(inner);
}

/** Members whose identifier is only a name: `x.process`, `{process: 1}`, `interface {process: ...}`. */
function isReference({ parent, member }: Visit): boolean {
  if (!parent) return false;
  if (parent.type === 'MemberExpression') return member === 'object' || parent['computed'] === true;
  if (member === 'key') return parent['computed'] === true;
  if (
    parent.type.startsWith('TS') &&
    !/^TS(?:As|NonNull|Satisfies)Expression$|^TSTypeQuery$/.test(parent.type)
  )
    return false;
  return !/^(?:Import|Export)\w*Specifier$|^Labeled|^Break|^Continue/.test(parent.type);
}

function hasArguments(node: Node): boolean {
  return Array.isArray(node['arguments']) && node['arguments'].length > 0;
}

function find(
  sources: readonly Source[],
  places: (source: Source) => readonly { start: number; end: number }[],
): Violation[] {
  return sources
    .filter(({ isTest, path }) => !isTest && path !== MAIN)
    .flatMap((source) =>
      places(source).map(({ start, end }) => {
        const [first = ''] = source.text.slice(start, end).split('\n');
        return { file: source.path, detail: `line ${source.line(start)}: ${first}` };
      }),
    );
}
