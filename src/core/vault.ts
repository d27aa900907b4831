/** Where secrets that the gateway was given on behalf of people outlive a call: in memory, or sealed in a file. */
import type { Closable } from './scope.ts';

export interface Vault extends Closable {
  /** Resolves when `get` knows what is kept. Rejects where that cannot be read. */
  open(): Promise<void>;
  get(key: string): string | undefined;
  /** Holds at once; resolves when it is as durable as the vault is. Makes room by forgetting what was set first. */
  set(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
}
