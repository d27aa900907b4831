/** Where each value of a document stands in its text, and the excerpt shown with a fault. */
import type { Diagnostic, Finding, Path } from './diagnostics.ts';
import { showPath } from './diagnostics.ts';
import { maskSecrets } from './mask.ts';
import type { Range, Spot } from './spot.ts';

export class Positions {
  readonly #source: { readonly file: string; readonly text: string };
  readonly #root: Spot;
  #shown: { readonly file: string; readonly text: string } | undefined;

  constructor(source: { readonly file: string; readonly text: string }, root: Spot) {
    this.#source = source;
    this.#root = root;
  }

  diagnostic(finding: Finding): Diagnostic {
    this.#shown ??= { file: this.#source.file, text: maskSecrets(this.#source.text, this.#root) };
    return diagnosticAt(this.#shown, this.#range(finding), {
      path: showPath(finding.path),
      message: finding.message,
      hint: finding.hint,
    });
  }

  #range({ path, onKey, part }: Finding): Range {
    const { spot, whole } = this.#find(path);
    // Not where the text is written with escapes, over several lines or with a variable.
    const at = part && whole ? this.#source.text.indexOf(part.of, spot.start) : -1;
    if (part && at >= 0 && at + part.of.length <= spot.end) {
      const start = at + part.offset;
      return { start, end: start + Math.max(1, part.length) };
    }
    if (spot.key && (onKey || !whole || !spot.scalar)) return spot.key;
    if (spot.scalar) return spot;
    const first = spot.children.values().next().value;
    return first?.key ?? { start: spot.start, end: spot.start + 1 };
  }

  #find(path: Path): { spot: Spot; whole: boolean } {
    let spot = this.#root;
    for (const part of path) {
      const child = spot.children.get(part);
      if (!child) return { spot, whole: false };
      spot = child;
    }
    return { spot, whole: true };
  }
}

export function diagnosticAt(
  source: { readonly file: string; readonly text: string },
  range: Range,
  about: { readonly path: string; readonly message: string; readonly hint?: string | undefined },
): Diagnostic {
  const { file, text } = source;
  const start = Math.min(range.start, text.length);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const newline = text.indexOf('\n', start);
  const lineEnd = newline === -1 ? text.length : newline;
  return {
    file,
    line: countLines(text, lineStart),
    column: start - lineStart + 1,
    path: about.path,
    message: about.message,
    ...(about.hint === undefined ? {} : { hint: about.hint }),
    excerpt: excerpt(text.slice(lineStart, lineEnd), start - lineStart, Math.min(range.end, lineEnd) - start),
  };
}

function countLines(text: string, offset: number): number {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

const WIDTH = 120;

/** One line and the marks under the fault; long lines are cut around it. */
function excerpt(line: string, column: number, length: number): string {
  const from = column > WIDTH - 20 ? column - 40 : 0;
  const shown = line
    .replace(/\r$/, '')
    .replaceAll('\t', ' ')
    .slice(from, from + WIDTH);
  const marks = Math.max(1, Math.min(length, shown.length - (column - from)));
  return `${shown}\n${' '.repeat(column - from)}${'^'.repeat(marks)}`;
}
