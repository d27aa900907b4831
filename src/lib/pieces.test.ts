import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { Pieces } from './pieces.ts';

describe('Pieces', () => {
  it('gives back what was appended, in order, as often as it is filled', () => {
    const sizes = fc.array(
      fc.oneof(fc.nat(20), fc.integer({ min: 250, max: 260 }), fc.integer({ min: 1, max: 9000 })),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(sizes, sizes, (first, second) => {
        const pieces = new Pieces();
        for (const round of [first, second]) {
          const chunks = round.map((size, index) => Buffer.alloc(size, index + 1));
          for (const chunk of chunks) pieces.append(chunk);
          const expected = Buffer.concat(chunks);
          assert.equal(pieces.size, expected.length);
          assert.ok(pieces.take().equals(expected));
          assert.equal(pieces.size, 0);
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('loses no byte where small pieces meet', () => {
    for (let size = 1; size < 300; size++) {
      const pieces = new Pieces();
      for (let count = 0; count < 30; count++) pieces.append(Buffer.alloc(size, count));
      assert.ok(
        pieces
          .take()
          .equals(Buffer.concat(Array.from({ length: 30 }, (_, count) => Buffer.alloc(size, count)))),
      );
    }
  });

  it('keeps one large piece as it is, and small ones safe from whoever reuses their memory', () => {
    const large = Buffer.alloc(600, 1);
    const pieces = new Pieces();
    pieces.append(large);
    assert.equal(pieces.take(), large);
    const small = Buffer.from('abc');
    pieces.append(small);
    small.fill(0);
    assert.equal(pieces.take().toString(), 'abc');
  });

  it('is empty after clear', () => {
    const pieces = new Pieces();
    pieces.append(Buffer.from('abc'));
    pieces.append(Buffer.alloc(600));
    pieces.clear();
    assert.equal(pieces.size, 0);
    assert.equal(pieces.take().length, 0);
  });
});
