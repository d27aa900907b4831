/**
 * Text (YAML, and so JSON) to plain data and positions. Refuses what a configuration has no use for and what makes
 * two readers see two documents: duplicate keys, several documents, unknown tags, alias bombs.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { ConfigError, type Diagnostic } from './diagnostics.ts';
import { maskLines } from './mask.ts';
import { diagnosticAt, Positions } from './positions.ts';
import type { Spot } from './spot.ts';

export interface Source {
  /** As shown in messages. */
  readonly file: string;
  readonly text: string;
}

export interface ParsedDocument {
  readonly value: unknown;
  readonly positions: Positions;
}

const MAX_SYNTAX_ERRORS = 10;
const MAX_DEPTH = 64;
/** Values that aliases may add to a document: a few kilobytes of nested aliases can stand for gigabytes. */
const MAX_ALIASED = 20_000;

/** Throws ConfigError with every syntax error. */
export function parseConfig(source: Source): ParsedDocument {
  const shown = { file: source.file, text: maskLines(source.text) };
  const document = read(source);
  const said = (message: string, offset: number) => withoutMasked(message, offset, { source, shown });
  const faults = [...document.errors, ...document.warnings].map((fault) =>
    syntaxError(shown, { code: fault.code, pos: fault.pos, message: said(fault.message, fault.pos[0]) }),
  );
  if (faults.length > 0) throw new ConfigError(firstOfEachLine(faults));
  if (document.contents === null || isEmpty(document.contents))
    throw refuse(source, 0, 'the configuration is empty');
  const walk = new Walk(shown, said);
  const { value, spot } = walk.visit(document.contents, undefined, 0);
  if (walk.faults.length > 0) throw new ConfigError(walk.faults);
  return { value, positions: new Positions(source, spot) };
}

function read(source: Source): Document {
  try {
    // Merge keys are resolved below, where the position of every merged value is still known.
    return parseDocument(source.text, {
      version: '1.2',
      prettyErrors: false,
      uniqueKeys: true,
      stringKeys: false,
    });
  } catch (error) {
    // The composer is recursive: text nested thousands of levels deep ends its stack.
    throw refuse(
      source,
      0,
      error instanceof RangeError ? 'nested too deeply' : 'cannot be read as YAML or JSON',
    );
  }
}

function isEmpty(node: unknown): boolean {
  return isScalar(node) && (node.value === null || node.value === '');
}

function refuse(source: Source, offset: number, message: string): ConfigError {
  return new ConfigError([diagnosticAt(source, { start: offset, end: offset }, { path: '', message })]);
}

/** A message about a place, as it may be shown. */
type Said = (message: string, offset: number) => string;

/** The library quotes what it stumbles over: a password that begins with `*` or `!` would stand in the message. */
function withoutMasked(
  message: string,
  offset: number,
  { source, shown }: { readonly source: Source; readonly shown: Source },
): string {
  const kept = new Set(wordsAt(shown.text, offset));
  const hidden = wordsAt(source.text, offset).filter((word) => !kept.has(word));
  return hidden.reduce((text, word) => text.replaceAll(word, '...'), message);
}

