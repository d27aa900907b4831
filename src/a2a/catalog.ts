/**
 * The catalogue of several agents on one host, as the AI Catalog draft has it (agent-card.github.io/ai-catalog), which
 * A2A means to prefer over one card per host. Pure.
 */
export const CATALOG_PATH = '/.well-known/ai-catalog.json';
export const CATALOG_TYPE = 'application/ai-catalog+json';
const CARD_TYPE = 'application/a2a-agent-card+json';

export interface CatalogEntry {
  readonly name: string;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Of its card. */
  readonly url: string;
}

export function catalogText(entries: readonly CatalogEntry[]): Buffer {
  const listed = entries.map(({ name, description, tags, url }) => ({
    identifier: url,
    displayName: name,
    // Drafts call it either.
    type: CARD_TYPE,
    mediaType: CARD_TYPE,
    url,
    description,
    tags,
  }));
  return Buffer.from(JSON.stringify({ specVersion: '1.0', entries: listed }));
}
