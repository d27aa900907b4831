/**
 * Watches one file and hands over its text whenever that has changed. Knows nothing of what the text means.
 *
 * The directory is watched, not the file: editors replace the file by a rename, and Kubernetes swaps a symbolic link
 * beside it, after which a watch on the file itself would follow something that is gone. Some mounts deliver no
 * events at all, so the file is also looked at every few seconds.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Clock, Timer } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { utf8Text } from '../lib/text-file.ts';

export interface WatchOptions {
  readonly file: string;
  /** The text that is in force already, so that it is not reported; without it the first text read is reported. */
  readonly initial?: string;
  onText(text: string): void;
  /** The file cannot be read; said once until it can be read again. */
  onError(error: Error): void;
  readonly clock: Clock;
}

export interface WatchedFile extends Closable {
  /** Settles once changes are noticed. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/** One save is several events. */
const QUIET_MS = 50;
/** A file that is written without a pause is still read this often. */
const LONGEST_WAIT_MS = 500;
/** How long a file may be missing or empty: editors truncate it or move it away before they write. */
const ABSENT_MS = 1000;
const POLL_MS = 5000;

export function watchFile(options: WatchOptions): WatchedFile {
  const watched = new Watched(options);
  return { ready: watched.start(), close: () => watched.close() };
}

class Watched {
  readonly #options: WatchOptions;
  readonly #path: string;
  /** By directory: that of the file, and that of what it is a link to. */
  readonly #watchers = new Map<string, FSWatcher>();
  #poll: Timer | undefined;
  #timer: Timer | undefined;
  /** When the events that the timer waits for began. */
  #waitingSince: number | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #text: string | undefined;
  #stamp: string | undefined;
  #absentSince: number | undefined;
  #failure: string | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#path = resolve(options.file);
    this.#text = options.initial;
  }

  async start(): Promise<void> {
    await this.#watch(dirname(this.#path));
    if (this.#closed) return;
    this.#poll = this.#options.clock.every(POLL_MS, () => void this.#look());
    await this.#read();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#poll?.cancel();
    await this.#reading;
    await Promise.all([...this.#watchers.values()].map((watcher) => watcher.close()));
  }

  /** For mounts without events. */
  async #look(): Promise<void> {
    const stamp = await stampOf(this.#path);
    if (stamp !== this.#stamp) this.#schedule();
  }

  #schedule(): void {
    if (this.#closed) return;
    const { clock } = this.#options;
    this.#waitingSince ??= clock.monotonic();
    if (this.#timer && clock.monotonic() - this.#waitingSince > LONGEST_WAIT_MS) return;
    this.#timer?.cancel();
    this.#timer = clock.after(QUIET_MS, () => {
      this.#timer = undefined;
      this.#waitingSince = undefined;
      void this.#read();
    });
  }

  /** One reading at a time; an event during it asks for another. */
  #read(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readOnce().finally(() => {
      this.#reading = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#schedule();
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    try {
      await this.#followLink();
      const before = await stampOf(this.#path);
      const text = utf8Text(await readFile(this.#path));
      this.#stamp = await stampOf(this.#path);
      if (this.#closed) return;
      if (before !== this.#stamp) return this.#schedule();
      if (text === '' && this.#mayReturn()) return;
      this.#absentSince = undefined;
      this.#failure = undefined;
      if (text === this.#text || this.#closed) return;
      this.#text = text;
      this.#options.onText(text);
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    const code = (error as NodeJS.ErrnoException).code ?? error.message;
    if (code === 'ENOENT' && this.#mayReturn()) return;
    if (this.#failure === code) return;
    this.#failure = code;
    this.#options.onError(error);
  }

  /** Whether to wait a little longer for a file that is missing or empty. */
  #mayReturn(): boolean {
    const now = this.#options.clock.monotonic();
    this.#absentSince ??= now;
    if (now - this.#absentSince > ABSENT_MS) return false;
    this.#schedule();
    return true;
  }

  /** A link may lead into another directory, and to another one after the next change. Watched before it is read. */
  async #followLink(): Promise<void> {
    const own = dirname(this.#path);
    const target = dirname(await realpath(this.#path));
    for (const [directory, watcher] of this.#watchers) {
      if (directory === target || directory === own) continue;
      this.#watchers.delete(directory);
      await watcher.close();
    }
    if (!this.#watchers.has(target)) await this.#watch(target);
  }

  /** Settles once the directory is being watched. */
  async #watch(directory: string): Promise<void> {
    const watcher = watch(directory, {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: false,
      // A watch per entry of a home directory would be paid for nothing; the directory's own events name its entries.
      ignored: (path) => path !== directory && basename(path) !== basename(this.#path),
    });
    this.#watchers.set(directory, watcher);
    const noticed = () => this.#schedule();
    watcher.on('all', noticed).on('raw', noticed).on('error', noticed);
    await new Promise<void>((settle) => watcher.once('ready', settle));
  }
}

/** Changes whenever the file does; undefined while there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch {
    return undefined;
  }
}
