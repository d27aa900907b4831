import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { matchesPattern } from './pattern.ts';

/** The obvious way, which may take exponential time: every split of the text at every star. */
function matchesByTrying(text: string, pattern: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') {
    for (let skipped = 0; skipped <= text.length; skipped += 1)
      if (matchesByTrying(text.slice(skipped), pattern.slice(1))) return true;
    return false;
  }
  return text[0] === pattern[0] && matchesByTrying(text.slice(1), pattern.slice(1));
}

test('a star matches any run, and nothing else is special', () => {
  for (const [text, pattern, matches] of [
    ['abc', 'abc', true],
    ['abc', 'ab', false],
    ['abc', '*', true],
    ['', '*', true],
    ['', '', true],
    ['abc', 'a*c', true],
    ['ac', 'a*c', true],
    ['aba', 'ab*ba', false],
    ['abba', 'ab*ba', true],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false],
    ['abc', 'a?c', false],
    ['a**b', 'a**b', true],
  ] as const)
    assert.equal(matchesPattern(text, pattern), matches, `${text} ~ ${pattern}`);
  const letters = (most: number) => fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: most });
  const stars = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 7 });
  fc.assert(
    fc.property(letters(10), stars, (text, pattern) => {
      assert.equal(matchesPattern(text, pattern), matchesByTrying(text, pattern), `${text} ~ ${pattern}`);
    }),
    { seed: SEED, numRuns: 3000 },
  );
});
