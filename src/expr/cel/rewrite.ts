/**
 * Makes of the parser's tree one that the evaluator can plan: functions that take unevaluated arguments become loops and
 * attempts, and every loop pays for its work. Errors of what is made point to what was written.
 */
import type { CelValue } from '@bufbuild/cel';
import { parseCidr, parseIp } from '../../lib/ip.ts';
import type { Attempt } from './frame.ts';
import { cidrValue, ipValue } from './opaque.ts';
import { Pattern } from './patterns.ts';
import type { Spans } from './spans.ts';
import {
  type Call,
  countNodes,
  dottedName,
  type Fold,
  identifier,
  type Node,
  Nodes,
  textConstant,
} from './tree.ts';

export interface Workshop {
  readonly spans: Spans;
  /** Plans a part that is evaluated by itself. */
  plan(node: Node): Attempt['run'];
}

type Locals = readonly string[];

/** Of several numbers. Cel-go has them as macros too. */
const OF_LISTS = new Set(['math.least', 'math.greatest', 'max', 'min']);

export class Rewriter {
  readonly attempts: Attempt[] = [];
  readonly patterns = new Map<string, Pattern>();
  readonly constants: CelValue[] = [];
  readonly #workshop: Workshop;
  #made = 0;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
  }

  rewrite(node: Node, locals: Locals): Node {
    const { exprKind } = node;
    switch (exprKind.case) {
      case 'selectExpr':
        if (exprKind.value.operand) exprKind.value.operand = this.rewrite(exprKind.value.operand, locals);
        return node;
      case 'listExpr':
        exprKind.value.elements = exprKind.value.elements.map((element) => this.rewrite(element, locals));
        return node;
      case 'structExpr':
        for (const entry of exprKind.value.entries) {
          if (entry.keyKind.case === 'mapKey')
            entry.keyKind.value = this.rewrite(entry.keyKind.value, locals);
          if (entry.value) entry.value = this.rewrite(entry.value, locals);
        }
        return node;
      case 'comprehensionExpr':
        this.#fold(node, exprKind.value, locals);
        return node;
      case 'callExpr':
        return this.#call(node, exprKind.value, locals);
      default:
        return node;
    }
  }

  #fold(node: Node, fold: Fold, locals: Locals): void {
    const { iterRange, accuInit, loopCondition, loopStep, result } = fold;
    if (!iterRange || !accuInit || !loopCondition || !loopStep || !result) return;
    const inner = [...locals, fold.iterVar];
    const nodes = new Nodes(node);
    const steps = countNodes(loopStep) + countNodes(loopCondition);
    fold.iterRange = nodes.call('@range', this.rewrite(iterRange, locals));
    if (isEmptyList(accuInit)) this.#makesList(nodes, fold, inner);
    else {
      fold.accuInit = this.rewrite(accuInit, locals);
      fold.loopStep = this.rewrite(loopStep, inner);
    }
    fold.loopCondition = nodes.call('@step', nodes.int(steps), this.rewrite(loopCondition, inner));
    fold.result = this.rewrite(result, inner);
  }

  /** `map` and `filter` add a list of one to what they have, which would copy everything for each element. */
  #makesList(nodes: Nodes, fold: Fold, locals: Locals): void {
    const { loopStep } = fold;
    if (loopStep?.exprKind.case !== 'callExpr') return;
    const { value: step } = loopStep.exprKind;
    const conditional = step.function === '_?_:_';
    const [test, added] = conditional ? step.args : [undefined, loopStep];
    const element = addedElement(added);
    if (!element) return;
    const push = nodes.call('@push', nodes.ident(fold.accuVar), this.rewrite(element, locals));
    fold.accuInit = nodes.call('@list');
    fold.loopStep = test
      ? nodes.call('_?_:_', this.rewrite(test, locals), push, nodes.ident(fold.accuVar))
      : push;
  }

  #call(node: Node, call: Call, locals: Locals): Node {
    const { target, args } = call;
    const qualified = target && dottedName(target);
    const name = qualified === undefined ? call.function : `${qualified}.${call.function}`;
    if (target === undefined && call.function === 'default')
      return this.#attempts(node, '@default', { args, locals });
    if (target === undefined && call.function === 'coalesce')
      return this.#attempts(node, '@coalesce', { args, locals });
    if (name === 'cel.bind') return this.#bind(node, [args[1], args[0], args[2]] as Three, locals);
    if (target && call.function === 'with')
      return this.#bind(node, [target, args[0], args[1]] as Three, locals);
    if (target && call.function === 'mapValues')
      return this.#mapValues(node, [target, args[0], args[1]] as Three, locals);
    if (target && call.function === 'filterKeys')
      return this.#filterKeys(node, [target, args[0], args[1]] as Three, locals);
    const written = this.#writtenOut(node, call);
    if (written) return written;
    this.#compilePattern(node, call);
    call.args = args.map((arg) => this.rewrite(arg, locals));
    if (target) call.target = this.rewrite(target, locals);
    if (OF_LISTS.has(name) && call.args.length > 1) call.args = [new Nodes(node).list(call.args)];
    return node;
  }

  #attempts(node: Node, name: string, { args, locals }: { args: readonly Node[]; locals: Locals }): Node {
    const seen = [...new Set(locals)];
    const parts = args.map((arg) => this.#workshop.plan(this.rewrite(arg, locals)));
    const first = this.attempts.length;
    for (const run of parts) this.attempts.push({ locals: seen, run });
    const nodes = new Nodes(node);
    return nodes.call(
      name,
      nodes.int(first),
      nodes.int(parts.length),
      ...seen.map((local) => nodes.ident(local)),
    );
  }

  #bind(node: Node, [value, variable, body]: Three, locals: Locals): Node {
    const name = identifier(variable) as string;
    return new Nodes(node).bind(name, this.rewrite(value, locals), this.rewrite(body, [...locals, name]));
  }

  #mapValues(node: Node, [target, variable, body]: Three, locals: Locals): Node {
    const name = identifier(variable) as string;
    const key = `@key${++this.#made}`;
    const value = this.rewrite(body, [...locals, name]);
    return this.#mapLoop(node, this.rewrite(target, locals), (nodes, map) => ({
      key,
      step: nodes.call(
        '@put',
        nodes.ident(MADE),
        nodes.ident(key),
        nodes.bind(name, nodes.call('_[_]', map, nodes.ident(key)), value),
      ),
    }));
  }

  #filterKeys(node: Node, [target, variable, body]: Three, locals: Locals): Node {
    const key = identifier(variable) as string;
    const test = this.rewrite(body, [...locals, key]);
    return this.#mapLoop(node, this.rewrite(target, locals), (nodes, map) => {
      const put = nodes.call(
        '@put',
        nodes.ident(MADE),
        nodes.ident(key),
        nodes.call('_[_]', map, nodes.ident(key)),
      );
      return { key, step: nodes.call('_?_:_', test, put, nodes.ident(MADE)) };
    });
  }

  /** Goes through the keys of a map and makes another. */
  #mapLoop(node: Node, target: Node, body: (nodes: Nodes, map: Node) => { key: string; step: Node }): Node {
    const nodes = new Nodes(node);
    const name = `@map${++this.#made}`;
    const { key, step } = body(nodes, nodes.ident(name));
    const loop = nodes.fold({
      iterVar: key,
      iterRange: nodes.call('@keys', nodes.ident(name)),
      accuVar: MADE,
      accuInit: nodes.call('@map'),
      loopCondition: nodes.call('@step', nodes.int(countNodes(step)), nodes.bool(true)),
      loopStep: step,
      result: nodes.ident(MADE),
    });
    return nodes.bind(name, target, loop);
  }

  /** An address or network that is written out is checked now, and made once. */
  #writtenOut(node: Node, { function: name, target, args }: Call): Node | undefined {
    const text = textConstant(args[0]);
    if (target !== undefined || text === undefined || (name !== 'ip' && name !== 'cidr')) return undefined;
    const value = name === 'ip' ? ipOf(text) : cidrOf(text);
    if (value === undefined) throw this.#workshop.spans.error(`this is no ${NOUNS[name]}`, args[0] ?? node);
    const nodes = new Nodes(node);
    return nodes.call('@constant', nodes.int(this.constants.push(value) - 1));
  }

  /** A pattern that is written out is checked now, and compiled once. */
  #compilePattern(node: Node, { function: name, target, args }: Call): void {
    if (name !== 'matches' && name !== 'regexReplace') return;
    const [at] = target === undefined ? args.slice(1) : args;
    const source = textConstant(at);
    if (source === undefined || this.patterns.has(source)) return;
    try {
      this.patterns.set(source, new Pattern(source));
    } catch (error) {
      throw this.#workshop.spans.error(error instanceof Error ? error.message : 'not a pattern', at ?? node);
    }
  }
}

const NOUNS = { ip: 'IP address', cidr: 'network such as 10.0.0.0/8' };

function ipOf(text: string): CelValue | undefined {
  const address = parseIp(text);
  return address && ipValue(address);
}

function cidrOf(text: string): CelValue | undefined {
  const network = parseCidr(text);
  return network && cidrValue(network);
}

function isEmptyList({ exprKind }: Node): boolean {
  return exprKind.case === 'listExpr' && exprKind.value.elements.length === 0;
}

/** Of `@result + [element]`. */
function addedElement(node: Node | undefined): Node | undefined {
  if (node?.exprKind.case !== 'callExpr' || node.exprKind.value.function !== '_+_') return undefined;
  const list = node.exprKind.value.args[1];
  return list?.exprKind.case === 'listExpr' ? list.exprKind.value.elements[0] : undefined;
}

type Three = readonly [Node, Node, Node];

/** The map that a loop makes. */
const MADE = '@made';
