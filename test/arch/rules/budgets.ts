/** Sizes: a file one can hold in mind, a function that fits a screen, parameters one can name at the call. */
import type { Node, Source, Violation } from '../source.ts';

const FILE_LINES = 400;
const FUNCTION_LINES = 60;
const PARAMETERS = 3;

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

export function fileLength(sources: readonly Source[]): Violation[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, '').split('\n').length;
    return lines > FILE_LINES ? [{ file: path, detail: `${lines} lines (at most ${FILE_LINES})` }] : [];
  });
}

/** Test bodies are exempt: a table of cases is long and simple. */
export function functionLength(sources: readonly Source[]): Violation[] {
  return eachFunction(sources, (source, node) => {
    const lines = source.line(node.end) - source.line(node.start) + 1;
    return lines > FUNCTION_LINES ? `function of ${lines} lines (at most ${FUNCTION_LINES})` : undefined;
  });
}

export function parameters(sources: readonly Source[]): Violation[] {
  return eachFunction(sources, (_source, node) => {
    const count = Array.isArray(node['params']) ? node['params'].length : 0;
    return count > PARAMETERS
      ? `${count} parameters (at most ${PARAMETERS}; more want an options object)`
      : undefined;
  });
}

export function anyType(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) =>
    source.nodes
      .filter(({ node }) => node.type === 'TSAnyKeyword')
      .map(({ node }) => ({ file: source.path, detail: `line ${source.line(node.start)}: any` })),
  );
}

function eachFunction(
  sources: readonly Source[],
  judge: (source: Source, node: Node) => string | undefined,
): Violation[] {
  return sources
    .filter((source) => !source.isTest)
    .flatMap((source) =>
      source.nodes.flatMap(({ node }) => {
        const problem = FUNCTIONS.has(node.type) ? judge(source, node) : undefined;
        return problem === undefined
          ? []
          : [{ file: source.path, detail: `line ${source.line(node.start)}: ${problem}` }];
      }),
    );
}
