/**
 * The conformance data of the CEL specification, as far as it is about what expressions here can say: no protobuf
 * messages, no containers. What differs stands in differences.ts with its reason, and fails when it no longer does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getTestRegistry } from '@bufbuild/cel-spec/testdata/registry.js';
import {
  getConformanceSuite,
  type IncrementalTest,
  type IncrementalTestSuite,
} from '@bufbuild/cel-spec/testdata/tests.js';
import { isMessage, toJson } from '@bufbuild/protobuf';
import { anyUnpack, DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { type Expr, ExprError, type Scope } from '../../src/expr/expression.ts';
import { loadExpr } from '../../src/expr/load.ts';
import type { Place, Variable } from '../../src/expr/places.ts';
import { KNOWN, LEFT_OUT } from './differences.ts';

type Simple = IncrementalTest['original'];
type Binding = Simple['bindings'][string];
type Value = Extract<Binding['kind'], { case: 'value' }>['value'];
type Expected = Extract<Simple['resultMatcher'], { case: 'value' }>['value'];

/** Says things that expressions here have no words for. */
class NotForUs extends Error {}

const registry = getTestRegistry();
const expr = await loadExpr({ random: (bytes) => Buffer.alloc(bytes) });

let compared = 0;

for (const suite of getConformanceSuite().suites) {
  if (suite.name in LEFT_OUT) continue;
  test(`CEL conformance: ${suite.name.replaceAll('_', ' ')}`, () => {
    const differing = casesOf(suite, suite.name).flatMap(({ name, original }) => {
      const difference = differs(original, expr);
      return difference === undefined ? [] : [{ name, difference }];
    });
    const known = Object.keys(KNOWN).filter((path) => path.startsWith(`${suite.name}/`));
    const unknown = differing.filter(({ name }) => !known.some((path) => name.startsWith(path)));
    assert.deepEqual(unknown, []);
    const over = known.filter((path) => !differing.some(({ name }) => name.startsWith(path)));
    assert.deepEqual(over, [], 'these no longer differ');
  });
}

test('CEL conformance: cases that are not for us are the few', () => {
  assert.ok(compared > 1300, `${compared} cases were compared`);
});

function casesOf(
  { tests, suites }: IncrementalTestSuite,
  path: string,
): { name: string; original: Simple }[] {
  return [
    ...tests.map(({ name, original }) => ({ name: `${path}/${name}`, original })),
    ...suites.flatMap((inner) => casesOf(inner, `${path}/${inner.name}`)),
  ];
}

/** What differs; undefined when nothing does, or when the case is not for us. */
function differs(original: Simple, evaluator: Expr): string | undefined {
  if (original.container !== '' || original.checkOnly) return undefined;
  try {
    const difference = outcome(original, evaluator);
    compared += 1;
    return difference;
  } catch (error) {
    if (error instanceof NotForUs) return undefined;
    throw error;
  }
}

function outcome(original: Simple, evaluator: Expr): string | undefined {
  const { resultMatcher } = original;
  const scope = scopeOf(original);
  const actual = attempt(evaluator, original, scope);
  if (resultMatcher.case === 'evalError' || resultMatcher.case === 'anyEvalErrors')
    return 'error' in actual ? undefined : `${original.expr} gives ${show(actual.value)} instead of an error`;
  const expected = resultMatcher.case === 'typedResult' ? resultMatcher.value.result : resultMatcher.value;
  if (expected === undefined || !('kind' in expected)) throw new NotForUs();
  if ('error' in actual) return `${original.expr}: ${actual.error}`;
  const wanted = plainOf(expected);
  const type = typeOf(expected);
  if (!Object.is(show(actual.value), show(wanted)))
    return `${original.expr} gives ${show(actual.value)} instead of ${show(wanted)}`;
  const given =
    type === undefined
      ? undefined
      : attempt(evaluator, { ...original, expr: `type(${original.expr}\n)` }, scope);
  return given && 'value' in given && given.value !== type
    ? `${original.expr} is ${show(given.value)} instead of ${type}`
    : undefined;
}

function attempt(
  evaluator: Expr,
  { expr: source, bindings }: Simple,
  scope: Scope,
): { value: unknown } | { error: string } {
  const any: Variable = { kind: 'any', what: '' };
  const roots = Object.fromEntries(Object.keys(bindings).map((name) => [name, any]));
  const place: Place = { name: 'conformance', what: 'conformance', roots };
  try {
    return { value: evaluator.compile(source, place).evaluate(scope) };
  } catch (error) {
    if (!(error instanceof ExprError)) throw error;
    if (/messages cannot be made|optional values/.test(error.message)) throw new NotForUs();
    return { error: error.message };
  }
}

function scopeOf({ bindings }: Simple): Scope {
  return Object.fromEntries(
    Object.entries(bindings).map(([name, { kind }]) => {
      if (kind.case !== 'value' || name.includes('.')) throw new NotForUs();
      return [name, bound(kind.value)];
    }),
  );
}

/** As a scope would have it. */
function bound({ kind }: Value): unknown {
  switch (kind.case) {
    case 'nullValue':
      return null;
    case 'listValue':
      return kind.value.values.map(bound);
    case 'mapValue':
      return Object.fromEntries(
        kind.value.entries.map(({ key, value }) => {
          if (key?.kind.case !== 'stringValue' || !value) throw new NotForUs();
          return [key.kind.value, bound(value)];
        }),
      );
    case 'boolValue':
    case 'int64Value':
    case 'stringValue':
    case 'bytesValue':
      return kind.value;
    case 'doubleValue':
      if (Number.isInteger(kind.value)) throw new NotForUs();
      return kind.value;
    default:
      throw new NotForUs();
  }
}

function plainOf({ kind }: Expected): unknown {
  switch (kind.case) {
    case 'nullValue':
      return null;
    case 'boolValue':
    case 'doubleValue':
    case 'stringValue':
    case 'bytesValue':
    case 'typeValue':
      return kind.value;
    case 'int64Value':
    case 'uint64Value':
      return Number.isSafeInteger(Number(kind.value)) ? Number(kind.value) : kind.value.toString();
    case 'listValue':
      return kind.value.values.map(plainOf);
    case 'mapValue':
      return Object.fromEntries(
        kind.value.entries.map(({ key, value }) => [String(key && plainOf(key)), value && plainOf(value)]),
      );
    case 'objectValue': {
      const message = anyUnpack(kind.value, registry);
      if (isMessage(message, TimestampSchema)) return toJson(TimestampSchema, message);
      if (isMessage(message, DurationSchema)) return toJson(DurationSchema, message);
      throw new NotForUs();
    }
    default:
      throw new NotForUs();
  }
}

const TYPES: Readonly<Record<string, string>> = {
  nullValue: 'null_type',
  boolValue: 'bool',
  int64Value: 'int',
  uint64Value: 'uint',
  doubleValue: 'double',
  stringValue: 'string',
  bytesValue: 'bytes',
  listValue: 'list',
  mapValue: 'map',
  typeValue: 'type',
};

function typeOf({ kind }: Expected): string | undefined {
  return TYPES[kind.case ?? ''];
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${show(item)}`);
  return `{${members.sort().join(', ')}}`;
}
