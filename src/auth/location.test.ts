import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type TestExchange, testExchange } from '../../test/fixtures/test-exchange.ts';
import { credentialPlace, type Location } from './location.ts';

const BEARER: Location = { kind: 'header', name: 'authorization', prefix: 'Bearer ' };

/** An exchange with headers as they came: names in any case, repeated ones. */
function arrived(rawHeaders: readonly string[], query = ''): TestExchange {
  const exchange = testExchange({ path: '/p', query });
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const headers = exchange.headers as Record<string, string>;
    headers[(rawHeaders[at] as string).toLowerCase()] ??= rawHeaders[at + 1] as string;
  }
  exchange.rawHeaders = rawHeaders;
  return exchange;
}

const find = (location: Location, exchange: TestExchange) => credentialPlace(location).find(exchange);
const ambiguous = { code: 'UNAUTHENTICATED', message: /more than one/ };

describe('a credential in a header', () => {
  test('stands behind its prefix, whose case does not matter where it is a scheme', () => {
    for (const value of ['Bearer t', 'bearer t', 'BEARER  t'])
      assert.equal(find(BEARER, arrived(['Authorization', value])), 't', value);
  });

  test('is not there where the prefix is another, or nothing follows it', () => {
    for (const value of ['Basic t', 'Bearer', 'Bearer ', 't', '', 'Bearert'])
      assert.equal(find(BEARER, arrived(['authorization', value])), undefined, value);
    assert.equal(find(BEARER, arrived([])), undefined);
  });

  test('may have no prefix, or one that is no scheme and is compared as it is', () => {
    const bare: Location = { kind: 'header', name: 'X-Api-Key', prefix: '' };
    assert.equal(find(bare, arrived(['x-api-key', 'k y'])), 'k y');
    const exact: Location = { kind: 'header', name: 'x-api-key', prefix: 'Key:' };
    assert.equal(find(exact, arrived(['x-api-key', 'Key:k'])), 'k');
    assert.equal(find(exact, arrived(['x-api-key', 'key:k'])), undefined);
  });

  test('is refused when the header comes twice with different values, in whatever case', () => {
    const twice = arrived(['Authorization', 'Bearer a', 'AUTHORIZATION', 'Bearer b']);
    assert.throws(() => find(BEARER, twice), ambiguous);
    assert.throws(
      () => find(BEARER, arrived(['authorization', 'Basic x', 'authorization', 'Bearer b'])),
      ambiguous,
    );
    assert.equal(find(BEARER, arrived(['authorization', 'Bearer a', 'authorization', 'Bearer a'])), 'a');
  });

  test('is taken out in every spelling, and nothing else is', () => {
    const exchange = arrived([
      'X-A',
      '1',
      'AUTHORIZATION',
      'Bearer t',
      'x-a',
      '2',
      'authorization',
      'Bearer t',
    ]);
    credentialPlace(BEARER).remove(exchange);
    assert.deepEqual(exchange.rawHeaders, ['X-A', '1', 'x-a', '2']);
    assert.equal(exchange.headers['authorization'], undefined);
    assert.equal(exchange.headers['x-a'], '1');
  });
});

describe('a credential in the query', () => {
  const place: Location = { kind: 'query', name: 'access_token' };

  test('is found and decoded as the upstream would', () => {
    assert.equal(find(place, arrived([], 'a=1&access_token=x%2By&b=2')), 'x+y');
    assert.equal(find(place, arrived([], 'access%5Ftoken=t')), 't');
    assert.equal(find(place, arrived([], 'access_token=a+b')), 'a b');
    assert.equal(find(place, arrived([], 'access_token=%zz')), '%zz');
  });

  test('is not there where it is empty or called otherwise', () => {
    for (const query of ['', 'access_token', 'access_token=', 'Access_token=t', 'xaccess_token=t'])
      assert.equal(find(place, arrived([], query)), undefined, query);
  });

  test('is refused when two differ, however they are spelled', () => {
    assert.throws(() => find(place, arrived([], 'access_token=a&access%5ftoken=b')), ambiguous);
  });

  test('is taken out of the URL; every other byte stays', () => {
    const exchange = arrived([], 'b=%20+&access_token=t&a&access%5Ftoken=t&c==');
    credentialPlace(place).remove(exchange);
    assert.deepEqual([exchange.url, exchange.query], ['/p?b=%20+&a&c==', 'b=%20+&a&c==']);
    const alone = arrived([], 'access_token=t');
    credentialPlace(place).remove(alone);
    assert.deepEqual([alone.url, alone.query], ['/p', '']);
  });
});

describe('a credential in a cookie', () => {
  const place: Location = { kind: 'cookie', name: 'sid' };

  test('is found in any of the Cookie headers, with or without quotes', () => {
    assert.equal(find(place, arrived(['cookie', 'a=1; sid=t; b=2'])), 't');
    assert.equal(find(place, arrived(['cookie', 'a=1', 'Cookie', 'sid="t"'])), 't');
    assert.equal(find(place, arrived(['cookie', 'sid=a=b'])), 'a=b');
    assert.equal(find(place, arrived(['cookie', 'xsid=t; sidx=t; SID=t'])), undefined);
  });

  test('is refused when two differ', () => {
    assert.throws(() => find(place, arrived(['cookie', 'sid=a; sid=b'])), ambiguous);
    assert.throws(() => find(place, arrived(['cookie', 'sid=a', 'cookie', ' sid =b'])), ambiguous);
  });

  test('is taken out; other cookies stay, and no empty header does', () => {
    const exchange = arrived(['cookie', 'sid=t', 'x', 'y', 'Cookie', 'a=1; sid=t; b=2']);
    credentialPlace(place).remove(exchange);
    assert.deepEqual(exchange.rawHeaders, ['x', 'y', 'Cookie', 'a=1; b=2']);
    assert.equal(exchange.headers['cookie'], 'a=1; b=2');
    const alone = arrived(['cookie', 'sid=t']);
    credentialPlace(place).remove(alone);
    assert.deepEqual([alone.rawHeaders, alone.headers['cookie']], [[], undefined]);
  });
});
