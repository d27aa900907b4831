import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutHeaders } from './outgoing.ts';

test('a header is taken away however it is spelled, and with it the one that has underscores', () => {
  const headers = ['X-User', 'a', 'x_user', 'b', 'X-Users', 'c', 'x_kept', 'd'];
  assert.deepEqual(withoutHeaders(headers, ['x-user']), ['X-Users', 'c', 'x_kept', 'd']);
  assert.deepEqual(withoutHeaders(headers, ['x_kept']), headers.slice(0, 6));
});
