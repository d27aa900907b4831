import assert from 'node:assert/strict';
import { test } from 'node:test';
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
