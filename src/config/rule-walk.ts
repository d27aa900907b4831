/** How rules walk through a document as written: whatever has the wrong shape is passed over. */
import { closest } from '../lib/suggest.ts';
import type { Definitions } from './definitions.ts';
import type { Finding, Path } from './diagnostics.ts';
import { type Fields, fields } from './references.ts';

export interface Check {
  readonly definitions: Definitions;
  readonly findings: Finding[];
}

export interface At<T> {
  readonly value: T;
  readonly path: Path;
}

export function member(at: At<Fields>, key: string): At<Fields> | undefined {
  const value = fields(at.value[key]);
  return value && { value, path: [...at.path, key] };
}

export function members(at: At<Fields>, key: string): At<Fields>[] {
  const map = member(at, key);
  if (!map) return [];
  return Object.keys(map.value).flatMap((name) => member(map, name) ?? []);
}

export function items(at: At<Fields>, key: string): At<Fields>[] {
  const list = at.value[key];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const value = fields(item);
    return value ? [{ value, path: [...at.path, key, index] }] : [];
  });
}

export function oneOf(check: Check, { value, path }: At<Fields>, keys: readonly string[]): void {
  const given = keys.filter((key) => value[key] !== undefined);
  if (given.length === 1) return;
  const second = given[1];
  if (second !== undefined)
    check.findings.push({
      path: [...path, second],
      message: `give only one of ${given.join(', ')}`,
      onKey: true,
    });
  else check.findings.push({ path, message: `expected one of ${keys.join(', ')}`, lacks: true });
}

export function didYouMean(name: string, candidates: readonly unknown[]): string | undefined {
  const names = candidates.filter((one) => typeof one === 'string');
  const guess = closest(name, names);
  if (guess !== undefined) return `did you mean "${guess}"?`;
  return names.length > 0 && names.length <= 8 ? `there are: ${names.join(', ')}` : undefined;
}
