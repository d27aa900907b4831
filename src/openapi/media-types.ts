/** Media types: what kind of content one means, and which of several is sent. */
export type MediaKind = 'json' | 'form' | 'multipart' | 'text' | 'binary';

/** Without parameters, in lower case. */
export function essence(type: string): string {
  return (type.split(';')[0] as string).trim().toLowerCase();
}

export function mediaKind(type: string): MediaKind {
  const name = essence(type);
  if (name === '*/*' || isJson(name)) return 'json';
  if (name === 'application/x-www-form-urlencoded') return 'form';
  if (name.startsWith('multipart/')) return 'multipart';
  return isText(name) ? 'text' : 'binary';
}

export function isJson(name: string): boolean {
  return /^(?:application\/json|text\/json|[^/]+\/[^/]+\+json|application\/\*)$/.test(name);
}

const TEXT =
  /^(?:text\/.*|application\/(?:xml|javascript|ecmascript|graphql|sql|yaml|x-yaml|toml|x-ndjson|ndjson|jsonl|x-sh|rtf|x-www-form-urlencoded)|[^/]+\/[^/]+\+(?:xml|yaml))$/;

export function isText(name: string): boolean {
  return TEXT.test(name);
}

const PREFERRED: readonly MediaKind[] = ['json', 'multipart', 'form', 'text', 'binary'];

/** The one a model can write best; undefined where there is none. JSON patches say of an object less than JSON does. */
export function pickMediaType(types: readonly string[]): string | undefined {
  const plain = types.find((type) => essence(type) === 'application/json');
  if (plain !== undefined) return plain;
  for (const kind of PREFERRED) {
    const found = types.find((type) => mediaKind(type) === kind);
    if (found !== undefined) return found;
  }
  return undefined;
}
