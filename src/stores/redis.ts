/**
 * One connection to a Redis, opened when it is first asked. Every wait is bounded: without a connection the answer is
 * no at once, and nothing is sent again that may have been carried out. Knows nothing of what is stored.
 */
import type { Redis } from 'ioredis';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { type RedisAddress, shownAddress } from './redis-address.ts';

export interface RedisOptions {
  /** Asked for each connection: a file with it may have changed. The same object while it has not. */
  readonly address: () => RedisAddress;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  /** For the log: whose connection it is. */
  readonly policy: string;
}

/** A script that is sent once and then named. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  /** How many of its arguments are keys; they come first. */
  readonly keys: number;
}

type Run = (...parts: readonly (string | number)[]) => Promise<unknown>;

const RETRY_FIRST_MS = 50;
const RETRY_MOST_MS = 2000;

export class RedisConnection implements Closable {
  readonly #options: RedisOptions;
  #opening: Promise<Redis> | undefined;
  #client: Redis | undefined;
  #underWay = 0;
  #down = false;
  #closed = false;

  constructor(options: RedisOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#client?.status === 'ready';
  }

  /** Rejects with OVERLOADED, whatever it is: no connection, no answer in time, an error of the server or the library. */
  async run(script: Script, parts: readonly (string | number)[], timeoutMs: number): Promise<unknown> {
    try {
      const client = this.connected ? (this.#client as Redis) : await this.#ready();
      if (this.#underWay >= LIMITS.redisCommands.value) throw unavailable('too many questions to Redis');
      return await this.#within(this.#sent(client, script, parts), timeoutMs);
    } catch (cause) {
      throw cause instanceof GatewayError ? cause : unavailable('Redis cannot be used', cause);
    }
  }

  /** Counted until it is answered, also when nobody waits any longer. */
  async #sent(client: Redis, script: Script, parts: readonly (string | number)[]): Promise<unknown> {
    this.#underWay += 1;
    try {
      const run = (client as unknown as Record<string, Run>)[script.name] ?? defined(client, script);
      return await run.apply(client, [...parts]);
    } finally {
      this.#underWay -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#opening?.catch(() => undefined);
    client?.disconnect();
  }

  async #ready(): Promise<Redis> {
    if (this.#closed) throw unavailable('Redis is no longer in use');
    this.#opening ??= this.#open();
    const opening = this.#opening;
    try {
      const client = await opening;
      if (client.status === 'ready') return client;
    } catch (cause) {
      if (this.#opening === opening) this.#opening = undefined;
      throw cause;
    }
    throw unavailable('no connection to Redis');
  }

  /** Resolves when the first try to connect is over, whatever came of it. */
  async #open(): Promise<Redis> {
    const { Redis: Client } = await import('ioredis');
    const address = this.#options.address();
    const { host, port, username, password, database, tls } = address;
    const client = new Client({
      host,
      port,
      username,
      password,
      db: database,
      ...(tls && { tls: {} }),
      lazyConnect: true,
      connectTimeout: LIMITS.redisConnect.value,
      socketTimeout: LIMITS.redisSilence.value,
      enableOfflineQueue: false,
      // What was sent may have been carried out: a limit would count it twice.
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => (this.#closed ? null : Math.min(RETRY_FIRST_MS * 2 ** times, RETRY_MOST_MS)),
    });
    this.#client = client;
    client.on('error', (error: Error) => {
      this.#lost(address, error);
      // The library would go on in database 0.
      if (commandOf(error) === 'select') client.disconnect(true);
    });
    client.on('close', () => {
      this.#lost(address, undefined);
      // It would connect by the old one for ever.
      if (this.#options.address() !== address) this.#drop(client);
    });
    client.on('end', () => this.#drop(client));
    client.on('ready', () => this.#back(address));
    await this.#within(client.connect(), LIMITS.redisConnect.value).catch(() => undefined);
    return client;
  }

  /** Who asks next opens another one. */
  #drop(client: Redis): void {
    if (client.status !== 'end') client.disconnect();
    if (this.#client === client) this.#client = this.#opening = undefined;
  }

  #lost(address: RedisAddress, error: Error | undefined): void {
    if (this.#down || this.#closed) return;
    this.#down = true;
    const { policy, ports } = this.#options;
    const redis = shownAddress(address);
    ports.log.warn(
      { policy, redis, error: error ? reasonOf(error) : 'it was closed' },
      'no connection to Redis',
    );
  }

  #back(address: RedisAddress): void {
    const { policy, ports } = this.#options;
    if (this.#down) ports.log.info({ policy, redis: shownAddress(address) }, 'connected to Redis again');
    this.#down = false;
  }

  #within<T>(work: Promise<T>, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.ports.clock.after(ms, () =>
        reject(unavailable(`Redis has not answered within ${ms} ms`)),
      );
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

function defined(client: Redis, { name, lua, keys }: Script): Run {
  client.defineCommand(name, { lua, numberOfKeys: keys });
  return (client as unknown as Record<string, Run>)[name] as Run;
}

/** Of an answer of the server that is an error. */
function commandOf(error: Error): string | undefined {
  return (error as { readonly command?: { readonly name?: string } }).command?.name;
}

function reasonOf(error: Error): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (commandOf(error) === 'select') return `the database cannot be used: ${message}`;
  // The library asks for a bug report where somebody else than Redis answers.
  if (message.endsWith('Please report this.')) return 'what answers there does not speak as Redis does';
  // Several addresses of one name fail together, without a text.
  return message || (code ?? error.name);
}

function unavailable(why: string, cause?: unknown): GatewayError {
  return new GatewayError('OVERLOADED', `${why}: what is shared with other gateways is unknown`, {
    cause,
    headers: ['retry-after', '1'],
  });
}
