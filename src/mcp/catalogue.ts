/**
 * What one target offers, as bytes: per list the items' texts with the spans that a view replaces. Immutable; a
 * change makes a new one with a new `version`, which is what merged listings are cached by.
 */
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { elements, JsonSyntaxError, type JsonText, lex, Shape } from '../lib/json-text.ts';
import { type ParamHeader, readParamHeaders } from './bridge/param-headers.ts';
import { type Caching, readCaching, stricter, UNCACHED } from './caching.ts';
import type { McpOutcome } from './call.ts';
import type { Era } from './revisions.ts';

export const LIST_KINDS = ['tools', 'prompts', 'resources', 'templates'] as const;
export type ListKind = (typeof LIST_KINDS)[number];

export interface ListSpec {
  readonly method: string;
  /** Member of the result that holds the items. */
  readonly member: string;
  /** Server capability that promises the list. */
  readonly capability: string;
}

export const LISTS: Readonly<Record<ListKind, ListSpec>> = {
  tools: { method: 'tools/list', member: 'tools', capability: 'tools' },
  prompts: { method: 'prompts/list', member: 'prompts', capability: 'prompts' },
  resources: { method: 'resources/list', member: 'resources', capability: 'resources' },
  templates: { method: 'resources/templates/list', member: 'resourceTemplates', capability: 'resources' },
};

/** The list that a method asks for. */
export function listOfMethod(method: string): ListKind | undefined {
  return LIST_METHODS.get(method);
}

const LIST_METHODS = new Map(LIST_KINDS.map((kind) => [LISTS[kind].method, kind]));

const ITEM = new Shape({
  name: true,
  uri: true,
  uriTemplate: true,
  description: true,
  annotations: { readOnlyHint: true, idempotentHint: true },
  _meta: { ui: { resourceUri: true }, 'ui/resourceUri': true },
});

export const ITEM_SLOT = {
  name: ITEM.slot('name'),
  uri: ITEM.slot('uri'),
  uriTemplate: ITEM.slot('uriTemplate'),
  description: ITEM.slot('description'),
  readOnly: ITEM.slot('annotations', 'readOnlyHint'),
  idempotent: ITEM.slot('annotations', 'idempotentHint'),
  uiResource: ITEM.slot('_meta', 'ui', 'resourceUri'),
  /** As hosts older than the MCP Apps extension look for it; its SDK writes both. */
  flatUiResource: ITEM.slot('_meta', 'ui/resourceUri'),
} as const;

export interface Item {
  /** Native name; for resources and templates the URI. */
  readonly key: string;
  readonly text: JsonText;
  /** A call may be repeated after an uncertain failure: the server calls it read-only or idempotent. */
  readonly repeatable: boolean;
  /** Arguments of a tool that clients repeat in headers (`x-mcp-header`). */
  readonly repeated: readonly ParamHeader[];
}

export interface Catalogue {
  readonly version: number;
  readonly items: readonly Item[];
  /** The result as it came, when it was one page and all of it is shown: a view that changes nothing passes it on. */
  readonly whole: Buffer | undefined;
  readonly bytes: number;
  readonly era: Era;
  /** What the server says of how long, and by whom, the list may be kept; legacy servers say nothing. */
  readonly caching: Caching;
}

let versions = 0;

export const EMPTY: Catalogue = {
  version: 0,
  items: [],
  whole: undefined,
  bytes: 0,
  era: 'legacy',
  caching: UNCACHED,
};

const TRUE = 0x74;
const NOT_REPEATED: readonly ParamHeader[] = [];
/** A server that pages forever, or whose cursor never changes, must not fill the memory. */
const MAX_BYTES = LIMITS.catalogueBytes.value;
const MAX_PAGES = LIMITS.cataloguePages.value;

export interface Paging {
  /** Asks for one page. `cursor`: raw JSON text, or undefined for the first. */
  page(cursor: Buffer | undefined): Promise<McpOutcome>;
  /** Told of an item that cannot be shown. */
  skipped(reason: string): void;
  readonly era: Era;
}

/** Fetches every page of a list. Throws GatewayError when the server answers with an error or with nonsense. */
export async function fetchCatalogue(kind: ListKind, paging: Paging): Promise<Catalogue> {
  const items: Item[] = [];
  let cursor: Buffer | undefined;
  let bytes = 0;
  let whole: Buffer | undefined;
  let caching = UNCACHED;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const outcome = await paging.page(cursor);
    if (outcome.kind === 'error') {
      if (page === 0 && isMethodNotFound(outcome.body)) return { ...EMPTY, version: ++versions };
      throw refused(kind, outcome.body);
    }
    bytes += outcome.body.length;
    if (bytes > MAX_BYTES)
      throw new GatewayError(
        'UPSTREAM_MESSAGE_TOO_LARGE',
        `${LISTS[kind].method} is longer than ${MAX_BYTES / 1024 ** 2} MiB`,
      );
    const read = readPage(kind, outcome.body, paging);
    items.push(...read.items);
    caching = page === 0 ? read.caching : stricter(caching, read.caching);
    if (!read.cursor) {
      if (page === 0 && read.complete) whole = outcome.body;
      return { version: ++versions, items, whole, bytes, era: paging.era, caching };
    }
    if (cursor && read.cursor.equals(cursor))
      throw new GatewayError('UPSTREAM_PROTOCOL', `${LISTS[kind].method} repeats its cursor`);
    cursor = read.cursor;
  }
  throw new GatewayError('UPSTREAM_PROTOCOL', `${LISTS[kind].method} has more than ${MAX_PAGES} pages`);
}

