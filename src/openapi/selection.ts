/** Which operations become tools. */
import { matchesPattern } from '../lib/pattern.ts';
import type { Operation } from './operations.ts';

/** An operation has to fit every part that is given; `*` stands for any run of characters. */
export interface Selection {
  readonly tags?: readonly string[] | undefined;
  readonly paths?: readonly string[] | undefined;
  /** In capital letters; default: all but OPTIONS and TRACE. */
  readonly methods?: readonly string[] | undefined;
  /** Names of tools, or `GET /users/*`. */
  readonly include?: readonly string[] | undefined;
  /** The same; wins over everything else. */
  readonly exclude?: readonly string[] | undefined;
  /** Default: true. */
  readonly deprecated?: boolean | undefined;
}

/** Descriptions that tools export have them for every path (CORS), and to a model they mean nothing. */
const TECHNICAL: ReadonlySet<string> = new Set(['OPTIONS', 'TRACE']);

export function isSelected(operation: Operation, name: string, selection: Selection): boolean {
  const { tags, paths, methods, include, exclude, deprecated = true } = selection;
  const named = (patterns: readonly string[]) =>
    fits(name, patterns) || fits(`${operation.method} ${operation.path}`, patterns);
  if (operation.deprecated && !deprecated) return false;
  if (exclude && named(exclude)) return false;
  if (include && !named(include)) return false;
  if (tags && !operation.tags.some((tag) => fits(tag, tags))) return false;
  if (paths && !fits(operation.path, paths)) return false;
  return methods?.includes(operation.method) ?? !TECHNICAL.has(operation.method);
}

function fits(text: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesPattern(text, pattern));
}
