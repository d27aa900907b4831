/**
 * Which members of a message are remembered, compiled once, and the comparison of member names against them. A name
 * that another parser might take for a remembered one is a look-alike: Go folds case, C libraries stop at NUL, some
 * drop lone surrogates, and a process behind the gateway must not read another `method` than the one checked here.
 */
interface ShapeTree {
  readonly [member: string]: true | ShapeTree;
}

export interface ShapeMember {
  readonly name: Buffer;
  readonly slot: number;
  /** How many containers stand around the value. */
  readonly depth: number;
  /** Present when members of this member are remembered too. */
  readonly node: ShapeNode | undefined;
}

export type Found = ShapeMember | 'look-alike' | undefined;

/** The remembered members of one object. */
export class ShapeNode {
  /** How many containers the object's members are in, itself included. */
  readonly depth: number;
  readonly #members: readonly ShapeMember[];
  readonly #byLength: readonly (readonly ShapeMember[] | undefined)[];
  readonly #folded: ReadonlySet<string>;

  constructor(members: readonly ShapeMember[], depth: number) {
    this.depth = depth;
    this.#members = members;
    const longest = Math.max(0, ...members.map((member) => member.name.length));
    this.#byLength = Array.from({ length: longest + 1 }, (_, length) => {
      const candidates = members.filter((member) => member.name.length === length);
      return candidates.length > 0 ? candidates : undefined;
    });
    this.#folded = new Set(members.map((member) => fold(member.name.toString())));
    if (this.#folded.size < members.length) throw new Error('two members of a shape differ only by case');
  }

  member(name: string): ShapeMember | undefined {
    return this.#members.find((member) => member.name.toString() === name);
  }

  /** Finds a name of ASCII without escapes, given as the bytes between its quotes. */
  find(bytes: Buffer, start: number, end: number): Found {
    const length = end - start;
    const candidates = length < this.#byLength.length ? this.#byLength[length] : undefined;
    if (candidates === undefined) return undefined;
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index]!;
      const difference = compare(candidate.name, bytes, start);
      if (difference === 0) return candidate;
      if (difference === CASE_BIT) return this.findDecoded(bytes.toString('latin1', start, end));
    }
    return undefined;
  }

  /** The same for a name that was decoded first: being written in this way is a look-alike already. */
  findDecoded(name: string): 'look-alike' | undefined {
    return this.#folded.has(fold(name)) ? 'look-alike' : undefined;
  }
}

/** The members of a message to remember. Compile once, at module level. */
export class Shape {
  readonly root: ShapeNode;
  /** Spans of a text in which nothing was found: a start and an end for each slot; slot 0 is the text itself. */
  readonly blank: readonly number[];

  constructor(tree: ShapeTree) {
    const blank = [-1, -1];
    this.root = compile(tree, blank, 1);
    this.blank = blank;
  }

  /** The slot of a member; objects with remembered members have one too. Throws when the path is not in the tree. */
  slot(...path: string[]): number {
    let node: ShapeNode | undefined = this.root;
    let slot = 0;
    for (const name of path) {
      const member: ShapeMember | undefined = node?.member(name);
      if (!member) throw new Error(`the shape has no member ${path.join('.')}`);
      slot = member.slot;
      node = member.node;
    }
    return slot;
  }
}

function compile(tree: ShapeTree, blank: number[], depth: number): ShapeNode {
  const members = Object.entries(tree).map(([name, below]): ShapeMember => {
    if (!ROUTABLE_NAME.test(name)) throw new Error(`a shape cannot hold the member ${JSON.stringify(name)}`);
    const slot = blank.push(-1, -1) / 2 - 1;
    const node = below === true ? undefined : compile(below, blank, depth + 1);
    return { name: Buffer.from(name), slot, depth, node };
  });
  return new ShapeNode(members, depth);
}

/** ASCII that needs no escapes: other names are compared decoded, and those never match exactly. */
const ROUTABLE_NAME = /^[ !#-[\]-~]+$/;

/** Letters of the two cases differ by this bit (and a few signs do, which the exact comparison sorts out). */
const CASE_BIT = 0x20;

/** 0 when equal, CASE_BIT when nothing else differs, else something else. */
function compare(name: Buffer, bytes: Buffer, start: number): number {
  let difference = 0;
  for (let index = 0; index < name.length; index++) {
    difference |= name[index]! ^ bytes[start + index]!;
    if ((difference & ~CASE_BIT) !== 0) return difference;
  }
  return difference;
}

/** A name as the most lenient of parsers compares it. */
function fold(name: string): string {
  const seen = name.split('\0', 1)[0]!.replaceAll(LONE_SURROGATE, '');
  // Upper case first takes U+017F to S and U+0131 to I; lower case takes U+212A to k, and leaves the dot of U+0130.
  return seen.toUpperCase().toLowerCase().replaceAll('\u0307', '');
}

const LONE_SURROGATE = /\p{Surrogate}/gu;
