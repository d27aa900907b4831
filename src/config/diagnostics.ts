/** What is wrong with a document, where, and how it is shown to a person. Knows nothing of YAML or schemas. */

export interface Diagnostic {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** Where in the document: `binds[0].listeners[0].routes[0]`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  /** What to do about it: a suggestion, never a repetition. */
  readonly hint?: string;
  /** The source line and, below it, the marks under the offending text. */
  readonly excerpt?: string;
}

export type Path = readonly (string | number)[];

/** A fault found in a value, before it is known where in the text that value stands. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Point at the key that leads to `path` rather than at the value. */
  readonly onKey?: boolean;
  /** Point at a part of the value, where that is this text. */
  readonly part?: { readonly of: string; readonly offset: number; readonly length: number } | undefined;
  /** `path` ends in a key that was not understood. */
  readonly unknown?: boolean;
  /** That key, or this value, is one the Rust gateway has. */
  readonly unsupported?: boolean;
  /** The object at `path` lacks something; moot when one of its keys was not understood. */
  readonly lacks?: boolean;
}

export class ConfigError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(formatDiagnostics(diagnostics));
    this.name = 'ConfigError';
    this.diagnostics = diagnostics;
  }
}

export function showPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

export function formatDiagnostics(
  list: readonly Diagnostic[],
  options: { readonly color?: boolean } = {},
): string {
  const paint = options.color === true ? ansi : plain;
  return list.map((one) => formatOne(one, paint)).join('\n\n');
}

type Paint = (style: 'bold' | 'red' | 'dim' | 'cyan', text: string) => string;

const CODES = { bold: 1, red: 31, dim: 2, cyan: 36 } as const;
const plain: Paint = (_style, text) => text;
const ansi: Paint = (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m`;

function formatOne(diagnostic: Diagnostic, paint: Paint): string {
  const { file, line, column, message, path, hint, excerpt } = diagnostic;
  const lines = [`${paint('bold', `${file}:${line}:${column}`)}: ${paint('red', message)}`];
  if (excerpt !== undefined) {
    const [source = '', marks = ''] = excerpt.split('\n');
    const number = String(line);
    lines.push(`  ${paint('dim', `${number} |`)} ${source}`);
    lines.push(`  ${paint('dim', `${' '.repeat(number.length)} |`)} ${paint('red', marks)}`);
  }
  if (path !== '') lines.push(`  ${paint('dim', `at ${path}`)}`);
  if (hint !== undefined) lines.push(`  ${paint('cyan', hint)}`);
  return lines.join('\n');
}
