/**
 * A map for few, short-lived entries that come and go with every request. V8's Map and Set make a new table every few
 * deletions, and each old table points to the next one: one that has reached the old generation keeps the whole
 * chain, with every request it ever held, from being collected young (measured: a quarter of the CPU of a call).
 * Looked up by comparing, so it turns into a Map while it holds many.
 */
const MANY = 64;

export class Few<K, V> {
  readonly #keys: K[] = [];
  readonly #values: V[] = [];
  /** Everything, while there are many. */
  #map: Map<K, V> | undefined;

  get size(): number {
    return this.#map ? this.#map.size : this.#keys.length;
  }

  has(key: K): boolean {
    return this.#map ? this.#map.has(key) : this.#keys.includes(key);
  }

  get(key: K): V | undefined {
    if (this.#map) return this.#map.get(key);
    const at = this.#keys.indexOf(key);
    return at < 0 ? undefined : this.#values[at];
  }

  set(key: K, value: V): this {
    if (this.#map) {
      this.#map.set(key, value);
      return this;
    }
    const at = this.#keys.indexOf(key);
    if (at >= 0) this.#values[at] = value;
    else this.#add(key, value);
    return this;
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    if (this.#map) return this.#deleteOfMany(key);
    const at = this.#keys.indexOf(key);
    if (at < 0) return false;
    // The last one takes its place: nothing moves up, and the arrays keep their memory.
    const lastKey = this.#keys.pop() as K;
    const lastValue = this.#values.pop() as V;
    if (at < this.#keys.length) {
      this.#keys[at] = lastKey;
      this.#values[at] = lastValue;
    }
    return true;
  }

  /** A copy: entries may come and go while it is walked. In no particular order. */
  values(): V[] {
    return this.#map ? [...this.#map.values()] : this.#values.slice();
  }

  #add(key: K, value: V): void {
    this.#keys.push(key);
    this.#values.push(value);
    if (this.#keys.length <= MANY) return;
    this.#map = new Map(this.#keys.map((each, at) => [each, this.#values[at] as V]));
    this.#keys.length = 0;
    this.#values.length = 0;
  }

  #deleteOfMany(key: K): boolean {
    const map = this.#map as Map<K, V>;
    const there = map.delete(key);
    if (map.size > MANY / 2) return there;
    this.#map = undefined;
    for (const [each, value] of map) {
      this.#keys.push(each);
      this.#values.push(value);
    }
    return there;
  }
}
