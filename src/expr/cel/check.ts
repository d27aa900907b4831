/**
 * Reads a tree before it is planned: every variable and function must exist, with a fitting number of arguments; what it
 * reads is noted. A rule with a mistyped name would otherwise load, and fail on every request.
 */
import { LIMITS } from '../../core/limits.ts';
import { closest } from '../../lib/suggest.ts';
import { laterFunctions } from '../functions.ts';
import { LATER_ROOTS, PLACES, type Place, type Variable } from '../places.ts';
import type { Shapes } from './shapes.ts';
import type { Spans } from './spans.ts';
import {
  type Call,
  type Constant,
  children,
  dottedName,
  type Fold,
  identifier,
  type Node,
  textConstant,
} from './tree.ts';

const TYPES = new Set([
  'int',
  'uint',
  'double',
  'bool',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
]);
const DOTTED_TYPES = new Set(['google.protobuf.Timestamp', 'google.protobuf.Duration', 'net.IP', 'net.CIDR']);
const VARYING = new Set(['random', 'uuid']);
const NOT_YET = 'is known to the Rust gateway, not supported here yet';
const LATER_FUNCTIONS = laterFunctions();

export interface Surroundings {
  readonly place: Place;
  readonly shapes: Shapes;
  readonly spans: Spans;
}

type Locals = ReadonlySet<string>;
/** One step of a path; `computed` is an index that is no constant text. */
type Step =
  | { readonly node: Node; readonly field: string }
  | { readonly node: Node; readonly computed: Node };

