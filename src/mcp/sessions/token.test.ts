import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { seededBytes } from '../../../test/fixtures/test-ports.ts';
import { Seal } from '../../lib/seal.ts';
import { fingerprint, type Locator, MAX_TOKEN, TokenSeal } from './token.ts';

const seal = (key = 7): TokenSeal => new TokenSeal(new Seal(Buffer.alloc(32, key), seededBytes(key)));

const LOCATOR: Locator = {
  sid: 'c2Vzc2lvbi1pZC0xMjM0NQ',
  owner: 'owner123',
  backend: fingerprint('3000/default/mcp[0]'),
  subject: fingerprint('alice'),
  issued: Date.UTC(2026, 0, 1),
  version: '2025-11-25',
  capabilities: '{"roots":{"listChanged":true},"sampling":{}}',
  info: '{"name":"client","version":"1.0"}',
};

test('a token comes back as what was sealed', () => {
  const token = seal().seal(LOCATOR);
  assert.match(token, /^[A-Za-z0-9_-]+$/);
  assert.deepEqual(seal().open(token), LOCATOR);
  assert.notEqual(seal().seal(LOCATOR), seal(8).seal(LOCATOR));
});

test('two tokens of the same session differ, and neither can be read', () => {
  const sealing = seal();
  const [one, other] = [sealing.seal(LOCATOR), sealing.seal(LOCATOR)];
  assert.notEqual(one, other);
  assert.doesNotMatch(Buffer.from(one as string, 'base64url').toString('latin1'), /client|sampling|2025/);
});

test('any change to a token makes it worthless, also one that base64 readers overlook', () => {
  const sealing = seal();
  const token = sealing.seal(LOCATOR);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let at = 0; at < token.length; at += 1) {
    for (const letter of at > token.length - 3 ? alphabet : 'Az') {
      if (letter === token[at]) continue;
      const changed = token.slice(0, at) + letter + token.slice(at + 1);
      assert.equal(sealing.open(changed), undefined, `${letter} at ${at} of ${token.length}`);
    }
  }
  for (const changed of [
    token.slice(1),
    token.slice(0, -1),
    `${token}A`,
    `${token}=`,
    ` ${token}`,
    `${token}\n`,
  ])
    assert.equal(sealing.open(changed), undefined);
});

test('another key, or no token at all, opens nothing', () => {
  assert.equal(seal(8).open(seal(7).seal(LOCATOR)), undefined);
  for (const text of [
    '',
    'x',
    'A'.repeat(48),
    'A'.repeat(512),
    'A'.repeat(513),
    '../../etc/passwd'.repeat(5),
  ])
    assert.equal(seal().open(text), undefined);
});

test('a token is never longer than 512 characters: long names go first, then what a session elsewhere would need', () => {
  const long = seal().seal({ ...LOCATOR, info: JSON.stringify({ name: 'x'.repeat(300), version: '1' }) });
  assert.ok(long.length <= MAX_TOKEN);
  const { info, ...rest } = seal().open(long) as Locator;
  assert.equal(info, '{"name":"mcp-client","version":"0"}');
  assert.deepEqual({ ...rest, info: LOCATOR.info }, LOCATOR);
  const huge = seal().seal({
    ...LOCATOR,
    capabilities: JSON.stringify({ experimental: { x: 'y'.repeat(5000) } }),
  });
  assert.ok(huge.length <= MAX_TOKEN);
  assert.deepEqual(seal().open(huge), { ...LOCATOR, capabilities: '', info: '' });
});

test('whatever a client calls itself, its token fits and comes back', () => {
  const text = fc.string({ maxLength: 200, unit: 'grapheme' });
  const sealing = seal();
  fc.assert(
    fc.property(text, text, (name, capability) => {
      const info = JSON.stringify({ name, version: '1' });
      const capabilities = JSON.stringify({ [capability]: {} });
      const token = sealing.seal({ ...LOCATOR, info, capabilities });
      assert.ok(token.length <= MAX_TOKEN);
      const opened = sealing.open(token);
      assert.equal(opened?.sid, LOCATOR.sid);
      assert.ok([capabilities, ''].includes(opened?.capabilities ?? '?'));
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test('a fingerprint is short, stable and says nothing; nobody has none', () => {
  assert.equal(fingerprint(''), '');
  assert.match(fingerprint('alice'), /^[A-Za-z0-9_-]{16}$/);
  assert.equal(fingerprint('alice'), fingerprint('alice'));
  assert.notEqual(fingerprint('alice'), fingerprint('alicf'));
});
