import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { testExchange } from '../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';
import { type WeightedBackend, weighted } from './weighted.ts';

const REPLY: Answer = { status: 200, headers: [], body: Flow.empty() };

function backend(key: string, weight: number, owns?: (exchange: Exchange) => boolean): WeightedBackend {
  const service = async (): Promise<Answer> => REPLY;
  return { key, weight, backend: { handle: service, ...(owns ? { owns } : {}) }, service };
}

/** Keys of the backends that served so many exchanges, in order. */
async function served(backends: readonly WeightedBackend[], count: number): Promise<(string | undefined)[]> {
  const serve = weighted(backends);
  const keys: (string | undefined)[] = [];
  for (let at = 0; at < count; at += 1) {
    const exchange = testExchange({});
    await serve(exchange);
    keys.push(exchange.record.backend);
  }
  return keys;
}

const refused = (error: unknown): boolean => error instanceof GatewayError && error.code === 'NO_BACKEND';

test('shares are exact over every round, and the heavy ones do not come in bursts', async () => {
  const round = await served([backend('a', 5), backend('b', 1), backend('c', 1)], 7);
  assert.deepEqual(round, ['a', 'a', 'b', 'a', 'c', 'a', 'a']);
  const weights = fc
    .array(fc.nat(6), { minLength: 2, maxLength: 5 })
    .filter((each) => each.some((one) => one > 0));
  await fc.assert(
    fc.asyncProperty(weights, fc.integer({ min: 1, max: 3 }), async (shares, rounds) => {
      const total = shares.reduce((sum, weight) => sum + weight, 0);
      const keys = await served(
        shares.map((weight, at) => backend(String(at), weight)),
        total * rounds,
      );
      for (const [at, weight] of shares.entries())
        assert.equal(keys.filter((key) => key === String(at)).length, weight * rounds);
    }),
    { seed: SEED, numRuns: 200 },
  );
});

test('an exchange whose session began at a backend goes there, also where nothing new goes, and takes no turn', async () => {
  const mine = (exchange: Exchange): boolean => exchange.query === 'mine';
  const serve = weighted([backend('a', 1), backend('b', 1), backend('old', 0, mine)]);
  const keys: (string | undefined)[] = [];
  for (const query of ['', 'mine', '', 'mine', '']) {
    const exchange = testExchange({ query });
    await serve(exchange);
    keys.push(exchange.record.backend);
  }
  assert.deepEqual(keys, ['a', 'old', 'b', 'old', 'a']);
});

test('the only backend serves everything', async () => {
  assert.deepEqual(await served([backend('a', 1)], 2), ['a', 'a']);
});

test('without a backend, or with none that has a weight, an exchange is refused', async () => {
  await assert.rejects(weighted([])(testExchange({})), refused);
  await assert.rejects(weighted([backend('a', 0), backend('b', 0)])(testExchange({})), refused);
});

describe('a backend that is evicted', () => {
  const sick = new Set<string>();
  const watched = (key: string, weight: number): WeightedBackend => ({
    ...backend(key, weight),
    health: {
      get evicted() {
        return sick.has(key);
      },
    },
  });

  test('gets nothing new while another one is healthy, and its share again without a burst', async () => {
    const serve = weighted([watched('a', 2), watched('b', 1), watched('c', 1)]);
    const next = async (count: number): Promise<string> => {
      const keys: (string | undefined)[] = [];
      for (let at = 0; at < count; at += 1) {
        const exchange = testExchange({});
        await serve(exchange);
        keys.push(exchange.record.backend);
      }
      return keys.join('');
    };
    assert.equal(await next(4), 'abca');
    sick.add('a');
    assert.equal(await next(4), 'bcbc');
    sick.delete('a');
    assert.equal([...(await next(8))].filter((key) => key === 'a').length, 4);
    sick.clear();
  });

  test('is used with all the others when none is healthy', async () => {
    for (const key of ['a', 'b']) sick.add(key);
    const keys = await served([watched('a', 1), watched('b', 1)], 4);
    assert.deepEqual(keys, ['a', 'b', 'a', 'b']);
    sick.clear();
  });

  test('keeps the sessions that began there', async () => {
    sick.add('a');
    const mine = { ...watched('a', 1), backend: backend('a', 1, () => true).backend };
    const exchange = testExchange({});
    await weighted([mine, watched('b', 1)])(exchange);
    assert.equal(exchange.record.backend, 'a');
    sick.clear();
  });
});

describe('a further try', () => {
  const trying = async (
    backends: readonly WeightedBackend[],
    tried: string[],
  ): Promise<string | undefined> => {
    const exchange = testExchange({});
    exchange.tried = new Set(tried);
    await weighted(backends)(exchange);
    return exchange.record.backend;
  };

  test('goes to a backend that has not failed the exchange, where there is one', async () => {
    const three = [backend('a', 1), backend('b', 1), backend('c', 1)];
    assert.equal(await trying(three, ['a']), 'b');
    assert.equal(await trying(three, ['a', 'b']), 'c');
    assert.equal(await trying(three, ['a', 'b', 'c']), 'a');
  });

  test('rather tries a healthy one again than one that is evicted', async () => {
    const evicted = { ...backend('b', 1), health: { evicted: true } };
    assert.equal(await trying([backend('a', 1), evicted], ['a']), 'a');
  });
});
