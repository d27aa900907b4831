/**
 * Puts the files that a description refers to into the description itself, so that everything behind this knows
 * references within one document only. Which files may be read is decided by whoever reads them.
 */
import { LIMITS } from '../core/limits.ts';
import { isObject } from '../lib/json-value.ts';
import { refOf } from './references.ts';
import { type JsonObject, parseText, unreadable } from './text.ts';

export interface Surroundings {
  /** Where the description itself is. */
  readonly base: URL;
  /** Rejects for what may not be read, and for what cannot. */
  read(address: URL): Promise<string>;
}

const HOME = 'x-external-documents';
const MAX_FILES = 500;

/** Throws GatewayError CONFIG_INVALID. `document` is changed. */
export async function bundle(document: JsonObject, surroundings: Surroundings): Promise<JsonObject> {
  const bundling = new Bundling(document, surroundings);
  await bundling.run();
  return { ...document, [HOME]: Object.fromEntries(bundling.documents) };
}

interface Waiting {
  readonly address: URL;
  readonly name: string;
}

class Bundling {
  readonly documents = new Map<string, JsonObject>();
  readonly #root: JsonObject;
  readonly #surroundings: Surroundings;
  /** By address without fragment; the description itself has no name. */
  readonly #names = new Map<string, string | undefined>();
  readonly #waiting: Waiting[] = [];
  /** Of the files together. */
  #length = 0;

  constructor(root: JsonObject, surroundings: Surroundings) {
    this.#root = root;
    this.#surroundings = surroundings;
    this.#names.set(withoutFragment(surroundings.base), undefined);
  }

  async run(): Promise<void> {
    this.#rewrite(this.#root, this.#surroundings.base);
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const { address, name } = next;
      const text = await this.#surroundings.read(address);
      this.#length += text.length;
      if (this.#length > LIMITS.apiDocument.value)
        throw unreadable('it is too long with the files it refers to');
      const document = parseText(text);
      this.documents.set(name, document);
      this.#rewrite(document, address);
    }
  }

  #rewrite(value: unknown, address: URL): void {
    if (typeof value !== 'object' || value === null) return;
    const ref = refOf(value);
    if (ref !== undefined && isObject(value)) value['$ref'] = this.#inside(ref, address);
    for (const item of Object.values(value)) this.#rewrite(item, address);
  }

  #inside(ref: string, address: URL): string {
    if (!URL.canParse(ref, address.href)) throw unreadable(`the reference "${ref}" is no URL`);
    const target = new URL(ref, address);
    const fragment = target.hash.startsWith('#/') ? target.hash.slice(1) : '';
    const name = this.#nameOf(target);
    return name === undefined ? `#${fragment}` : `#/${HOME}/${name}${fragment}`;
  }

  #nameOf(target: URL): string | undefined {
    const key = withoutFragment(target);
    if (this.#names.has(key)) return this.#names.get(key);
    if (this.#names.size > MAX_FILES) throw unreadable(`it refers to more than ${MAX_FILES} other files`);
    const name = String(this.#names.size);
    this.#names.set(key, name);
    this.#waiting.push({ address: new URL(key), name });
    return name;
  }
}

function withoutFragment(address: URL): string {
  const copy = new URL(address);
  copy.hash = '';
  return copy.href;
}