export class Check {
  readonly reads = new Set<string>();
  varies = false;
  readonly #around: Surroundings;
  #nodes = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  visit(node: Node, locals: Locals, depth = 0): void {
    this.#count(node, depth);
    this.#around.spans.note(node);
    const { exprKind } = node;
    switch (exprKind.case) {
      case 'identExpr':
      case 'selectExpr':
        return this.#path(node, locals, depth);
      case 'callExpr':
        if (exprKind.value.function === '_[_]') return this.#path(node, locals, depth);
        return this.#call(node, exprKind.value, { locals, depth });
      case 'comprehensionExpr':
        return this.#fold(exprKind.value, { locals, depth });
      case 'constExpr':
        return this.#constant(node, exprKind.value);
      case 'structExpr':
        if (exprKind.value.messageName !== '') throw this.#error('messages cannot be made here', node);
        if (exprKind.value.entries.some(({ optionalEntry }) => optionalEntry)) throw this.#optional(node);
        break;
      case 'listExpr':
        if (exprKind.value.optionalIndices.length > 0) throw this.#optional(node);
    }
    for (const child of children(node)) this.visit(child, locals, depth + 1);
  }

  #count(node: Node, depth: number): void {
    this.#nodes += 1;
    const { expressionNodes, expressionDepth } = LIMITS;
    if (this.#nodes > expressionNodes.value)
      throw this.#error(`the expression has more than ${expressionNodes.value} parts`, node);
    if (depth > expressionDepth.value)
      throw this.#error(`the expression is nested more than ${expressionDepth.value} deep`, node);
  }

  /** The parser takes digits without end. */
  #constant(node: Node, { constantKind }: Constant): void {
    const { case: kind, value } = constantKind;
    const fits =
      (kind !== 'int64Value' || BigInt.asIntN(64, value) === value) &&
      (kind !== 'uint64Value' || BigInt.asUintN(64, value) === value);
    if (!fits) throw this.#error('a whole number has at most 64 bits', node);
  }

  #fold(fold: Fold, { locals, depth }: { locals: Locals; depth: number }): void {
    const { iterRange, accuInit, loopCondition, loopStep, result } = fold;
    const inner = new Set([...locals, fold.iterVar, fold.accuVar]);
    for (const outside of [iterRange, accuInit]) if (outside) this.visit(outside, locals, depth + 1);
    for (const inside of [loopCondition, loopStep, result]) if (inside) this.visit(inside, inner, depth + 1);
  }

  #call(node: Node, call: Call, { locals, depth }: { locals: Locals; depth: number }): void {
    const { shapes } = this.#around;
    const qualified = call.target && `${dottedName(call.target)}.${call.function}`;
    const name = qualified !== undefined && shapes.has(qualified) ? qualified : call.function;
    const target = name === qualified ? undefined : call.target;
    if (name.includes('?') && name !== '_?_:_') throw this.#optional(node);
    this.#checkShape(node, { name, method: target !== undefined, count: call.args.length, qualified });
    this.varies ||= VARYING.has(name);
    if (target) this.visit(target, locals, depth + 1);
    const variable = shapes.binds(name);
    if (variable === undefined) for (const arg of call.args) this.visit(arg, locals, depth + 1);
    else this.#binding(call, { locals, depth, variable });
  }

  /** `x.with(name, result)`: the name is none to look up, and is known in the last argument only. */
  #binding(
    { args }: Call,
    { locals, depth, variable }: { locals: Locals; depth: number; variable: number },
  ): void {
    const name = identifier(args[variable]);
    if (name === undefined) throw this.#error('a plain name is wanted here', args[variable] as Node);
    args.forEach((arg, at) => {
      if (at === variable) return;
      this.visit(arg, at === args.length - 1 ? new Set([...locals, name]) : locals, depth + 1);
    });
  }

  #checkShape(
    node: Node,
    {
      name,
      method,
      count,
      qualified,
    }: { name: string; method: boolean; count: number; qualified: string | undefined },
  ): void {
    const { shapes } = this.#around;
    if (shapes.isOperator(name)) return;
    if (!shapes.has(name)) throw this.#unknownFunction(node, qualified ?? name);
    const problem = shapes.problem(name, { method, count });
    if (problem !== undefined) throw this.#error(problem, node);
  }

  #unknownFunction(node: Node, name: string): Error {
    const last = name.slice(name.lastIndexOf('.') + 1);
    if (LATER_FUNCTIONS.has(last)) return this.#error(`\`${last}\` ${NOT_YET}`, node);
    const { shapes } = this.#around;
    // `maths.least` is meant as a namespace, `jwt.sub.startWith` as a method.
    const near = closest(name, shapes.names()) ?? closest(last, shapes.names());
    return this.#error(`unknown function \`${short(last)}\`${hint(near)}`, node);
  }

  #path(node: Node, locals: Locals, depth: number): void {
    const { base, steps } = this.#steps(node, depth);
    for (const step of steps) if ('computed' in step) this.visit(step.computed, locals, depth + 1);
    const root = identifier(base);
    if (root === undefined) return this.visit(base, locals, depth + 1);
    if (locals.has(root) || this.#isType(node, root)) return;
    this.#around.spans.note(base);
    this.#variable(base, root.replace(/^\./, ''), steps);
  }

  /** From the leaf down to what the path begins with; its own nodes count as any others. */
  #steps(leaf: Node, depth: number): { base: Node; steps: Step[] } {
    const steps: Step[] = [];
    let node = leaf;
    for (let below = depth; ; below += 1) {
      const { exprKind } = node;
      if (node !== leaf) this.#count(node, below);
      this.#around.spans.note(node);
      if (exprKind.case === 'selectExpr' && exprKind.value.operand) {
        steps.unshift({ node, field: exprKind.value.field });
        node = exprKind.value.operand;
      } else if (exprKind.case === 'callExpr' && exprKind.value.function === '_[_]') {
        const [operand, index] = exprKind.value.args as [Node, Node];
        const field = textConstant(index);
        steps.unshift(field === undefined ? { node, computed: index } : { node, field });
        node = operand;
      } else return { base: node, steps };
    }
  }

  #isType(node: Node, root: string): boolean {
    return (
      (TYPES.has(root) && !(root in this.#around.place.roots)) || DOTTED_TYPES.has(dottedName(node) ?? '')
    );
  }

  #variable(base: Node, root: string, steps: readonly Step[]): void {
    const { roots } = this.#around.place;
    let variable: Variable | undefined = Object.hasOwn(roots, root) ? roots[root] : undefined;
    if (!variable) throw this.#unknownRoot(base, root);
    let path = root;
    for (const step of steps) {
      if ('computed' in step) break;
      const next = this.#field(variable, step, path);
      if (!next && variable.kind === 'list') break;
      path = `${path}.${step.field}`;
      if (!next) break;
      variable = next;
    }
    this.reads.add(path);
  }

  #field(
    { kind, fields }: Variable,
    { node, field }: { readonly node: Node; readonly field: string },
    path: string,
  ): Variable | undefined {
    const known = fields && Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (known?.later) throw this.#error(`\`${path}.${field}\` ${NOT_YET}`, node);
    // Claims, headers and arguments may have any name; of what they are nothing is known.
    if (kind === 'map' || kind === 'headers' || kind === 'any')
      return known?.kind === 'secret' ? known : undefined;
    if (kind === 'list' || kind === 'record') {
      if (known || kind === 'list') return known;
      const near = closest(field, Object.keys(fields ?? {}));
      throw this.#error(`\`${path}\` has no field \`${short(field)}\`${hint(near)}`, node);
    }
    throw this.#error(`\`${path}\` is a ${kind} and has no fields`, node);
  }

  #unknownRoot(node: Node, root: string): Error {
    if (Object.hasOwn(LATER_ROOTS, root)) return this.#error(`\`${root}\` ${NOT_YET}`, node);
    const { place } = this.#around;
    const elsewhere = Object.values(PLACES).filter((each: Place) => Object.hasOwn(each.roots, root));
    if (elsewhere.length > 0) {
      const where = elsewhere.map(({ what }) => what).join(', ');
      return this.#error(`\`${root}\` is not there in ${place.what}, only in ${where}`, node);
    }
    const near = closest(root, Object.keys(place.roots));
    return this.#error(`unknown variable \`${short(root)}\`${hint(near)}`, node);
  }

  #optional(node: Node): Error {
    return this.#error('optional values (`?`) are not supported', node);
  }

  #error(message: string, node: Node): Error {
    return this.#around.spans.error(message, node);
  }
}

function hint(near: string | undefined): string {
  return near === undefined ? '' : `; did you mean \`${near}\`?`;
}

/** Of a message, not of a page. */
function short(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}...` : name;
}
