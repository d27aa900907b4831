/**
 * The API behind one target: its description, read once for all connections and again when it changes, and what is
 * made of it in advance.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { WantedCredential } from '../../openapi/security.ts';
import type { ToolOptions } from '../../openapi/tools.ts';
import { at } from './document.ts';
import { PreparedTools } from './prepared-tools.ts';
import type { DocumentReader, Reading, Turn } from './reading.ts';
import type { DocumentSource } from './source.ts';

export interface Description extends Pick<Reading, 'title' | 'version' | 'instructions'> {
  /** The result of tools/list. */
  readonly listing: Buffer;
  readonly tools: PreparedTools;
}

export interface ApiOptions {
  readonly source: DocumentSource;
  readonly reader: DocumentReader;
  readonly ports: Pick<Ports, 'clock' | 'log' | 'random'>;
  readonly tools: ToolOptions;
  /** See `BuilderOptions`. */
  readonly base: string | undefined;
  /** Files that the description refers to are read. */
  readonly externalReferences: boolean;
  /** Requests carry credentials of some kind. */
  readonly authenticated: boolean;
}

/** For fetching the whole text, and for reading it; who waits for it may give up sooner. */
const READ_MS = 60_000;
/** Until those before it have been read: each may take its time. */
const TURN_MS = 10 * READ_MS;
/** Lists are read more often than a description changes. */
const AGE_MS = LIMITS.reconcile.value / 2;
const SAID = 20;

export class Api implements Closable {
  readonly #options: ApiOptions;
  readonly #watchers = new Set<() => void>();
  readonly #ended = new Cancel();
  #description: Description | undefined;
  #reading: Promise<Description> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #failure: string | undefined;
  #watching = false;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** The one in force; undefined before it has been read. */
  get description(): Description | undefined {
    return this.#description;
  }

  /** Rejects with a GatewayError where there is none yet. */
  async current(): Promise<Description> {
    return this.#description ?? (await this.#read());
  }

  /** The same after another look at the source, where the last one was some time ago; what fails is logged. */
  async renewed(): Promise<Description> {
    const { clock } = this.#options.ports;
    const description = await this.current();
    if (clock.monotonic() - this.#readAt < AGE_MS) return description;
    return this.#read().catch(() => description);
  }

  /** `changed`: the list of tools is another one now. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  close(): void {
    this.#ended.cancel(new GatewayError('UPSTREAM_CLOSED', 'the target is no longer in use'));
    this.#watchers.clear();
    void this.#options.source.close();
  }

  #read(): Promise<Description> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<Description> {
    const { source, ports } = this.#options;
    if (this.#ended.reason) throw this.#ended.reason;
    const { cancel, forget } = this.#ended.child();
    let timer: Timer | undefined;
    const within = (ms: number): void => {
      const late = new GatewayError('UPSTREAM_TIMEOUT', `${source.place} was not read within ${ms} ms`);
      timer?.cancel();
      timer = ports.clock.after(ms, () => cancel.cancel(late));
    };
    try {
      within(READ_MS);
      const bytes = await source.read(cancel);
      this.#readAt = ports.clock.monotonic();
      this.#startWatching();
      const before = this.#description;
      if (bytes) {
        within(TURN_MS);
        this.#description = this.#prepared(
          await this.#taken(bytes, { cancel, begun: () => within(READ_MS) }),
        );
      }
      this.#failure = undefined;
      if (!this.#description) throw new GatewayError('CONFIG_INVALID', `${source.place} cannot be used`);
      if (before && !before.listing.equals(this.#description.listing)) this.#changed();
      return this.#description;
    } catch (cause) {
      throw this.#failed(cause);
    } finally {
      timer?.cancel();
      forget();
    }
  }

  /** What was read before stays in force; the same failure is said once. */
  #failed(cause: unknown): GatewayError {
    const { source, ports } = this.#options;
    const error = asGatewayError(cause);
    source.forget();
    this.#startWatching();
    if (this.#description && error.message !== this.#failure && !this.#ended.cancelled) {
      const fields = { source: source.place, reason: error.message };
      ports.log.warn(fields, 'API description not read again: the one before stays in force');
    }
    this.#failure = error.message;
    return error;
  }

  #startWatching(): void {
    if (this.#watching || this.#ended.cancelled) return;
    this.#watching = true;
    this.#options.source.watch?.(() => this.#read().catch(() => undefined));
  }

  #changed(): void {
    this.#options.ports.log.info({ source: this.#options.source.place }, 'API description has changed');
    for (const watcher of [...this.#watchers]) watcher();
  }

  async #taken(bytes: Buffer, turn: Turn): Promise<Reading> {
    const { source, reader, tools, externalReferences } = this.#options;
    const surroundings = externalReferences ? source.surroundings?.(turn.cancel) : undefined;
    try {
      return await reader.read({ bytes, tools, surroundings }, turn);
    } catch (cause) {
      throw at(source.place, cause);
    }
  }

  #prepared(reading: Reading): Description {
    const { ports, base } = this.#options;
    const { problems, title, version, instructions, listing } = reading;
    for (const problem of problems.slice(0, SAID))
      ports.log.warn({ operation: problem.where, reason: problem.message }, 'an operation is left out');
    if (problems.length > SAID)
      ports.log.warn({ operations: problems.length - SAID }, 'further operations are left out');
    this.#sayWanted(reading.wanted);
    const boundary = (): string => `form-${ports.random(18).toString('hex')}`;
    const tools = new PreparedTools(reading, { base, boundary });
    const { buffer, byteOffset, length } = listing;
    return { title, version, instructions, listing: Buffer.from(buffer, byteOffset, length), tools };
  }

  #sayWanted(wanted: readonly WantedCredential[]): void {
    if (this.#options.authenticated) return;
    for (const { scheme, kind, remedy, operations } of wanted) {
      const message = `the API wants credentials ("${scheme}": ${kind}) and policies.backendAuth of the target is missing`;
      this.#options.ports.log.warn({ operations, remedy }, message);
    }
  }
}
