/** Expressions, and what policies count and wait for. */
import { KIB, type Limit, MIB, MINUTE, SECOND } from './limit.ts';

export const POLICY_LIMITS = {
  expressionSource: {
    value: 16 * KIB,
    unit: 'bytes',
    error: 'CONFIG_INVALID',
    what: 'Text of one CEL expression.',
  },
  expressionNodes: {
    value: 4096,
    unit: 'count',
    error: 'CONFIG_INVALID',
    what: 'Operators, calls, names and literals of one expression.',
  },
  expressionDepth: {
    value: 128,
    unit: 'count',
    error: 'CONFIG_INVALID',
    what: 'Nesting of one expression; of its brackets a quarter of that.',
  },
  expressionSteps: {
    value: 100_000,
    unit: 'count',
    error: 'EXPRESSION_FAILED',
    what: 'Work of one evaluation: each element that a macro visits counts once for every node of its body, long texts and lists by their size.',
  },
  expressionText: {
    value: 4 * MIB,
    unit: 'bytes',
    error: 'EXPRESSION_FAILED',
    what: 'A text that an expression makes, in UTF-16 characters.',
  },
  rateLimitKeys: {
    value: 100_000,
    unit: 'count',
    error: undefined,
    what: 'Keys that one `localRateLimit` counts for; then it forgets one that is full, or was quiet longest.',
  },
  rateLimitQuestions: {
    value: 1000,
    unit: 'count',
    error: 'LIMITS_UNAVAILABLE',
    what: 'Questions to one service of `remoteRateLimit` that wait for an answer.',
  },
  rateLimitAnswer: {
    value: 256 * KIB,
    unit: 'bytes',
    error: 'LIMITS_UNAVAILABLE',
    what: 'Answer of such a service.',
  },
  rateLimitPing: {
    value: 10 * SECOND,
    unit: 'ms',
    error: 'LIMITS_UNAVAILABLE',
    what: 'Silence of such a service after which it is looked whether the connection still stands, and time to answer that.',
  },
  waitingCalls: {
    value: 10_000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'What `maxWaiting` of `concurrencyLimit` can be set to.',
  },
  redisConnect: {
    value: 2 * SECOND,
    unit: 'ms',
    error: 'OVERLOADED',
    what: 'Time for the first connection to the Redis of a shared limit; who asks later does not wait for one.',
  },
  redisSilence: {
    value: 5 * SECOND,
    unit: 'ms',
    error: 'OVERLOADED',
    what: 'Silence after a question to a Redis, after which a new connection is made.',
  },
  redisCommands: {
    value: 1000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Questions to one Redis that wait for an answer.',
  },
  retryPause: {
    value: 10 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Pause between two tries of `retry`, which grows from one to the next, unless its `backoff` is longer.',
  },
  delay: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'What `delay` can hold a request back; a longer one is cut to it.',
  },
  eviction: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'Time a backend is evicted (`health`), which grows from one eviction to the next, unless its `duration` is longer.',
  },
  checkAnswer: {
    value: 64 * KIB,
    unit: 'bytes',
    error: undefined,
    what: 'Body of an answer to a check of a backend (`health.check`) that is read; of a longer one the rest is not.',
  },
  agentCard: {
    value: 1 * MIB,
    unit: 'bytes',
    error: 'UPSTREAM_MESSAGE_TOO_LARGE',
    what: "An agent's card (`a2a`), which is changed on its way.",
  },
  agentReply: {
    value: 64 * KIB,
    unit: 'bytes',
    error: undefined,
    what: 'A JSON answer of an agent that is looked into for the log (`a2a`) as it passes; a longer one, and any stream, is not.',
  },
  policyBody: {
    value: 2 * MIB,
    unit: 'bytes',
    error: 'BODY_TOO_LARGE',
    what: 'Body of a request, or of a reply (UPSTREAM_MESSAGE_TOO_LARGE), that an expression of a policy over plain HTTP reads; `buffer` sets another.',
  },
  conditions: {
    value: 64,
    unit: 'count',
    error: 'CONFIG_INVALID',
    what: 'Entries of `conditional`.',
  },
  mirroredBody: {
    value: 1 * MIB,
    unit: 'bytes',
    error: undefined,
    what: 'Body of a request that `requestMirror` copies; a longer one is not mirrored.',
  },
  mirrored: {
    value: 64,
    unit: 'count',
    error: undefined,
    what: 'Copies that one `requestMirror` is sending at the same time; further requests are not mirrored.',
  },
  mirrorTime: {
    value: 30 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Time a copied request may take, its upload included.',
  },
} as const satisfies Record<string, Limit>;
