import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { exposeName, exposeUri, isShown, resolveUri } from './naming.ts';

const ACCEPTED = /^[A-Za-z0-9_.-]+$/;

const target = fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,20}[A-Za-z0-9])?$/);
const prefix = fc.oneof(
  fc.constant(''),
  target.map((name) => `${name}_`),
);
const limit = fc.integer({ min: 16, max: 256 });
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.-]{1,100}$/),
  fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }),
  fc.constantFrom('a/b', 'a b', 'ünïcode', '漢字', '__proto__', 'x'.repeat(500)),
);

test('a name that clients accept stays, behind its prefix', () => {
  assert.equal(exposeName('read_file', { prefix: '', limit: 64 }), 'read_file');
  assert.equal(exposeName('read_file', { prefix: 'files_', limit: 64 }), 'files_read_file');
  assert.equal(exposeName('x'.repeat(64), { prefix: '', limit: 64 }), 'x'.repeat(64));
});

test('a name that is too long or has other characters keeps its head and ends in a hash of the whole', () => {
  const long = exposeName('x'.repeat(65), { prefix: '', limit: 64 });
  assert.match(long, /^x{55}_[0-9a-f]{8}$/);
  assert.match(exposeName('read file/now', { prefix: 'a_', limit: 64 }), /^a_read-file-now_[0-9a-f]{8}$/);
});

test('every exposed name is within its budget, of accepted characters, and the same each time', () => {
  fc.assert(
    fc.property(name, prefix, limit, (native, before, most) => {
      const exposed = exposeName(native, { prefix: before, limit: most });
      assert.ok(exposed.length <= most, exposed);
      assert.match(exposed, ACCEPTED);
      assert.equal(exposeName(native, { prefix: before, limit: most }), exposed);
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test('names that differ look different, however alike their heads are', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 2, maxLength: 20 }),
      prefix,
      limit,
      (natives, before, most) => {
        const exposed = natives.map((native) => exposeName(native, { prefix: before, limit: most }));
        assert.equal(new Set(exposed).size, natives.length);
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
  const tails = Array.from({ length: 1000 }, (_, at) =>
    exposeName(`${'x'.repeat(80)}${at}`, { prefix: 'a_', limit: 64 }),
  );
  assert.equal(new Set(tails).size, 1000);
});

test('include limits what is shown, and exclude wins over it', () => {
  assert.equal(isShown('read', undefined), true);
  assert.equal(isShown('read', {}), true);
  assert.equal(isShown('read', { include: ['read*'] }), true);
  assert.equal(isShown('write', { include: ['read*'] }), false);
  assert.equal(isShown('write', { include: [] }), false);
  assert.equal(isShown('read_all', { include: ['read*'], exclude: ['*_all'] }), false);
  assert.equal(isShown('write', { exclude: ['read*'] }), true);
});

test('a URI comes back from its exposed form with its target', () => {
  assert.equal(exposeUri('file:///a+b', 'files'), 'files+file:///a+b');
  assert.equal(exposeUri('ui://app/main', 'files'), 'ui://files+app/main');
  assert.deepEqual(resolveUri('files+file:///a+b'), { target: 'files', uri: 'file:///a+b' });
  assert.deepEqual(resolveUri('ui://files+app/main'), { target: 'files', uri: 'ui://app/main' });
  assert.equal(resolveUri('file:///a'), undefined);
  assert.equal(resolveUri('ui://a'), undefined);
  const uri = fc.oneof(
    fc.webUrl(),
    fc.string(),
    fc.string().map((rest) => `ui://${rest}`),
  );
  fc.assert(
    fc.property(uri, target, (native, name) => {
      assert.deepEqual(resolveUri(exposeUri(native, name)), { target: name, uri: native });
    }),
    { seed: SEED, numRuns: 1000 },
  );
});
