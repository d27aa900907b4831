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
