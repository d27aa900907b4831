import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { seededBytes } from '../../test/fixtures/test-ports.ts';
import { Seal } from './seal.ts';

const seal = (key = 7, purpose = ''): Seal => new Seal(Buffer.alloc(32, key), seededBytes(key), purpose);

test('any text comes back as what was sealed, and is never sealed twice in the same way', () => {
  const sealing = seal();
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const sealed = sealing.seal(text);
      assert.match(sealed, /^[A-Za-z0-9_-]+$/);
      assert.equal(seal().open(sealed), text);
      assert.notEqual(sealing.seal(text), sealed);
    }),
    { seed: SEED, numRuns: 300 },
  );
});

test('a text of megabytes comes back', () => {
  const text = 'state '.repeat(700_000);
  assert.equal(seal().open(seal().seal(text)), text);
});

test('another key opens nothing, and neither does another purpose of the same key', () => {
  const sealed = seal().seal('secret');
  assert.equal(seal(8).open(sealed), undefined);
  assert.equal(seal(7, 'other').open(sealed), undefined);
  assert.equal(seal().for('other').open(sealed), undefined);
  assert.equal(seal().open(seal().for('other').seal('secret')), undefined);
  assert.equal(seal(7, 'other').open(seal().for('other').seal('secret')), 'secret');
});

test('any change makes a sealed text worthless: another bit, another length, another spelling of the same bytes', () => {
  const sealing = seal();
  const sealed = sealing.seal('secret');
  const bytes = Buffer.from(sealed, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(sealing.open(changed.toString('base64url')), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length += 1)
    assert.equal(sealing.open(sealed.slice(0, length)), undefined, `${length} letters`);
  for (const spelling of [
    `${sealed}=`,
    ` ${sealed}`,
    `${sealed}\n`,
    sealed.replace(/^./, '$&.'),
    `${sealed}A`,
  ])
    assert.equal(sealing.open(spelling), undefined, JSON.stringify(spelling));
});
