/** Where in the source a node stands, for messages. */
import { ExprError, type Span } from '../expression.ts';
import type { Node, Parsed } from './tree.ts';

export class Spans {
  readonly #source: string;
  readonly #offsets: Readonly<Record<string, number>>;
  readonly #names = new Map<bigint, string>();

  constructor(source: string, parsed: Parsed) {
    this.#source = source;
    this.#offsets = parsed.sourceInfo?.positions ?? {};
  }

  /** Keeps what the node is called, before anything is made of it. */
  note(node: Node): void {
    const { exprKind } = node;
    if (exprKind.case === 'identExpr') this.#names.set(node.id, exprKind.value.name);
    if (exprKind.case === 'selectExpr') this.#names.set(node.id, exprKind.value.field);
    if (exprKind.case === 'callExpr') this.#names.set(node.id, exprKind.value.function);
  }

  name(id: bigint | undefined): string | undefined {
    return id === undefined ? undefined : this.#names.get(id);
  }

  /** The name of the node, or the character it begins at; all of the source for nodes that stand nowhere. */
  span(id: bigint | undefined): Span {
    const given = id === undefined ? undefined : this.#offsets[id.toString()];
    if (given === undefined) return { offset: 0, length: this.#source.length };
    // An operator's place is the end of what stands before it.
    const offset = given + (/^\s*/.exec(this.#source.slice(given))?.[0].length ?? 0);
    const name = this.name(id);
    if (name === undefined) return { offset, length: 1 };
    const operator = name.replaceAll('_', '');
    if (operator !== '' && this.#source.startsWith(operator, offset))
      return { offset, length: operator.length };
    // That of a field or a method is its dot, that of `has(x.field)` the word `has`.
    const at = this.#source.indexOf(name, offset);
    const between = this.#source.slice(offset, at).trim();
    if (at < 0 || !/^(?:\.|has\b.*)?$/s.test(between)) return { offset, length: 1 };
    return { offset: at, length: name.length };
  }

  error(message: string, node: Node): ExprError {
    return new ExprError('CONFIG_INVALID', message, this.span(node.id));
  }
}
