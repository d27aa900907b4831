/**
 * Headers as expressions see them: any case, one text where a header came once, a list where it came several times.
 * The views of the Rust gateway: join, raw, split, redacted.
 */
import { isSecretName } from '../lib/secrets.ts';
import { MASKED } from './secret.ts';

type Shape = 'plain' | 'join' | 'raw' | 'split';

export class HeaderView {
  readonly #flat: readonly string[];
  readonly #shape: Shape;
  /** Sensitive values are masked. */
  readonly masked: boolean;

  /** `flat`: name, value, name, value, as they came. */
  constructor(flat: readonly string[], shape: Shape = 'plain', masked = false) {
    this.#flat = flat;
    this.#shape = shape;
    this.masked = masked;
  }

  as(shape: Shape): HeaderView {
    return new HeaderView(this.#flat, shape, this.masked);
  }

  redacted(): HeaderView {
    return new HeaderView(this.#flat, this.#shape, true);
  }

  /** Lower-cased, each once. */
  names(): string[] {
    const names = new Set<string>();
    for (let at = 0; at < this.#flat.length; at += 2) names.add((this.#flat[at] as string).toLowerCase());
    return [...names];
  }

  get(name: string): string | string[] | undefined {
    const values = this.#values(name);
    if (values.length === 0) return undefined;
    if (this.#shape === 'join') return values.join(',');
    if (this.#shape === 'raw') return values;
    if (this.#shape === 'split')
      return values.flatMap((value) => value.split(',').map((part) => part.trim()));
    return values.length === 1 ? values[0] : values;
  }

  /** The first cookie of that name. */
  cookie(name: string): string | undefined {
    for (const header of this.#values('cookie')) {
      for (const pair of header.split(';')) {
        const mark = pair.indexOf('=');
        if (mark < 0 || pair.slice(0, mark).trim() !== name) continue;
        return pair
          .slice(mark + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1');
      }
    }
    return undefined;
  }

  #values(name: string): string[] {
    const wanted = name.toLowerCase();
    const values: string[] = [];
    for (let at = 0; at + 1 < this.#flat.length; at += 2) {
      const each = this.#flat[at] as string;
      if (each.length !== wanted.length || (each !== wanted && each.toLowerCase() !== wanted)) continue;
      values.push(this.masked && isSensitiveHeader(wanted) ? MASKED : (this.#flat[at + 1] as string));
    }
    return values;
  }
}

export function isSensitiveHeader(name: string): boolean {
  return isSecretName(name);
}