export function sameItems(a: Catalogue, b: Catalogue): boolean {
  return (
    a.items.length === b.items.length &&
    a.items.every((item, index) => itemBytes(item).equals(itemBytes(b.items[index] as Item)))
  );
}

export function itemBytes(item: Item): Buffer {
  return item.text.bytes.subarray(item.text.start, item.text.end);
}

interface PageShape {
  readonly shape: Shape;
  readonly items: number;
  readonly cursor: number;
  readonly ttlMs: number;
  readonly cacheScope: number;
}

const pageShapes = new Map<ListKind, PageShape>();

function pageShape(kind: ListKind): PageShape {
  let found = pageShapes.get(kind);
  if (!found) {
    const { member } = LISTS[kind];
    const shape = new Shape({ [member]: true, nextCursor: true, ttlMs: true, cacheScope: true });
    found = {
      shape,
      items: shape.slot(member),
      cursor: shape.slot('nextCursor'),
      ttlMs: shape.slot('ttlMs'),
      cacheScope: shape.slot('cacheScope'),
    };
    pageShapes.set(kind, found);
  }
  return found;
}

interface Page {
  readonly items: Item[];
  readonly cursor: Buffer | undefined;
  /** No item was left out. */
  readonly complete: boolean;
  readonly caching: Caching;
}

function readPage(kind: ListKind, body: Buffer, paging: Paging): Page {
  const { shape, items: slot, cursor, ttlMs, cacheScope } = pageShape(kind);
  try {
    const text = lex(body, shape);
    if (!text.has(slot) || text.first(slot) !== 0x5b) {
      throw new GatewayError(
        'UPSTREAM_PROTOCOL',
        `the answer to ${LISTS[kind].method} has no "${LISTS[kind].member}" array`,
      );
    }
    const items: Item[] = [];
    const spans = elements(body, text.startOf(slot), text.endOf(slot));
    for (let at = 0; at < spans.length; at += 2) {
      const item = readItem(kind, body, { start: spans[at] as number, end: spans[at + 1] as number, paging });
      if (item) items.push(item);
    }
    const more = text.has(cursor) && text.first(cursor) === 0x22;
    const complete = items.length === spans.length / 2;
    const ttl = text.has(ttlMs) ? text.raw(ttlMs).toString('latin1') : undefined;
    const caching = readCaching(ttl, text.has(cacheScope) ? text.text(cacheScope) : undefined);
    return { items, cursor: more ? text.raw(cursor) : undefined, complete, caching };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new GatewayError('UPSTREAM_PROTOCOL', `the answer to ${LISTS[kind].method} is ${error.message}`);
  }
}

/** One bad item is left out, with a log line; it must not take the whole list with it. */
function readItem(
  kind: ListKind,
  body: Buffer,
  at: { start: number; end: number; paging: Paging },
): Item | undefined {
  try {
    const text = lex(body, ITEM, at);
    const slot =
      kind === 'resources' ? ITEM_SLOT.uri : kind === 'templates' ? ITEM_SLOT.uriTemplate : ITEM_SLOT.name;
    const key = text.text(slot);
    if (key === undefined || key === '') {
      at.paging.skipped('it has no name');
      return undefined;
    }
    const repeatable = text.first(ITEM_SLOT.readOnly) === TRUE || text.first(ITEM_SLOT.idempotent) === TRUE;
    const repeated = kind === 'tools' ? readParamHeaders(body.subarray(at.start, at.end)) : undefined;
    return { key, text, repeatable, repeated: repeated ?? NOT_REPEATED };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    at.paging.skipped(error.message);
    return undefined;
  }
}

/** Servers that have resources but no templates say so this way; it is an empty list. */
function isMethodNotFound(error: Buffer): boolean {
  return /^\{(?:[^{}]*,)?\s*"code"\s*:\s*-32601\b/.test(error.subarray(0, 1000).toString('latin1'));
}

function refused(kind: ListKind, error: Buffer): GatewayError {
  const excerpt = error.subarray(0, 300).toString('utf8');
  return new GatewayError(
    'UPSTREAM_PROTOCOL',
    `the upstream answered ${LISTS[kind].method} with an error: ${excerpt}`,
  );
}
