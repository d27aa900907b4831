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
    const offset = id === undefined ? undefined : this.#offsets[id.toString()];
    if (offset === undefined) return { offset: 0, length: this.#source.length };
    const name = this.name(id);
    // The parser gives the dot of a field and of a method.
    const at = name === undefined ? -1 : this.#source.indexOf(name, offset);
    if (name === undefined || at < 0 || this.#source.slice(offset, at).trim().length > 1)
      return { offset, length: 1 };
    return { offset: at, length: name.length };
  }

  error(message: string, node: Node): ExprError {
    return new ExprError('CONFIG_INVALID', message, this.span(node.id));
  }
}
