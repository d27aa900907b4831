/** Transformations with their expressions compiled: what they read, and what they make of a request or a reply. */

import type { Log } from '../../core/ports.ts';
import { anyComesTo, type Conditions, conditionsOf, type PlacedText } from '../../expr/conditions.ts';
import type { Expr, Expression } from '../../expr/expression.ts';
import { PLACES, type Place } from '../../expr/places.ts';
import { asksForSecrets } from '../../expr/scope.ts';
import type { HeaderChanges } from '../../upstream/request-headers.ts';
import type { Changes, Stage, Transformation } from './schema.ts';

export const KEY = 'transformations';

export interface CompiledChanges {
  readonly headers: HeaderChanges<Expression>;
  /** By name with its colon. */
  readonly pseudo: ReadonlyMap<string, Expression>;
  readonly body: Expression | undefined;
  readonly expressions: readonly Expression[];
}

export interface CompiledTransformation {
  readonly request: CompiledChanges;
  readonly response: CompiledChanges;
}

export interface CompiledStage {
  readonly conditions: Conditions<CompiledTransformation>;
  readonly readsRequestBody: boolean;
  readonly readsReplyBody: boolean;
  readonly readsSecrets: boolean;
}

export function compileStage(stage: Stage, expr: Expr, log: Log): CompiledStage {
  const conditions = conditionsOf(stage, {
    policy: KEY,
    log,
    compile: (text) => expr.compile(text, PLACES.http),
    make: ({ request, response }: Transformation): CompiledTransformation => ({
      request: compileChanges(request, (text) => expr.compile(text, PLACES.http)),
      response: compileChanges(response, (text) => expr.compile(text, PLACES.response)),
    }),
  });
  const all = conditions.all.flatMap(({ request, response }) => [
    ...request.expressions,
    ...response.expressions,
  ]);
  const expressions = [...conditions.expressions, ...all];
  return {
    conditions,
    readsRequestBody: anyComesTo(expressions, 'request.body'),
    readsReplyBody: anyComesTo(expressions, 'response.body'),
    readsSecrets: expressions.some(asksForSecrets),
  };
}

/** Every expression of a stage. */
export function* textsOf(stage: Stage): Iterable<PlacedText> {
  for (const { path, condition, value } of stage) {
    if (condition !== undefined) yield { path: [...path, 'condition'], text: condition, place: PLACES.http };
    yield* textsOfChanges(value.request, [...path, 'request'], PLACES.http);
    yield* textsOfChanges(value.response, [...path, 'response'], PLACES.response);
  }
}

function* textsOfChanges(
  changes: Changes | undefined,
  path: PlacedText['path'],
  place: Place,
): Iterable<PlacedText> {
  if (!changes) return;
  const { set, add, body } = changes;
  for (const [kind, table] of Object.entries({ set, add }))
    for (const [name, text] of Object.entries(table)) yield { path: [...path, kind, name], text, place };
  if (body !== undefined) yield { path: [...path, 'body'], text: body, place };
}

const NO_CHANGES: Changes = { set: {}, add: {}, remove: [] };

function compileChanges(
  { set, add, remove, body: text }: Changes = NO_CHANGES,
  compile: (text: string) => Expression,
): CompiledChanges {
  const sets = Object.entries(set).map(([name, value]) => [name, compile(value)] as const);
  const adds = Object.entries(add).map(([name, value]) => [name, compile(value)] as const);
  const body = text === undefined ? undefined : compile(text);
  const isPseudo = ([name]: readonly [string, unknown]): boolean => name.startsWith(':');
  return {
    headers: {
      set: Object.fromEntries(sets.filter((each) => !isPseudo(each))),
      add: Object.fromEntries(adds),
      remove,
    },
    pseudo: new Map(sets.filter(isPseudo)),
    body,
    expressions: [...[...sets, ...adds].map(([, value]) => value), ...(body ? [body] : [])],
  };
}
