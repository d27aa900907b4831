// needs: nginx
/** The gateway is a proxy as nginx is one: what passes through either, byte by byte, but for what we mean otherwise. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { NO_NGINX } from '../fixtures/nginx.ts';
import { type Difference, SideBySide } from './side-by-side.ts';
import { anyCase, TABLE } from './side-by-side-cases.ts';
import { INTENDED } from './side-by-side-differences.ts';

const SEED = 20261120;
const RUNS = 250;

describe('beside nginx, before the same upstream', { skip: NO_NGINX, timeout: 150_000 }, () => {
  let proxies: SideBySide;
  before(async () => {
    proxies = await SideBySide.open();
  });
  after(() => proxies?.close());

  const unintended = (found: readonly Difference[]): Difference[] =>
    found.filter((one) => !INTENDED.some(({ where }) => where(one)));

  test('requests and replies pass alike, but for what is intended, and all of that shows', async () => {
    const found: Difference[] = [];
    for (const one of TABLE) found.push(...(await proxies.differences(one)));
    assert.deepEqual(unintended(found), []);
    const stale = INTENDED.filter(({ where }) => !found.some(where)).map(({ reason }) => reason);
    assert.deepEqual(stale, []);
  });

  test('so does what nobody has thought of', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async (one) => {
        assert.deepEqual(unintended(await proxies.differences(one)), []);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
