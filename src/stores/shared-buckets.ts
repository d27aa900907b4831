/**
 * Token buckets that several gateways share in a Redis: the rules of buckets.ts, carried out there by one script at the
 * time of the server, so that neither a race nor a gateway's clock gives anybody more. Keys are hashed: what clients
 * are called by does not leave the gateway.
 */
import { hash } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import type { BucketSettings, Buckets, Taken } from './buckets.ts';
import type { RedisConnection, Script } from './redis.ts';

export interface SharedBucketsOptions {
  readonly connection: RedisConnection;
  readonly settings: BucketSettings;
  /** Of the keys in Redis; names the limit. */
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Counts while Redis cannot be had; undefined: nobody is let through. */
  readonly local: Buckets | undefined;
}

/**
 * A key that is not there is a full bucket; it expires when it would be full. A negative cost gives back. Should the
 * clock of the server have gone back, the next fill is at most one interval away.
 */
const TAKE: Script = {
  name: 'agentgatewayTake',
  keys: 1,
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local max, per, fill, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 't', 'f')
local tokens, at = tonumber(state[1]), tonumber(state[2])
if not tokens or not at then
  tokens, at = max, now + fill
elseif now >= at then
  local fills = math.floor((now - at) / fill) + 1
  tokens, at = math.min(max, tokens + fills * per), at + fills * fill
elseif at - now > fill then
  at = now + fill
end
local allowed, retry = 0, -1
if tokens >= cost then
  tokens, allowed, retry = math.min(max, tokens - cost), 1, 0
elseif cost <= max then
  retry = at - now + (math.ceil((cost - tokens) / per) - 1) * fill
end
local missing = math.ceil((max - tokens) / per)
if missing < 1 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 't', tokens, 'f', at)
  redis.call('PEXPIRE', KEYS[1], math.ceil(at - now + (missing - 1) * fill))
end
return {allowed, math.floor(tokens), math.ceil(at - now), math.ceil(retry)}`,
};

export class SharedBuckets {
  readonly #options: SharedBucketsOptions;

  constructor(options: SharedBucketsOptions) {
    this.#options = options;
  }

  /** Rejects with OVERLOADED where Redis cannot be had and nobody counts instead. */
  async take(key: string, cost: number): Promise<Taken> {
    const { settings, local } = this.#options;
    try {
      const [allowed, remaining, resetMs, retryMs] = figures(await this.#run(key, cost));
      return {
        allowed: allowed === 1,
        limit: settings.maxTokens,
        remaining,
        resetMs,
        retryMs: retryMs === -1 ? undefined : retryMs,
      };
    } catch (error) {
      if (local && error instanceof GatewayError) return local.take(key, cost);
      throw error;
    }
  }

  /** Without certainty: should Redis be gone, the tokens come back with the next fill. */
  giveBack(key: string, cost: number): void {
    this.#run(key, -cost).catch(() => undefined);
  }

  #run(key: string, cost: number): Promise<unknown> {
    const { connection, settings, prefix, timeoutMs } = this.#options;
    const { maxTokens, tokensPerFill, fillMs } = settings;
    const name = prefix + hash('sha256', key, 'base64url');
    return connection.run(TAKE, [name, maxTokens, tokensPerFill, fillMs, cost], timeoutMs);
  }
}

/** Whoever speaks as Redis does without being one answers anything. */
function figures(answer: unknown): [number, number, number, number] {
  if (Array.isArray(answer) && answer.length === 4 && answer.every(Number.isFinite))
    return answer as [number, number, number, number];
  throw new GatewayError(
    'OVERLOADED',
    'Redis answers something else: what is shared with other gateways is unknown',
    {
      headers: ['retry-after', '1'],
    },
  );
}
