/** Regular expressions: RE2, which matches in linear time whatever people write and clients send. */
import { RE2JS } from 're2js';
import { Fault, frame, type Matching } from './frame.ts';

/** As many states take about as long per character as one step of an evaluation. */
const STATES_PER_STEP = 20;
/** What making a pattern costs. */
const STEPS_PER_STATE = 30;
/** Each may grow tables of megabytes, and their texts come from requests. */
const KEPT = 16;
const LONGEST = 1000;

export class Pattern implements Matching {
  readonly #compiled: RE2JS;
  readonly #cost: number;
  readonly states: number;

  /** Throws an error that says what is wrong with the pattern. */
  constructor(source: string) {
    this.#compiled = RE2JS.compile(source);
    this.states = this.#compiled.programSize();
    this.#cost = 1 + this.states / STATES_PER_STEP;
  }

  test(text: string): boolean {
    frame().charge(text.length * this.#cost);
    return this.#compiled.test(text);
  }

  /** The first match replaced; `$1`, `${name}` and `$name` stand for groups, `$$` for a dollar sign. */
  replace(text: string, replacement: string): string {
    frame().charge(text.length * this.#cost);
    const matcher = this.#compiled.matcher(text);
    if (!matcher.find()) return text;
    const put = replacement.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare?: string, braced?: string) => {
      const name = bare ?? braced;
      return name === undefined ? '$' : (group(matcher, name) ?? (braced === undefined ? '' : whole));
    });
    return text.slice(0, matcher.start()) + put + text.slice(matcher.end());
  }
}

function group(matcher: ReturnType<RE2JS['matcher']>, name: string): string | undefined {
  const key = /^\d+$/.test(name) ? Number(name) : name;
  try {
    return matcher.group(key) ?? '';
  } catch {
    return undefined;
  }
}

const recent = new Map<string, Pattern>();

/** Patterns written in an expression were compiled with it; one that was put together is compiled now. */
export function patternOf(source: string): Matching {
  const known = frame().parts.patterns.get(source) ?? recent.get(source);
  if (known) return known;
  if (source.length > LONGEST)
    throw new Fault(`a pattern that is made by an expression has at most ${LONGEST} characters`);
  const pattern = new Pattern(source);
  frame().charge(pattern.states * STEPS_PER_STATE);
  recent.set(source, pattern);
  const [oldest] = recent.keys();
  if (recent.size > KEPT && oldest !== undefined) recent.delete(oldest);
  return pattern;
}
