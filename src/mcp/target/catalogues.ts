/**
 * The catalogues of one target: one per list and per kind of reader (client capabilities and rights change what some
 * servers offer). Fetches are shared, old ones are served while a new one is fetched unless they are known to have
 * changed, changes are reported once.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Clock, Log } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { McpOutcome } from '../call.ts';
import { type Catalogue, EMPTY, fetchCatalogue, LISTS, type ListKind, sameItems } from '../catalogue.ts';
import type { ShowingLink } from '../link/opened.ts';
import { ownRequest } from '../link/own-calls.ts';

export interface CatalogueOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How old a catalogue may be before a use fetches it anew in the background. */
  readonly maxAgeMs: number;
  readonly deadlineMs: number;
  changed(kind: ListKind): void;
}

/** The reader the probe itself is: no capabilities, no rights of its own. */
export const PROBE_READER = '';

/** Reader kinds kept per target; the least recently used goes first. */
const MAX_ENTRIES = 256;

interface Entry {
  catalogue: Catalogue | undefined;
  fetchedAt: number;
  pending: Promise<Catalogue> | undefined;
  /** How many changes of the list have been heard of; of those, how many the fetch under way and the last one know. */
  heard: number;
  pendingKnows: number;
  knows: number;
}

export class Catalogues {
  readonly #options: CatalogueOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /** How long a list may take. */
  get deadlineMs(): number {
    return this.#options.deadlineMs;
  }

  /** What is known now, however old. */
  known(kind: ListKind, reader: string): Catalogue | undefined {
    return this.#entries.get(`${kind}|${reader}`)?.catalogue;
  }

  /** The catalogue for `reader`; `via` opens the link to fetch it over when that is needed. */
  async get(kind: ListKind, reader: string, via: () => Promise<ShowingLink>): Promise<Catalogue> {
    const entry = this.#entry(kind, reader);
    const { catalogue } = entry;
    // Who asks after a change was announced must not be told what was before it, and need not hear of it again.
    if (!catalogue || entry.knows !== entry.heard)
      return this.#current(kind, entry, via).catch((error: unknown) => {
        if (!entry.catalogue) throw error;
        this.#notRefreshed(kind, error);
        return entry.catalogue;
      });
    if (this.#options.clock.monotonic() - entry.fetchedAt > this.#options.maxAgeMs) {
      via()
        .then((open) => this.#fetch(kind, entry, open))
        .catch((error: unknown) => this.#notRefreshed(kind, error));
    }
    return catalogue;
  }

  #notRefreshed(kind: ListKind, error: unknown): void {
    this.#options.log.debug({ err: error, list: kind }, 'list was not refreshed');
  }

  /** Fetches anew and waits. */
  async refresh(kind: ListKind, reader: string, via: () => Promise<ShowingLink>): Promise<void> {
    const entry = this.#entry(kind, reader);
    const open = await via();
    // What is under way may have been read before the change that this is about, or over a link that is gone.
    await entry.pending?.catch(() => undefined);
    await this.#fetch(kind, entry, open);
  }

  /** The lists of this kind are fetched anew at their next use, which waits for it. */
  expire(kind: ListKind): void {
    for (const [key, entry] of this.#entries) if (key.startsWith(`${kind}|`)) entry.heard += 1;
  }

  /** The probe has seen a change that nobody told of. */
  #doubtOthers(kind: ListKind, seen: Entry): void {
    this.expire(kind);
    seen.knows = seen.heard;
  }

  /** As it is after all changes heard of. */
  async #current(kind: ListKind, entry: Entry, via: () => Promise<ShowingLink>): Promise<Catalogue> {
    const open = await via();
    if (entry.pendingKnows !== entry.heard) await entry.pending?.catch(() => undefined);
    if (entry.catalogue && entry.knows === entry.heard) return entry.catalogue;
    return this.#fetch(kind, entry, open);
  }

  #entry(kind: ListKind, reader: string): Entry {
    const key = `${kind}|${reader}`;
    let entry = this.#entries.get(key);
    if (entry) this.#entries.delete(key);
    else
      entry = { catalogue: undefined, fetchedAt: 0, pending: undefined, heard: 0, pendingKnows: 0, knows: 0 };
    this.#entries.set(key, entry);
    if (this.#entries.size > MAX_ENTRIES) this.#evict(key);
    return entry;
  }

  /** The probe's lists stay: changes are found by comparing with them. */
  #evict(spared: string): void {
    for (const key of this.#entries.keys()) {
      if (key === spared || key.endsWith(`|${PROBE_READER}`)) continue;
      this.#entries.delete(key);
      return;
    }
  }

  /** Over a link that is open: a fetch that waited for the target to come up would be waited for by its coming up. */
  #fetch(kind: ListKind, entry: Entry, open: ShowingLink): Promise<Catalogue> {
    entry.pending ??= this.#fetchOnce(kind, entry, open).finally(() => {
      entry.pending = undefined;
    });
    return entry.pending;
  }

  async #fetchOnce(kind: ListKind, entry: Entry, open: ShowingLink): Promise<Catalogue> {
    const { clock, changed } = this.#options;
    const { heard } = entry;
    const unheard = entry.knows === heard;
    entry.pendingKnows = heard;
    const fetched = await listOver(open, kind, this.#options);
    entry.fetchedAt = clock.monotonic();
    entry.knows = heard;
    const before = entry.catalogue;
    if (before && sameItems(before, fetched)) return before;
    entry.catalogue = fetched;
    if (!before) return fetched;
    if (unheard && entry === this.#entries.get(`${kind}|${PROBE_READER}`)) this.#doubtOthers(kind, entry);
    changed(kind);
    return fetched;
  }
}

/** Fetches one whole list over a link, all pages within one deadline. */
export function listOver(
  open: ShowingLink,
  kind: ListKind,
  options: Pick<CatalogueOptions, 'clock' | 'log' | 'deadlineMs'>,
): Promise<Catalogue> {
  const spec = LISTS[kind];
  if (open.info.capabilities[spec.capability] === undefined) return Promise.resolve(EMPTY);
  const cancel = new Cancel();
  const error = new GatewayError(
    'UPSTREAM_TIMEOUT',
    `${spec.method} was not answered within ${options.deadlineMs} ms`,
  );
  const timer = options.clock.after(options.deadlineMs, () => cancel.cancel(error));
  const deadline = { ms: options.deadlineMs, maxMs: options.deadlineMs };
  const page = (cursor: Buffer | undefined): Promise<McpOutcome> => {
    const params = cursor && Buffer.concat([Buffer.from('{"cursor":'), cursor, Buffer.from('}')]);
    return ownRequest(open, spec.method, { params, cancel, deadline, client: open.client });
  };
  const skipped = (reason: string): void =>
    options.log.warn({ list: kind, reason }, 'an item of the upstream list is left out');
  return fetchCatalogue(kind, { page, skipped, era: open.link.era }).finally(() => timer.cancel());
}

/** The list a `notifications/.../list_changed` speaks of. */
export function changedList(method: string): 'tools' | 'prompts' | 'resources' | undefined {
  if (method === 'notifications/tools/list_changed') return 'tools';
  if (method === 'notifications/prompts/list_changed') return 'prompts';
  if (method === 'notifications/resources/list_changed') return 'resources';
  return undefined;
}