/** Those of the line around it, but for short ones. */
function wordsAt(text: string, offset: number): string[] {
  const from = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  const line = text.slice(from, end === -1 ? text.length : end);
  return line.split(/[\s"'{}[\],:*&!%@`|>#\\]+/).filter(({ length }) => length >= 4);
}

interface SyntaxFault {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

const SYNTAX: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key stands here twice',
  MULTIPLE_DOCS: 'a second document begins here; a configuration is one document',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAB_AS_INDENT: 'tabs cannot indent YAML; use spaces',
};

function syntaxError(source: Source, fault: SyntaxFault): Diagnostic {
  const [start, end] = fault.pos;
  const message = SYNTAX[fault.code] ?? fault.message.charAt(0).toLowerCase() + fault.message.slice(1);
  const unquoted =
    fault.code === 'UNEXPECTED_TOKEN' && source.text.slice(Math.max(0, start - 2), start + 1).includes('${');
  const hint = unquoted ? `inside { } or [ ] put quotes around it: "\${NAME}"` : undefined;
  return diagnosticAt(source, { start, end }, { path: '', message, hint });
}

/** One broken bracket makes the parser complain several times, about its own line and those after it. */
function firstOfEachLine(faults: readonly Diagnostic[]): Diagnostic[] {
  const sorted = [...faults].sort((one, other) => one.line - other.line || one.column - other.column);
  return sorted.filter((fault, index) => fault.line !== sorted[index - 1]?.line).slice(0, MAX_SYNTAX_ERRORS);
}

interface Visited {
  readonly value: unknown;
  readonly spot: Spot;
}

type Keyed = Spot['key'];

/** Builds data and positions in one pass, following aliases. */
class Walk {
  readonly faults: Diagnostic[] = [];
  readonly #source: Source;
  readonly #said: Said;
  readonly #anchors = new Map<string, Node>();
  /** Nodes being visited: an alias to one of them would never end. */
  readonly #open = new Set<Node>();
  #aliasDepth = 0;
  #aliased = 0;
  #tooLarge = false;

  constructor(source: Source, said: Said) {
    this.#source = source;
    this.#said = said;
  }

  visit(node: unknown, key: Keyed, depth: number): Visited {
    if (isAlias(node)) return this.#alias(node.source, { key, depth, ...bounds(node) });
    if (this.#aliasDepth > 0) this.#aliased += 1;
    if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    }
    if (isScalar(node))
      return { value: node.value, spot: { ...bounds(node), scalar: true, key, children: NONE } };
    if (!isMap(node) && !isSeq(node)) return this.#nothing(key);
    if (depth > MAX_DEPTH) return this.#refuse(bounds(node), 'nested too deeply', key);
    this.#open.add(node);
    const visited = isMap(node) ? this.#map(node, key, depth) : this.#seq(node, key, depth);
    this.#open.delete(node);
    return visited;
  }

  #alias(name: string, at: { key: Keyed; depth: number; start: number; end: number }): Visited {
    const node = this.#anchors.get(name);
    if (!node) return this.#refuse(at, `no anchor "&${name}" stands above`, at.key);
    if (this.#open.has(node)) return this.#refuse(at, `"*${name}" refers to what it stands in`, at.key);
    if (this.#aliased > MAX_ALIASED) return this.#nothing(at.key);
    this.#aliasDepth += 1;
    const visited = this.visit(node, at.key, at.depth);
    this.#aliasDepth -= 1;
    if (this.#aliasDepth > 0 || this.#aliased <= MAX_ALIASED || this.#tooLarge) return visited;
    this.#tooLarge = true;
    return this.#refuse(at, 'aliases make the document too large', at.key);
  }

  #seq(node: YAMLSeq, key: Keyed, depth: number): Visited {
    const value: unknown[] = [];
    const children = new Map<number, Spot>();
    for (const item of node.items) {
      const visited = this.visit(item, undefined, depth + 1);
      children.set(value.length, visited.spot);
      value.push(visited.value);
    }
    return { value, spot: { ...bounds(node), scalar: false, key, children } };
  }

  #map(node: YAMLMap, key: Keyed, depth: number): Visited {
    const value: Record<string, unknown> = {};
    const children = new Map<string, Spot>();
    const merged: Visited[] = [];
    for (const pair of node.items) {
      const name = this.#keyName(pair.key);
      if (name === undefined) continue;
      const at = bounds(pair.key);
      const visited = this.visit(pair.value, at, depth + 1);
      if (name === '<<') merged.push(visited);
      else if (children.has(name)) this.#refuse(at, SYNTAX['DUPLICATE_KEY'] as string, key);
      else {
        children.set(name, visited.spot);
        value[name] = visited.value;
      }
    }
    for (const source of merged) this.#merge(source, value, children);
    return { value, spot: { ...bounds(node), scalar: false, key, children } };
  }

  /** `<<`: what the mapping itself says wins, then the earlier source. */
  #merge(from: Visited, value: Record<string, unknown>, children: Map<string, Spot>): void {
    const sources = Array.isArray(from.value) ? from.value : [from.value];
    sources.forEach((source: unknown, index) => {
      const spot = Array.isArray(from.value) ? from.spot.children.get(index) : from.spot;
      if (typeof source !== 'object' || source === null || Array.isArray(source)) {
        this.#refuse(spot ?? from.spot, '"<<" merges mappings only', undefined);
        return;
      }
      for (const [name, item] of Object.entries(source)) {
        const child = spot?.children.get(name);
        if (children.has(name) || !child) continue;
        children.set(name, child);
        value[name] = item;
      }
    });
  }

  #keyName(key: unknown): string | undefined {
    const name = isScalar(key) ? String(key.value ?? '') : undefined;
    if (name === undefined) this.#refuse(bounds(key), 'a key is a plain word', undefined);
    else if (name === '') this.#refuse(bounds(key), 'this key is empty', undefined);
    // Assigning it would set the prototype of the mapping instead of a member.
    else if (name === '__proto__') this.#refuse(bounds(key), '"__proto__" cannot be a key', undefined);
    else return name;
    return undefined;
  }

  #nothing(key: Keyed): Visited {
    const at = key ?? { start: 0, end: 0 };
    return { value: null, spot: { start: at.start, end: at.end, scalar: true, key, children: NONE } };
  }

  #refuse(at: { start: number; end: number }, message: string, key: Keyed): Visited {
    if (this.faults.length < MAX_SYNTAX_ERRORS)
      this.faults.push(diagnosticAt(this.#source, at, { path: '', message: this.#said(message, at.start) }));
    return this.#nothing(key);
  }
}

const NONE: Spot['children'] = new Map();

function bounds(node: unknown): { start: number; end: number } {
  const range = (node as Partial<Node> | null | undefined)?.range;
  return range ? { start: range[0], end: range[1] } : { start: 0, end: 0 };
}
