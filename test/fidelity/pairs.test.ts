/**
 * The quick form of `npm run fidelity`: each pair of eras over HTTP, without what takes long (values of a megabyte, and
 * events that are awaited in vain). What of the list is stale only the whole run can tell.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Case, PAIRS, waysOf } from './case.ts';
import { casesOf } from './cases.ts';
import { differences } from './differences.ts';
import { compareAll } from './run.ts';
import { openWorld } from './world.ts';

const IN_VAIN = new Set([
  'log message below the level',
  'log message nobody asked for',
  'an event nobody knows',
]);

const isQuick = ({ name }: Case): boolean => !name.startsWith('1 MiB') && !IN_VAIN.has(name);

for (const pair of PAIRS) {
  test(`${pair.replace('-', ' client, ')} server: all that differs is documented`, async (t) => {
    const place = { pair, way: 'http' } as const;
    const { clients, close } = await openWorld(place);
    t.after(close);
    const cases = casesOf(pair).filter(isQuick);
    assert.ok(cases.length > 100, `${cases.length} cases`);
    const tally = await compareAll(clients, cases, place);
    const found = tally.undocumented.map(({ one, text }) => `${one.group}, ${one.name}: ${text}`);
    assert.deepEqual(found, []);
    assert.ok(tally.documented.size > 2);
  });
}

test('no difference is listed twice, or for a pair or a way that is never run', () => {
  assert.equal(new Set(differences.map(({ name }) => name)).size, differences.length);
  for (const { name, pairs = PAIRS, ways } of differences) {
    for (const pair of pairs) {
      const run = waysOf(pair);
      assert.ok(
        ways?.every((way) => run.includes(way)) ?? true,
        `${name}: ${pair} has no ${ways?.join(', ')}`,
      );
    }
  }
});
