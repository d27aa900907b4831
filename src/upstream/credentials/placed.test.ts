import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCredentials } from './placed.ts';

const request = (path: string, ...headers: string[]) => ({ path, headers });

test('headers take the place of those of the client, however it spells them', () => {
  const credentials = { names: ['x-api-key'] };
  const made = withCredentials(
    request('/a?x-api-key=1', 'X-API-Key', 'mine', 'accept', '*/*', 'x-api-key', 'too'),
    credentials,
    ['x-api-key', 'own'],
  );
  assert.deepEqual(made, request('/a?x-api-key=1', 'accept', '*/*', 'x-api-key', 'own'));
});

test('query parameters take the place of those of the client, however it spells them', () => {
  const credentials = { place: 'query', names: ['api key'] } as const;
  for (const [path, expected] of [
    ['/a', '/a?api%20key=o%26n'],
    ['/a?', '/a?api%20key=o%26n'],
    ['/a?b=1&b=%zz', '/a?b=1&b=%zz&api%20key=o%26n'],
    ['/a?api+key=x&b=1&api%20key&a%70i%20key=y&', '/a?b=1&api%20key=o%26n'],
    ['/a?api+keys=x', '/a?api+keys=x&api%20key=o%26n'],
    ['/a?b=?api+key=x', '/a?b=?api+key=x&api%20key=o%26n'],
  ] as const)
    assert.deepEqual(withCredentials(request(path, 'a', 'b'), credentials, ['api key', 'o&n']), {
      path: expected,
      headers: ['a', 'b'],
    });
});

test('cookies take the place of those of the client, and leave it the others', () => {
  const credentials = { place: 'cookie', names: ['key'] } as const;
  const made = withCredentials(
    request('/a', 'Cookie', 'a=1; key=mine; b=2;', 'x', 'y', 'cookie', ' key =too; keys=3'),
    credentials,
    ['key', 'own'],
  );
  assert.deepEqual(made, request('/a', 'x', 'y', 'cookie', 'a=1; b=2; keys=3; key=own'));
  assert.deepEqual(withCredentials(request('/a'), credentials, ['key', 'own']).headers, [
    'cookie',
    'key=own',
  ]);
});
