/**
 * A file whose content is in force: read at the start, looked at again when it is used, at most once a second. No
 * watcher and no timer to own; symbolic links that are swapped and mounts without events need nothing special. What
 * cannot be read or understood later leaves the content before it in force, and is said once.
 */
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { GatewayError } from '../core/errors.ts';
import type { Ports } from '../core/ports.ts';
import { utf8Text, whyUnread } from '../lib/text-file.ts';

export interface CheckedFileOptions<T> {
  readonly path: string;
  /** For messages: `jwtAuth.jwks`. */
  readonly what: string;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  /** Throws with what is wrong; must not quote the text, which may hold secrets. */
  parse(text: string): T;
}

interface Stamp {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

const PAUSE_MS = 1000;

export class CheckedFile<T> {
  readonly #options: CheckedFileOptions<T>;
  #value: T;
  #stamp: string;
  #checkedAt: number;
  #checking: Promise<T> | undefined;
  #failure: string | undefined;

  /** Throws CONFIG_INVALID. */
  constructor(options: CheckedFileOptions<T>) {
    const { path, what, parse, ports } = options;
    this.#options = options;
    try {
      this.#stamp = textOf(statSync(path));
      this.#value = parse(utf8Text(readFileSync(path)));
    } catch (error) {
      throw new GatewayError('CONFIG_INVALID', `${what}: ${path}: ${whyUnread(error)}`, { cause: error });
    }
    this.#checkedAt = ports.clock.monotonic();
  }

  current(): T | Promise<T> {
    if (this.#checking) return this.#checking;
    if (!this.#due()) return this.#value;
    this.#checking = this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** As `current`, for callers that cannot wait: looks and reads in place, so only for small files. */
  now(): T {
    if (!this.#due()) return this.#value;
    const { path } = this.#options;
    try {
      const stamp = textOf(statSync(path));
      if (stamp !== this.#stamp) this.#take(stamp, utf8Text(readFileSync(path)));
    } catch (error) {
      this.#keep(error);
    }
    return this.#value;
  }

  #due(): boolean {
    const now = this.#options.ports.clock.monotonic();
    if (now - this.#checkedAt < PAUSE_MS) return false;
    this.#checkedAt = now;
    return true;
  }

  async #check(): Promise<T> {
    const { path } = this.#options;
    try {
      // Before the content: a change during the reading is then seen at the next look.
      const stamp = textOf(await stat(path));
      if (stamp !== this.#stamp) this.#take(stamp, utf8Text(await readFile(path)));
    } catch (error) {
      this.#keep(error);
    }
    return this.#value;
  }

  #take(stamp: string, text: string): void {
    const { path, what, parse, ports } = this.#options;
    this.#stamp = stamp;
    this.#value = parse(text);
    this.#failure = undefined;
    ports.log.info({ file: path }, `${what}: the file has changed and is in force`);
  }

  #keep(error: unknown): void {
    const { path, what, ports } = this.#options;
    const reason = whyUnread(error);
    if (reason !== this.#failure) {
      ports.log.warn({ file: path, reason }, `${what}: cannot be used; what was read before stays in force`);
    }
    this.#failure = reason;
    // What could not be read is tried again; what was read and is wrong waits for the next change.
    if (isUnread(error)) this.#stamp = '';
  }
}

function textOf({ ino, size, mtimeMs }: Stamp): string {
  return `${ino}:${size}:${mtimeMs}`;
}

function isUnread(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code !== undefined;
}
