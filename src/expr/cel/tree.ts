/** The syntax tree as the parser makes it: its nodes, their children, and how to make new ones. */
import type { parse } from '@bufbuild/cel';

export type Parsed = ReturnType<typeof parse>;
export type Node = NonNullable<Parsed['expr']>;
type Kind = Node['exprKind'];
type Of<C extends Kind['case']> = Extract<Kind, { case: C }>;
export type Call = Of<'callExpr'>['value'];
export type Fold = Of<'comprehensionExpr'>['value'];
export type Constant = Of<'constExpr'>['value'];

export function children(node: Node): Node[] {
  const { exprKind } = node;
  switch (exprKind.case) {
    case 'selectExpr':
      return present([exprKind.value.operand]);
    case 'callExpr':
      return present([exprKind.value.target, ...exprKind.value.args]);
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return present(
        exprKind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === 'mapKey' ? keyKind.value : undefined,
          value,
        ]),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return present([iterRange, accuInit, loopCondition, loopStep, result]);
    }
    default:
      return [];
  }
}

function present(nodes: readonly (Node | undefined)[]): Node[] {
  return nodes.filter((node) => node !== undefined);
}

export function countNodes(node: Node): number {
  return children(node).reduce((count, child) => count + countNodes(child), 1);
}

/** `a.b.c` as a name; undefined for anything that is computed. */
export function dottedName(node: Node | undefined): string | undefined {
  if (node?.exprKind.case === 'identExpr') return node.exprKind.value.name;
  if (node?.exprKind.case !== 'selectExpr' || node.exprKind.value.testOnly) return undefined;
  const before = dottedName(node.exprKind.value.operand);
  return before === undefined ? undefined : `${before}.${node.exprKind.value.field}`;
}

export function identifier(node: Node | undefined): string | undefined {
  return node?.exprKind.case === 'identExpr' ? node.exprKind.value.name : undefined;
}

export function textConstant(node: Node | undefined): string | undefined {
  if (node?.exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = node.exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : undefined;
}

/** Makes nodes at the place of another, so that their errors point there. */
export class Nodes {
  readonly #id: bigint;

  constructor(at: Node) {
    this.#id = at.id;
  }

  call(name: string, ...args: Node[]): Node {
    return this.#node({
      case: 'callExpr',
      value: { $typeName: 'cel.expr.Expr.Call', function: name, args },
    });
  }

  ident(name: string): Node {
    return this.#node({ case: 'identExpr', value: { $typeName: 'cel.expr.Expr.Ident', name } });
  }

  int(value: number): Node {
    return this.#node({
      case: 'constExpr',
      value: {
        $typeName: 'cel.expr.Constant',
        constantKind: { case: 'int64Value', value: BigInt(value) },
      },
    });
  }

  bool(value: boolean): Node {
    return this.#node({
      case: 'constExpr',
      value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'boolValue', value } },
    });
  }

  list(elements: Node[]): Node {
    return this.#node({
      case: 'listExpr',
      value: { $typeName: 'cel.expr.Expr.CreateList', elements, optionalIndices: [] },
    });
  }

  fold(parts: Required<Omit<Fold, '$typeName' | '$unknown' | 'iterVar2'>>): Node {
    return this.#node({
      case: 'comprehensionExpr',
      value: { $typeName: 'cel.expr.Expr.Comprehension', iterVar2: '', ...parts },
    });
  }

  /** `body` with `name` standing for `value`: a loop that never runs and returns what it accumulated. */
  bind(name: string, value: Node, body: Node): Node {
    return this.fold({
      iterVar: '@none',
      iterRange: this.list([]),
      accuVar: name,
      accuInit: value,
      loopCondition: this.bool(false),
      loopStep: this.bool(false),
      result: body,
    });
  }

  #node(exprKind: Kind): Node {
    return { $typeName: 'cel.expr.Expr', id: this.#id, exprKind };
  }
}
