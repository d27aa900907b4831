/** What an expression reads of a scope, looked up without evaluating it: for whoever has to say why it decided so. */
import type { Expression, Scope } from './expression.ts';
import { HeaderView } from './header-view.ts';
import { LazyRecord } from './lazy-record.ts';

export interface Reading {
  /** As in `Expression.reads`. */
  readonly name: string;
  /** Plain data, a Date, bytes, a Secret, a HeaderView; undefined where there is nothing. */
  readonly value: unknown;
}

export function readings(expression: Pick<Expression, 'reads'>, scope: Scope): Reading[] {
  return [...expression.reads].sort().map((name) => ({ name, value: valueAt(scope, name) }));
}

/** `path` as in `Expression.reads`: the names of claims and headers may have dots themselves. */
export function valueAt(scope: Scope, path: string): unknown {
  let value: unknown = scope;
  let rest = path;
  while (rest !== '' && value !== undefined && value !== null) {
    const dot = rest.indexOf('.');
    const whole = dot < 0 || value instanceof HeaderView || (value !== scope && hasOwn(value, rest));
    const name = whole ? rest : rest.slice(0, dot);
    value = member(value, name);
    rest = whole ? '' : rest.slice(dot + 1);
  }
  return value ?? undefined;
}

function member(value: unknown, name: string): unknown {
  if (value instanceof HeaderView) return value.get(name);
  if (value instanceof LazyRecord) return value.names.includes(name) ? value.read(name) : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  // The scope itself and what rules see of a call have getters; a claim called `constructor` is one of its own.
  return hasOwn(value, name) || isAccessor(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function hasOwn(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}

function isAccessor(value: object, name: string): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return false;
  return Object.getOwnPropertyDescriptor(prototype, name)?.get !== undefined;
}
