import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled, testPorts } from '../../test/fixtures/test-ports.ts';
import { LIMITS } from '../core/limits.ts';
import { endpointOf, issuerPlaces, parseIssuerMetadata, remoteMetadata } from './issuer-metadata.ts';

const ISSUER = 'https://as.test/tenant';
const GOOD = JSON.stringify({ issuer: ISSUER, jwks_uri: 'https://keys.test/jwks' });
const [OAUTH, OPENID, APPENDED] = issuerPlaces(ISSUER).places;

test('metadata stands where the MCP specification has clients look, in that order', () => {
  assert.deepEqual(issuerPlaces(ISSUER).places, [
    'https://as.test/.well-known/oauth-authorization-server/tenant',
    'https://as.test/.well-known/openid-configuration/tenant',
    'https://as.test/tenant/.well-known/openid-configuration',
  ]);
  assert.deepEqual(issuerPlaces('https://as.test/').places, [
    'https://as.test/.well-known/oauth-authorization-server',
    'https://as.test/.well-known/openid-configuration',
  ]);
});

describe('a document', () => {
  const problems: readonly [string, RegExp][] = [
    ['<!doctype html>', /is not JSON/],
    ['[]', /is not an object/],
    ['null', /is not an object/],
    ['{}', /of another issuer/],
    [JSON.stringify({ issuer: `${ISSUER}/` }), /of another issuer/],
    [JSON.stringify({ issuer: [ISSUER] }), /of another issuer/],
    [`{"issuer":"${ISSUER}","x":"${'x'.repeat(LIMITS.keySetBytes.value)}"}`, /longer than/],
  ];
  for (const [text, expected] of problems)
    test(`is not believed: ${String(expected)} ${text.slice(0, 30)}`, () => {
      assert.throws(() => parseIssuerMetadata(text, ISSUER), expected);
    });

  test('says nothing of itself in messages', () => {
    assert.throws(
      () => parseIssuerMetadata('{"issuer":"https://evil.test"}', ISSUER),
      (error: Error) => !error.message.includes('evil'),
    );
  });
});

describe('an endpoint', () => {
  const of = (value: unknown, issuer = ISSUER) =>
    endpointOf({ issuer, document: { token_endpoint: value } }, 'token_endpoint');

  test('may lie on another host, and may be missing', () => {
    assert.equal(of('https://login.test/token?x=1'), 'https://login.test/token?x=1');
    assert.equal(of(undefined), undefined);
    assert.equal(of('http://localhost:2/token', 'http://127.0.0.1:1'), 'http://localhost:2/token');
    assert.equal(of('https://10.0.0.2/token', 'https://10.0.0.1'), 'https://10.0.0.2/token');
  });

  test('is neither less protected than the issuer nor in a network the issuer is not part of', () => {
    for (const value of [
      'http://as.test/token',
      'ftp://as.test/token',
      'file:///etc/passwd',
      '/token',
      7,
      '',
      'https://user:pw@as.test/token',
      'https://as.test/token#x',
      'https://169.254.169.254/latest/meta-data',
      'https://127.0.0.1:8443/',
      'https://[::1]/',
      'https://[::ffff:a9fe:a9fe]/',
      'https://2130706433/',
      'https://localhost/',
      'https://metadata.google.internal/',
    ])
      assert.throws(() => of(value), { code: 'ISSUER_UNAVAILABLE' }, String(value));
  });
});

describe('metadata behind addresses', () => {
  const remote = (answers: Readonly<Record<string, string | Error>>) => {
    const ports = testPorts();
    const asked: string[] = [];
    const found = { answers };
    const textAt = (url: string) => async () => {
      asked.push(url);
      const answer = found.answers[url] ?? new Error('answered with status 404');
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const metadata = remoteMetadata(issuerPlaces(ISSUER), { ports, textAt });
    return { metadata, asked, ports, found };
  };

  test('is taken from the first place that has a document of the issuer', async () => {
    const foreign = JSON.stringify({ issuer: 'https://evil.test' });
    const { metadata, asked } = remote({
      [OAUTH ?? '']: '<html>',
      [OPENID ?? '']: foreign,
      [APPENDED ?? '']: GOOD,
    });
    assert.equal((await metadata.current()).issuer, ISSUER);
    assert.deepEqual(asked, [OAUTH, OPENID, APPENDED]);
  });

  test('is asked for once by all who wait, then not for a while, and serves on when it cannot be had', async () => {
    const { metadata, asked, ports, found } = remote({ [OAUTH ?? '']: GOOD });
    const all = await Promise.all([metadata.current(), metadata.current()]);
    assert.deepEqual([new Set(all).size, asked.length], [1, 1]);
    found.answers = {};
    await ports.clock.advance(LIMITS.keySetAge.value);
    assert.equal(await metadata.current(), all[0]);
    await settled();
    assert.equal(asked.length, 4);
    assert.equal(await metadata.current(), all[0]);
    await ports.clock.advance(LIMITS.keySetStale.value);
    await assert.rejects(Promise.resolve(metadata.current()), { code: 'ISSUER_UNAVAILABLE' });
  });

  test('that cannot be had is not asked for by every request', async () => {
    const { metadata, asked, ports } = remote({});
    for (let count = 0; count < 3; count += 1)
      await assert.rejects(Promise.resolve(metadata.current()), { code: 'ISSUER_UNAVAILABLE' });
    assert.equal(asked.length, 3);
    assert.match(JSON.stringify(ports.logged), /metadata of an issuer cannot be fetched/);
  });
});
