import assert from 'node:assert/strict';
import { test } from 'node:test';
import { versionOf } from './version.ts';

test('header or query say the version, nothing says 0.3, and a patch number nothing', () => {
  assert.equal(versionOf('1.0', ''), '1.0');
  assert.equal(versionOf('1.0.1', ''), '1.0');
  assert.equal(versionOf(undefined, 'a=1&A2A-Version=1.0'), '1.0');
  assert.equal(versionOf('1.0', 'a2a-version=1.0'), '1.0');
  assert.equal(versionOf(undefined, ''), '0.3');
  assert.equal(versionOf('', ''), '0.3');
  assert.equal(versionOf(undefined, 'version=7'), '0.3');
});

test('what is malformed, repeated or contradicts itself is none', () => {
  for (const header of ['1', 'v1.0', '1.0, 1.0', '1.0;x', 'latest', '-1.0', '1.0.0.0', '1.١'])
    assert.equal(versionOf(header, ''), undefined, header);
  assert.equal(versionOf('1.0', 'A2A-Version=0.3'), undefined);
  assert.equal(versionOf(undefined, 'A2A-Version=1.0&a2a-version=0.3'), undefined);
  assert.equal(versionOf(undefined, 'A2A-V%65rsion=x'), undefined);
});
