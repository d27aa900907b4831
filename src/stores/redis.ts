/**
 * One connection to a Redis, opened when it is first asked. Every wait is bounded: without a connection the answer is
 * no at once, and nothing is sent again that may have been carried out. Knows nothing of what is stored.
 */
import type { Redis } from 'ioredis';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';

export interface RedisOptions {
  /** Asked for each connection: a file with it may have changed. */
  readonly url: () => string;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
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

  /** Rejects with OVERLOADED: no connection, no answer in time, an error of the server. */
  async run(script: Script, parts: readonly (string | number)[], timeoutMs: number): Promise<unknown> {
    const client = this.connected ? (this.#client as Redis) : await this.#ready();
    if (this.#underWay >= LIMITS.redisCommands.value) throw unavailable('too many questions to Redis');
    this.#underWay += 1;
    const run = (client as unknown as Record<string, Run>)[script.name] ?? defined(client, script);
    const answer = run.apply(client, [...parts]);
    const over = (): void => {
      this.#underWay -= 1;
    };
    answer.then(over, over);
    try {
      return await this.#within(answer, timeoutMs);
    } catch (cause) {
      throw cause instanceof GatewayError ? cause : unavailable('Redis does not answer', cause);
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
    const client = await this.#opening;
    if (client.status !== 'ready') throw unavailable('no connection to Redis');
    return client;
  }

  /** Resolves when the first try to connect is over, whatever came of it. */
  async #open(): Promise<Redis> {
    const { Redis: Client } = await import('ioredis');
    const url = this.#options.url();
    const client = new Client(url, {
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
    client.on('error', (error: Error) => this.#lost(error));
    client.on('close', () => {
      this.#lost(undefined);
      // It would connect by the old one for ever.
      if (this.#options.url() !== url) this.#drop(client);
    });
    client.on('ready', () => this.#back());
    await this.#within(client.connect(), LIMITS.redisConnect.value).catch(() => undefined);
    return client;
  }

  /** Who asks next opens another one. */
  #drop(client: Redis): void {
    client.disconnect();
    if (this.#client === client) this.#client = this.#opening = undefined;
  }

  #lost(error: Error | undefined): void {
    if (this.#down || this.#closed) return;
    this.#down = true;
    this.#options.ports.log.warn({ error: error?.message }, 'no connection to Redis');
  }

  #back(): void {
    if (this.#down) this.#options.ports.log.info({}, 'connected to Redis again');
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

function unavailable(why: string, cause?: unknown): GatewayError {
  return new GatewayError('OVERLOADED', `${why}: what is shared with other gateways is unknown`, {
    cause,
    headers: ['retry-after', '1'],
  });
}
