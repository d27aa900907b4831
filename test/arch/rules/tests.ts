/** What tests may not do: be switched off without a reason, or alone. */
import { isNode, memberNames, type Node, nameOf, type Source, type Violation } from '../source.ts';

const RUNNERS = new Set(['test', 'it', 'describe', 'suite', 't', 'context']);
const OFF = new Set(['skip', 'todo']);

export function skips(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ isTest }) => isTest)
    .flatMap((source) =>
      source.nodes.flatMap(({ node }) => {
        const problem = callProblem(node) ?? optionProblem(node);
        return problem === undefined
          ? []
          : [{ file: source.path, detail: `line ${source.line(node.start)}: ${problem}` }];
      }),
    );
}

/** `test.skip(name, fn)` has nowhere to put a reason; `t.skip('reason')` has. */
function callProblem(node: Node): string | undefined {
  const [object, property] = (node.type === 'CallExpression' && memberNames(node['callee'])) || [];
  if (object === undefined || property === undefined || !RUNNERS.has(object)) return undefined;
  if (property === 'only') return 'only this test would run';
  if (!OFF.has(property)) return undefined;
  const args = Array.isArray(node['arguments']) ? node['arguments'] : [];
  return args.length === 1 && givesReason(args[0]) ? undefined : `${property} without a reason`;
}

/** `{ skip: condition ? 'reason' : false }` among the options of a test. */
function optionProblem(node: Node): string | undefined {
  if (node.type !== 'CallExpression' || !RUNNERS.has(nameOf(node['callee']) ?? '')) return undefined;
  const options = (Array.isArray(node['arguments']) ? node['arguments'] : []).find(
    (each) => isNode(each) && each.type === 'ObjectExpression',
  );
  const properties =
    isNode(options) && Array.isArray(options['properties']) ? options['properties'].filter(isNode) : [];
  for (const property of properties) {
    const name = nameOf(property['key']) ?? '';
    if (name === 'only') return 'only this test would run';
    if (OFF.has(name) && !givesReason(property['value'])) return `${name} without a reason`;
  }
  return undefined;
}

/** A text somewhere in the expression, or a name that holds one. */
function givesReason(value: unknown): boolean {
  if (!isNode(value)) return false;
  if (value.type === 'Literal') return typeof value['value'] === 'string';
  if (value.type === 'TemplateLiteral' || value.type === 'Identifier' || value.type === 'CallExpression')
    return true;
  return [value['consequent'], value['alternate'], value['left'], value['right']].some(
    (part) => isNode(part) && part.type !== 'Identifier' && givesReason(part),
  );
}
