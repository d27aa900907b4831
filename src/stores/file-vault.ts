/**
 * Secrets kept in one file, sealed with AES-256-GCM as a whole, so that neither what is in it nor how much of whom can
 * be read or exchanged. Each change writes a new file beside it and renames that: whoever reads finds the old one or the new
 * one. For one process at a time; two would undo each other's changes.
 */
import { hkdfSync, timingSafeEqual } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Vault } from '../core/vault.ts';
import { isObject, parseObject } from '../lib/json-value.ts';
import { Seal } from '../lib/seal.ts';
import { MemoryVault } from './memory-vault.ts';

export interface FileVaultOptions {
  readonly path: string;
  /** Any text or bytes that cannot be guessed; the key of the file is derived from it. */
  readonly secret: string | Buffer;
  readonly ports: Pick<Ports, 'log' | 'random'>;
  readonly max?: number;
}

const VERSION = 1;

export class FileVault implements Vault {
  readonly #path: string;
  readonly #key: Buffer;
  readonly #seal: Seal;
  readonly #ports: FileVaultOptions['ports'];
  readonly #memory: MemoryVault;
  #opening: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  /** The write that begins when the one under way is over: it takes all changes until then. */
  #next: Promise<void> | undefined;

  constructor({ path, secret, ports, max = LIMITS.keptTokens.value }: FileVaultOptions) {
    this.#path = path;
    this.#key = keyOf(secret);
    this.#seal = new Seal(this.#key, ports.random, 'token vault');
    this.#ports = ports;
    this.#memory = new MemoryVault(max);
  }

  /** Rejects with CREDENTIALS_UNAVAILABLE for a file that is not ours, or of another key: it is never written over. */
  open(): Promise<void> {
    this.#opening ??= this.#load().catch((error: unknown) => {
      // A file that is put right is found at the next call.
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  isSealedWith(secret: string | Buffer): boolean {
    return timingSafeEqual(this.#key, keyOf(secret));
  }

  get(key: string): string | undefined {
    return this.#memory.get(key);
  }

  async set(key: string, value: string): Promise<void> {
    await this.#memory.set(key, value);
    await this.#save();
  }

  async delete(key: string): Promise<void> {
    if (this.#memory.get(key) === undefined) return;
    await this.#memory.delete(key);
    await this.#save();
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#writing);
  }

  async #load(): Promise<void> {
    let sealed: string;
    try {
      sealed = await readFile(this.#path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw this.#broken((cause as Error).message, cause);
    }
    const text = this.#seal.open(sealed.trim());
    const stored = text === undefined ? undefined : parseObject(text);
    if (!stored) throw this.#broken('it was not written with this key, or has been changed since');
    const { version, entries } = stored;
    if (version !== VERSION || !isObject(entries)) throw this.#broken(`its version is ${String(version)}`);
    for (const [key, value] of Object.entries(entries))
      if (typeof value === 'string') await this.#memory.set(key, value);
  }

  /** A token that could not be written still serves until the process ends. */
  #save(): Promise<void> {
    if (this.#next) return this.#next;
    const before = this.#writing ?? Promise.resolve();
    const write: Promise<void> = before.then(async () => {
      this.#next = undefined;
      this.#writing = write;
      try {
        await this.#write();
      } catch (error) {
        this.#ports.log.error(
          { err: error, file: this.#path },
          'tokens were not written and will not survive',
        );
      }
    });
    this.#next = write;
    return write;
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ version: VERSION, entries: Object.fromEntries(this.#memory.entries()) });
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${this.#ports.random(6).toString('hex')}`;
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(this.#seal.seal(text));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.#path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** Where it is, and what is wrong with it, is not for clients. */
  #broken(reason: string, cause?: unknown): GatewayError {
    this.#ports.log.error({ file: this.#path, reason }, 'the store of logins cannot be read');
    return new GatewayError('CREDENTIALS_UNAVAILABLE', 'the store of logins cannot be read', { cause });
  }
}

function keyOf(secret: string | Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'agentgateway token vault', 32));
}
