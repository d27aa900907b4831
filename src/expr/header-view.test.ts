import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderView } from './header-view.ts';

const headers = new HeaderView([
  ...['Single', 'z'],
  ...['Multi', 'a,b'],
  ...['multi', 'c'],
  ...['Authorization', 'Bearer token'],
  ...['Cookie', 'session=abc; theme="light"'],
  ...['Cookie', 'session=def; empty='],
]);

test('a header is found in any case, as one text or as a list', () => {
  assert.equal(headers.get('single'), 'z');
  assert.equal(headers.get('SINGLE'), 'z');
  assert.deepEqual(headers.get('multi'), ['a,b', 'c']);
  assert.equal(headers.get('missing'), undefined);
  assert.deepEqual(headers.names(), ['single', 'multi', 'authorization', 'cookie']);
});

test('views join and split values; the last one wins', () => {
  assert.equal(headers.as('join').get('multi'), 'a,b,c');
  assert.deepEqual(headers.as('raw').get('single'), ['z']);
  assert.deepEqual(headers.as('split').get('multi'), ['a', 'b', 'c']);
  assert.equal(headers.as('raw').as('join').get('multi'), 'a,b,c');
});

test('the redacted view hides what is sensitive, in every shape', () => {
  assert.equal(headers.redacted().get('authorization'), '<redacted>');
  assert.deepEqual(headers.redacted().as('raw').get('authorization'), ['<redacted>']);
  assert.deepEqual(headers.redacted().get('cookie'), ['<redacted>', '<redacted>']);
  assert.equal(headers.redacted().get('single'), 'z');
  assert.equal(headers.redacted().cookie('session'), undefined);
});

test('cookies are found in all headers, the first one counts', () => {
  assert.equal(headers.cookie('session'), 'abc');
  assert.equal(headers.cookie('theme'), 'light');
  assert.equal(headers.cookie('empty'), '');
  assert.equal(headers.cookie('sess'), undefined);
});
