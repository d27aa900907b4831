/**
 * One merged list as one reader sees it: the bytes of the answer, and the map from exposed names back to targets.
 * Built from byte spans; nothing is parsed or stringified again.
 */
import { type Edit, quote, splice } from '../../lib/json-text.ts';
import { resultToLegacy, resultToModern } from '../bridge/outcomes.ts';
import type { ParamHeader } from '../bridge/param-headers.ts';
import { type Caching, cachingMembers, stricter, UNCACHED } from '../caching.ts';
import { type Catalogue, ITEM_SLOT, type Item, itemBytes, LISTS, type ListKind } from '../catalogue.ts';
import type { Era } from '../revisions.ts';
import { type Curation, exposeName, exposeUri, isShown } from './naming.ts';

export interface ListedTarget {
  readonly name: string;
  readonly prefix: string;
  readonly mapsUris: boolean;
  readonly curation: Curation | undefined;
}

export interface Listed {
  readonly target: string;
  readonly native: string;
  readonly repeatable: boolean;
  readonly repeated: readonly ParamHeader[];
  readonly listed: Item;
}

export interface Listing {
  /** The result object of the list method, for a client of this era. */
  bodyFor(era: Era): Buffer;
  /** Exposed name, or URI, to origin. */
  readonly names: ReadonlyMap<string, Listed>;
  /** Exposed names that two items claim: neither is shown. */
  readonly clashes: ReadonlySet<string>;
}

export interface ListingInput {
  readonly kind: ListKind;
  readonly limit: number;
  readonly parts: readonly { readonly target: ListedTarget; readonly catalogue: Catalogue }[];
}

const COMMA = Buffer.from(',');
const END = Buffer.from(']}');

export function buildListing(input: ListingInput): Listing {
  const { kind, parts } = input;
  const names = new Map<string, Listed>();
  const clashes = new Set<string>();
  const shown: { exposed: string; bytes: Buffer }[] = [];
  let changed = parts.length !== 1;
  for (const { target, catalogue } of parts) {
    for (const item of catalogue.items) {
      if (kind === 'tools' && !isShown(item.key, target.curation)) {
        changed = true;
        continue;
      }
      const entry = exposeItem(item, target, input);
      changed ||=
        entry.bytes.length !== item.text.end - item.text.start || !entry.bytes.equals(itemBytes(item));
      const other = names.get(entry.exposed);
      if (other && (other.target !== target.name || other.native !== item.key)) clashes.add(entry.exposed);
      else {
        const { key: native, repeatable, repeated } = item;
        names.set(entry.exposed, { target: target.name, native, repeatable, repeated, listed: item });
      }
      shown.push(entry);
    }
  }
  for (const name of clashes) names.delete(name);
  const only = parts.length === 1 && !changed && clashes.size === 0 ? parts[0]?.catalogue : undefined;
  if (only?.whole) return { bodyFor: inEras(asItCame(only, only.whole)), names, clashes };
  const items = shown.filter((entry) => !clashes.has(entry.exposed)).map((entry) => entry.bytes);
  const caching = parts.map(({ catalogue }) => catalogue.caching).reduce(stricter, UNLIMITED);
  const join = (era: Era): Buffer =>
    joinItems(
      kind,
      items,
      era === 'modern' ? `${cachingMembers(parts.length > 0 ? caching : UNCACHED)},` : '',
    );
  return { bodyFor: inEras(join), names, clashes };
}

const UNLIMITED: Caching = { ttlMs: Number.MAX_SAFE_INTEGER, scope: 'public' };

/** Each era's text is made when the first client of that era asks. */
function inEras(make: (era: Era) => Buffer): Listing['bodyFor'] {
  const made: { [era in Era]?: Buffer } = {};
  return (era) => {
    made[era] ??= make(era);
    return made[era];
  };
}

function asItCame({ era: spoken }: Catalogue, whole: Buffer): (era: Era) => Buffer {
  return (era) => {
    if (era === spoken) return whole;
    if (era === 'legacy') return resultToLegacy(whole);
    return resultToModern(whole, { cacheable: true, serverInfo: undefined });
  };
}

function joinItems(kind: ListKind, items: readonly Buffer[], before: string): Buffer {
  const pieces: Buffer[] = [Buffer.from(`{${before}"${LISTS[kind].member}":[`)];
  items.forEach((bytes, index) => {
    if (index > 0) pieces.push(COMMA);
    pieces.push(bytes);
  });
  pieces.push(END);
  return Buffer.concat(pieces);
}

function exposeItem(
  item: Item,
  target: ListedTarget,
  input: ListingInput,
): { exposed: string; bytes: Buffer } {
  const edits: Edit[] = [];
  const { text } = item;
  const replace = (slot: number, value: string): void => {
    if (text.has(slot)) edits.push({ start: text.startOf(slot), end: text.endOf(slot), with: quote(value) });
  };
  const byUri = input.kind === 'resources' || input.kind === 'templates';
  const native = byUri ? text.text(ITEM_SLOT.name) : item.key;
  const wanted = (input.kind === 'tools' ? given(target.curation?.rename, item.key) : undefined) ?? native;
  const name =
    wanted === undefined
      ? undefined
      : exposeName(wanted, { prefix: target.prefix, limit: byUri ? 256 : input.limit });
  if (name !== undefined && name !== native && !(byUri && target.prefix === ''))
    replace(ITEM_SLOT.name, name);
  if (byUri && target.mapsUris)
    replace(
      input.kind === 'resources' ? ITEM_SLOT.uri : ITEM_SLOT.uriTemplate,
      exposeUri(item.key, target.name),
    );
  if (input.kind === 'tools') curateTool(item, target, { replace, edits });
  edits.sort((a, b) => a.start - b.start);
  const bytes = edits.length === 0 ? itemBytes(item) : splice(text.bytes, edits, text);
  const exposed = byUri ? (target.mapsUris ? exposeUri(item.key, target.name) : item.key) : (name as string);
  return { exposed, bytes };
}

function curateTool(
  item: Item,
  target: ListedTarget,
  to: { replace(slot: number, value: string): void; edits: Edit[] },
): void {
  const { text } = item;
  const description = given(target.curation?.description, item.key);
  if (description !== undefined && text.has(ITEM_SLOT.description))
    to.replace(ITEM_SLOT.description, description);
  else if (description !== undefined) {
    const at = text.endOf(ITEM_SLOT.name);
    to.edits.push({
      start: at,
      end: at,
      with: Buffer.concat([Buffer.from(',"description":'), quote(description)]),
    });
  }
  if (!target.mapsUris) return;
  for (const slot of [ITEM_SLOT.uiResource, ITEM_SLOT.flatUiResource]) {
    const ui = text.text(slot);
    if (ui !== undefined) to.replace(slot, exposeUri(ui, target.name));
  }
}

/** A server may well call a tool `constructor`. */
function given(texts: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return texts && Object.hasOwn(texts, key) ? texts[key] : undefined;
}
