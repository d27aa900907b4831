/** How a module looks from outside: its name, its header, what it exports, and that importing it does nothing. */
import { isNode, type Node, nameOf, type Source, type Violation } from '../source.ts';

const BANNED = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'common', 'misc']);
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** Folders named by a configuration key (backendTLS) are spelled like the key. */
const KEY_FOLDERS = new Set(['policies', 'backends', 'targets']);

export function names(sources: readonly Source[]): Violation[] {
  return sources.flatMap(({ path }) => {
    const parts = path.split('/').slice(1);
    const file = (parts.at(-1) ?? '').replace(/(?:\.test)?\.ts$/, '');
    const problems = [...parts.slice(0, -1), file].flatMap((part, at) => {
      if (part.split('-').some((word) => BANNED.has(word))) return [`${part} names no thing of the domain`];
      if (at === 1 && KEY_FOLDERS.has(parts[0] ?? '') && part !== file) return [];
      return KEBAB.test(part) ? [] : [`${part} is not kebab-case`];
    });
    return problems.map((detail) => ({ file: path, detail }));
  });
}

export function headers(sources: readonly Source[]): Violation[] {
  return sources
    .filter(
      ({ isTest, text }) =>
        !isTest &&
        !/^(?:#![^\n]*\n)?\/\*\*[^\n]*\w/.test(text.replace(/^((?:#![^\n]*\n)?)\/\*\*\n \*/, '$1/**')),
    )
    .map(({ path }) => ({ file: path, detail: 'opens without a header comment' }));
}

/** Named exports only: a reader finds every use by the name, and the public surface is a list. */
export function exported(sources: readonly Source[]): Violation[] {
  return at(sources, (node) => {
    if (node.type === 'ExportDefaultDeclaration') return 'default export';
    if (node.type === 'ExportAllDeclaration') return 'export *';
    return undefined;
  });
}

/** House law 2: importing a module does nothing, except that it may fill tables of its own. */
export function sideEffects(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ isTest, path }) => !isTest && path !== 'src/main.ts')
    .flatMap((source) => {
      const own = new Set(source.body.flatMap(declaredNames));
      return at([source], (node) => {
        if (node.type === 'ImportDeclaration' && isBare(node)) return 'import for its side effects';
        return DECLARATIONS.has(node.type) || fillsTable(node, own)
          ? undefined
          : `${node.type} at module level`;
      });
    });
}

function declaredNames(node: Node): string[] {
  const declared =
    node.type === 'ExportNamedDeclaration' && isNode(node['declaration']) ? node['declaration'] : node;
  const list = Array.isArray(declared['declarations']) ? declared['declarations'].filter(isNode) : [];
  return list.flatMap((each) => nameOf(each['id']) ?? []);
}

/** `TABLE[i] = x;`, alone or in a loop, where TABLE belongs to this module. */
function fillsTable(statement: unknown, own: ReadonlySet<string>): boolean {
  if (!isNode(statement)) return false;
  if (statement.type === 'ForOfStatement' || statement.type === 'ForStatement')
    return fillsTable(statement['body'], own);
  if (statement.type === 'BlockStatement')
    return Array.isArray(statement['body']) && statement['body'].every((each) => fillsTable(each, own));
  const expression = statement.type === 'ExpressionStatement' ? statement['expression'] : undefined;
  if (!isNode(expression) || expression.type !== 'AssignmentExpression' || !isNode(expression['left']))
    return false;
  return own.has(nameOf(expression['left']['object']) ?? '');
}

const DECLARATIONS = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportDefaultDeclaration',
  'ExportAllDeclaration',
  'FunctionDeclaration',
  'ClassDeclaration',
  'VariableDeclaration',
  'TSTypeAliasDeclaration',
  'TSInterfaceDeclaration',
  'TSDeclareFunction',
]);

function isBare(node: Node): boolean {
  return !Array.isArray(node['specifiers']) || node['specifiers'].filter(isNode).length === 0;
}

function at(sources: readonly Source[], judge: (node: Node) => string | undefined): Violation[] {
  return sources.flatMap((source) =>
    source.body.flatMap((node) => {
      const problem = judge(node);
      return problem === undefined
        ? []
        : [{ file: source.path, detail: `line ${source.line(node.start)}: ${problem}` }];
    }),
  );
}
