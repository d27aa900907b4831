/**
 * Arguments of a call as an HTTP request. What can be known before is worked out once per tool, so that a call costs
 * the same whatever the size of the document. Nothing that an argument says leads to another path, header or host.
 */
import { isObject } from '../lib/json-value.ts';
import { bodyWriter, type SentBody } from './body.ts';
import type { PlannedArgument, RequestPlan, Styled } from './plan.ts';
import { ArgumentProblem, cookiePairs, encoded, headerText, pathText, queryPairs } from './styles.ts';
import type { JsonObject } from './text.ts';

export interface ApiRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat list, names in lower case. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
}

/** Throws ArgumentProblem for arguments that cannot be sent. */
export type RequestBuilder = (given: JsonObject) => ApiRequest;

export interface BuilderOptions {
  /** Put before the path of the operation, without a slash at the end; undefined: what the document says. */
  readonly base: string | undefined;
  /** Text that no part of a multipart body holds. */
  boundary(): string;
}

export function requestBuilder(plan: RequestPlan, options: BuilderOptions): RequestBuilder {
  // No path of OpenAPI has a query or a fragment; documents tell operations apart by them all the same.
  const [pathname = '', fixed] = (plan.path.split('#')[0] as string).split('?');
  const path = pathWriter({ ...plan, path: pathname }, options.base ?? plan.base);
  const accept = ['accept', plan.accept];
  const writeBody = plan.body && bodyWriter(plan.body, options);
  const read = argumentReader(plan);
  return (given) => {
    const { parameters, body } = read(given);
    const query: string[] = fixed === undefined ? [] : [fixedQuery(fixed)];
    const cookies: string[] = [];
    const headers: string[] = [...accept];
    for (const [parameter, value] of parameters) {
      if (parameter.in === 'query') query.push(...queryPairs(parameter, value));
      else if (parameter.in === 'cookie') cookies.push(...cookiePairs(parameter, value));
      else if (parameter.in === 'header')
        headers.push(parameter.name.toLowerCase(), headerText(parameter, value));
    }
    if (cookies.length > 0) headers.push('cookie', cookies.join('; '));
    const sent: SentBody | undefined = body === undefined ? undefined : writeBody?.(body);
    if (sent) headers.push('content-type', sent.type);
    const target = path(parameters);
    return {
      method: plan.method,
      path: query.length > 0 ? `${target}?${query.join('&')}` : target,
      headers,
      body: sent?.bytes,
    };
  };
}

interface Read {
  readonly parameters: ReadonlyMap<Styled, unknown>;
  readonly body: unknown;
}

/** As written, and encoded where that was forgotten. */
function fixedQuery(text: string): string {
  return text
    .split(/([&=])/)
    .map((piece, index) => (index % 2 === 1 ? piece : literal(piece)))
    .join('');
}

type Groups = Map<string | undefined, Map<string, PlannedArgument>>;

/** Takes arguments apart, and says which are missing or unknown: what has no place would be left out in silence. */
function argumentReader({ arguments: all, body: sent }: RequestPlan): (given: JsonObject) => Read {
  const groups: Groups = new Map([[undefined, new Map()]]);
  for (const argument of all) {
    const group = groups.get(argument.group) ?? new Map<string, PlannedArgument>();
    groups.set(argument.group, group.set(argument.name, argument));
  }
  const hasMembers = all.some(({ destination }) => destination.kind === 'member');
  return (given) => {
    const parameters = new Map<Styled, unknown>();
    const members: [string, unknown][] = [];
    let body: unknown;
    for (const [group, known] of groups) {
      const values = group === undefined ? given : groupOf(given, group);
      for (const name of Object.keys(values))
        if (!known.has(name) && !(group === undefined && groups.has(name)))
          throw unknown(name, group, groups);
      for (const [name, { destination, required }] of known) {
        const value = Object.hasOwn(values, name) ? values[name] : undefined;
        const absent = value === undefined || (value === null && destination.kind === 'parameter');
        if (absent && required) throw missing(name, group);
        if (absent) continue;
        if (destination.kind === 'parameter') parameters.set(destination.parameter, value);
        else if (destination.kind === 'member') members.push([destination.name, value]);
        else body = value;
      }
    }
    const spread = hasMembers && (members.length > 0 || sent?.required === true);
    return { parameters, body: spread ? Object.fromEntries(members) : body };
  };
}

function groupOf(given: JsonObject, group: string): JsonObject {
  const value = Object.hasOwn(given, group) ? given[group] : undefined;
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value;
  throw new ArgumentProblem(`"${group}" has to be an object`);
}

function missing(name: string, group: string | undefined): ArgumentProblem {
  return new ArgumentProblem(`missing argument "${group === undefined ? name : `${group}.${name}`}"`);
}

const MOST_NAMES = 20;

function unknown(name: string, group: string | undefined, groups: Groups): ArgumentProblem {
  const where = group === undefined ? '' : ` in "${group}"`;
  const [home] = [...groups].find(([other, known]) => other !== group && known.has(name)) ?? [];
  if (home !== undefined)
    return new ArgumentProblem(`unknown argument "${name}"${where}: it belongs into "${home}"`);
  const further = group === undefined ? [...groups.keys()].filter((each) => each !== undefined) : [];
  const names = [...further, ...(groups.get(group)?.keys() ?? [])].slice(0, MOST_NAMES);
  const known = names.length === 0 ? 'there are none' : `there are: ${names.join(', ')}`;
  return new ArgumentProblem(`unknown argument "${name}"${where}; ${known}`);
}

type Piece = string | Styled;

/** Whoever reads the path may decode it, once or twice, before such segments are removed. */
const SEPARATOR = /\/|\\|%(?:25)*(?:2f|5c)/i;
const DOTS = /^(?:\.|%(?:25)*2e){1,2}$/i;

function pathWriter(
  { path, arguments: all }: Pick<RequestPlan, 'path' | 'arguments'>,
  base: string,
): (values: ReadonlyMap<Styled, unknown>) => string {
  const parameters = all.flatMap(({ destination }) =>
    destination.kind === 'parameter' ? [destination.parameter] : [],
  );
  const byName = new Map(parameters.filter((one) => one.in === 'path').map((one) => [one.name, one]));
  const pieces = path.split(/(\{[^{}]+\})/).map((piece): Piece => {
    const parameter = piece.startsWith('{') ? byName.get(piece.slice(1, -1)) : undefined;
    return parameter ?? literal(piece);
  });
  return (values) => {
    const written = pieces.map((piece) =>
      typeof piece === 'string' ? piece : variable(piece, values.get(piece)),
    );
    const whole = base + written.join('');
    if (whole.split(SEPARATOR).some((segment) => DOTS.test(segment)))
      throw new ArgumentProblem('an argument of the path would lead to another path');
    return whole;
  };
}

function variable(parameter: Styled, value: unknown): string {
  const text = pathText(parameter, value);
  // Another operation may be behind the path without it.
  if (text === '' || text === '.')
    throw new ArgumentProblem(`"${parameter.name}" is empty and stands in the path`);
  return text;
}

/** As it stands in the document, encoded where that forgot it. */
function literal(text: string): string {
  return text
    .split(/(%[0-9A-Fa-f]{2}|[/:@!$&'()*+,;=])/)
    .map((piece, index) => (index % 2 === 1 ? piece : encoded(piece)))
    .join('');
}
