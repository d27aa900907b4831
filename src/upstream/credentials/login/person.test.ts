import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personOf } from './person.ts';

test('people recognise themselves, however they were authenticated', () => {
  for (const [principal, person] of [
    ['jwt:https://idp.example|ann', 'ann (of https://idp.example)'],
    ['jwt:https://idp.example|auth0|ann', 'auth0|ann (of https://idp.example)'],
    ['jwt-client:https://idp.example|ci', 'client ci (of https://idp.example)'],
    ['jwt-token:abc', 'the owner of token abc'],
    ['basic:ann', 'ann'],
    ['key:abc', 'the owner of API key abc'],
    ['tls:abc', 'the owner of certificate abc'],
    ['something else', 'something else'],
  ] as const)
    assert.equal(personOf(principal), person);
});

test('a name neither hides nor turns around what stands beside it, and is no place for sentences', () => {
  const bidi = personOf('jwt:https://idp.example|\u202emoc.live\u2066\u200b\n');
  assert.equal(bidi, `\ufffdmoc.live${'\ufffd'.repeat(3)} (of https://idp.example)`);
  const long = personOf(`jwt:https://idp.example|${'you '.repeat(1000)}`);
  assert.ok(long.length < 250 && long.endsWith('… (of https://idp.example)'), long);
});
