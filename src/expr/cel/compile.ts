/** Compiles expressions and evaluates them: text, tree, check, rewrite, plan. Loaded by load.ts only. */
import { type CelEnv, type CelValue, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import type { Ports } from '../../core/ports.ts';
import { type Expr, ExprError, type Expression, type Scope } from '../expression.ts';
import type { Place } from '../places.ts';
import { checkBounds } from './bounds.ts';
import { Check } from './check.ts';
import { Fault, Frame, frame, type Parts, TOO_MUCH_WORK, within } from './frame.ts';
import { codecFunctions } from './functions/codecs.ts';
import { dataFunctions, NO_SUCH_KEY } from './functions/data.ts';
import { networkFunctions } from './functions/network.ts';
import { numberFunctions } from './functions/numbers.ts';
import { containment, textFunctions } from './functions/text.ts';
import { addLists, equality, metered } from './meter.ts';
import { registry } from './opaque.ts';
import { Rewriter } from './rewrite.ts';
import { Shapes } from './shapes.ts';
import { Spans } from './spans.ts';
import { isMissing, specials } from './specials.ts';
import { Converter, plain } from './values.ts';

type Result = ReturnType<ReturnType<typeof plan>>;
type Run = (bindings: Readonly<Record<string, CelValue>>) => Result;

/** Expressions kept for the next generation, which mostly has the same. */
const KEPT = 1000;

export function createExpr(ports: Pick<Ports, 'random'>): Expr {
  const { env, shapes } = environment(ports);
  const compiler = new Compiler(env, shapes);
  return { compile: (source, place) => compiler.compile(source, place) };
}

/** The functions of expressions, with what they cost. */
export function environment(ports: Pick<Ports, 'random'>): { env: CelEnv; shapes: Shapes } {
  const base = celEnv({
    registry,
    funcs: [
      ...strings,
      ...textFunctions,
      ...codecFunctions,
      ...dataFunctions(() => frame().parts.converter, ports),
      ...numberFunctions,
      ...networkFunctions,
    ],
  });
  const { special, equal } = equality(base);
  const withContainment = celEnv({ registry, funcs: [...base.funcs, containment(equal)] });
  const env = metered(withContainment, new Map([...specials, ...special, addLists(base)]));
  return { env, shapes: new Shapes(withContainment) };
}

class Compiler {
  readonly #env: CelEnv;
  readonly #shapes: Shapes;
  readonly #places = new WeakMap<
    Place,
    Pick<Parts, 'converter' | 'roots'> & { kept: Map<string, Expression> }
  >();
  readonly #converters = { plain: new Converter(false), masked: new Converter(true) };

  constructor(env: CelEnv, shapes: Shapes) {
    this.#env = env;
    this.#shapes = shapes;
  }

  compile(source: string, place: Place): Expression {
    const { kept, ...surroundings } = this.#place(place);
    const known = kept.get(source);
    if (known) return known;
    const made = this.#compile(source, { place, ...surroundings });
    kept.set(source, made);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return made;
  }

  #compile(
    source: string,
    { place, ...surroundings }: Pick<Parts, 'converter' | 'roots'> & { place: Place },
  ): Expression {
    checkBounds(source);
    const parsed = parsedOrThrow(source);
    const tree = parsed.expr;
    if (!tree)
      throw new ExprError('CONFIG_INVALID', 'the expression is empty', { offset: 0, length: source.length });
    const spans = new Spans(source, parsed);
    const check = new Check({ place, shapes: this.#shapes, spans });
    check.visit(tree, new Set());
    const rewriter = new Rewriter({ spans, plan: (node) => plan(this.#env, node) as Run });
    const run = plan(this.#env, rewriter.rewrite(tree, [])) as Run;
    const { attempts, patterns, constants } = rewriter;
    return new Compiled({
      source,
      reads: check.reads,
      varies: check.varies,
      run,
      spans,
      parts: { ...surroundings, attempts, patterns, constants },
    });
  }

  #place(place: Place): Pick<Parts, 'converter' | 'roots'> & { kept: Map<string, Expression> } {
    const known = this.#places.get(place);
    if (known) return known;
    const converter = place.masked ? this.#converters.masked : this.#converters.plain;
    const made = {
      converter,
      roots: bindings(place, converter),
      kept: new Map<string, Expression>(),
    };
    this.#places.set(place, made);
    return made;
  }
}

/** The same object for all evaluations of a place: its members look at the scope of the one under way. */
function bindings(place: Place, converter: Converter): Parts['roots'] {
  const roots: Record<string, CelValue> = Object.create(null);
  for (const [name, { kind }] of Object.entries(place.roots)) {
    const lasts = kind === 'map';
    Object.defineProperty(roots, name, {
      get: () => (lasts ? converter.lasting(frame().scope[name]) : frame().root(name)),
    });
  }
  return roots;
}

interface Made {
  readonly source: string;
  readonly reads: ReadonlySet<string>;
  readonly varies: boolean;
  readonly run: Run;
  readonly spans: Spans;
  readonly parts: Parts;
}

class Compiled implements Expression {
  readonly source: string;
  readonly reads: ReadonlySet<string>;
  readonly varies: boolean;
  readonly #made: Made;

  constructor(made: Made) {
    this.source = made.source;
    this.reads = made.reads;
    this.varies = made.varies;
    this.#made = made;
  }

  evaluate(scope: Scope): unknown {
    return this.#run(scope, plain);
  }

  test(scope: Scope): boolean {
    return this.#run(scope, isTrue);
  }

  #run<T>(scope: Scope, take: (value: CelValue) => T): T {
    const { parts, run } = this.#made;
    const next = new Frame(scope, parts);
    return within(next, () => {
      const result = run(parts.roots);
      // A bomb fails even where the expression would have swallowed the error.
      if (next.exhausted) throw this.#error(TOO_MUCH_WORK, { id: undefined, cause: undefined });
      if (isCelError(result)) throw this.#failed(result);
      try {
        return take(result);
      } catch (error) {
        const message = error instanceof Fault ? error.message : 'the result cannot be read';
        throw this.#error(message, { id: undefined, cause: error });
      }
    });
  }

  #failed(error: {
    readonly message: string;
    readonly exprId: bigint | undefined;
    readonly cause: unknown;
  }): ExprError {
    return this.#error(this.#describe(error), { id: error.exprId, cause: error });
  }

  /** Without values: the evaluator's own messages quote texts and keys. */
  #describe({
    message,
    exprId,
    cause,
  }: {
    message: string;
    exprId: bigint | undefined;
    cause: unknown;
  }): string {
    const fault = Array.isArray(cause) ? undefined : cause;
    if (fault instanceof Fault) return message;
    if (isMissing({ message })) return NO_SUCH_KEY;
    const overload = /^found no matching overload for '?(\S+?)'? applied to '(.*)'$/s.exec(message);
    if (overload) {
      const taken = (overload[2] as string).replace('.()', '').replace('.(', ' with (');
      return `\`${written(overload[1] as string)}\` does not take ${taken}`;
    }
    if (/^(?:type mismatch|unsupported key type)/.test(message)) return message;
    if (message.startsWith('map key conflict')) return 'the same key twice';
    const arithmetic = /^u?int (?:overflow|divide by zero|modulus by zero)/.exec(message);
    if (arithmetic) return arithmetic[0];
    const name = this.#made.spans.name(exprId);
    return name === undefined ? 'the evaluation failed' : `\`${written(name)}\` cannot work with this value`;
  }

  #error(message: string, { id, cause }: { id: bigint | undefined; cause: unknown }): ExprError {
    return new ExprError('EXPRESSION_FAILED', message, { ...this.#made.spans.span(id), cause });
  }
}

/** An operator as people write it: `+` for `_+_`. */
function written(name: string): string {
  return /^[@\w.]+$/.test(name) && !name.startsWith('_') ? name.replace(/^@/, '') : name.replaceAll('_', '');
}

function isTrue(value: CelValue): boolean {
  return value === true;
}

function parsedOrThrow(source: string): ReturnType<typeof parse> {
  try {
    // The parser wants a comment to end before the text does.
    return parse(`${source}\n`);
  } catch (error) {
    throw syntaxError(source, error);
  }
}

function syntaxError(source: string, error: unknown): ExprError {
  if (error instanceof RangeError)
    return new ExprError('CONFIG_INVALID', 'the expression is nested too deep', {
      offset: 0,
      length: source.length,
    });
  const at = (error as { location?: { start?: { offset?: number } } }).location?.start?.offset;
  if (at === undefined) {
    const message = error instanceof Error ? error.message : 'this is not CEL';
    return new ExprError('CONFIG_INVALID', message, { offset: 0, length: source.length });
  }
  const rest = source.slice(at).trim();
  const found = /^(?:\w+|.)/su.exec(rest)?.[0];
  const message = found === undefined ? 'the expression ends too early' : `\`${found}\` does not fit here`;
  return new ExprError('CONFIG_INVALID', message, { offset: at, length: found?.length ?? 0 });
}
