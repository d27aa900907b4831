import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { type TestExchange, testExchange } from '../../../test/fixtures/test-exchange.ts';
import type { Credential } from '../../core/identity.ts';
import { Cancel } from '../../lib/cancel.ts';
import { redact } from '../../observe/redact.ts';
import { backendAuthSchema } from './schema.ts';

const CLIENT = { tokenUrl: 'https://issuer.test/token', clientId: 'gw', clientSecret: 's3cret' };

function credentialsOf(config: unknown) {
  const bench = policyBench('backendAuth');
  const { credentials, mapping } = bench.build(config);
  assert.ok(credentials && !mapping);
  return { ...bench, credentials };
}

function passed(config: unknown, exchange: TestExchange): readonly string[] {
  const { mapping, credentials } = policyBench('backendAuth').build({ passthrough: config });
  assert.ok(mapping && !credentials);
  return mapping.map(exchange);
}

function proved(...credentials: readonly (readonly [Credential['kind'], string])[]): TestExchange {
  const exchange = testExchange({ headers: { authorization: 'Bearer own' } });
  exchange.credentials = credentials.map(([kind, value]) => ({ kind, value, place: 'somewhere' }));
  return exchange;
}

test('a key stands in the Authorization header, or where the configuration puts it', () => {
  const header = (name: string, prefix?: string) => ({ header: { name, prefix } });
  for (const [key, expected, place] of [
    ['k', ['authorization', 'Bearer k'], undefined],
    [{ value: 'k' }, ['authorization', 'Bearer k'], undefined],
    [{ value: 'k', location: header('X-Api-Key') }, ['x-api-key', 'k'], undefined],
    [{ value: 'k', location: header('authorization', 'Token ') }, ['authorization', 'Token k'], undefined],
    [{ value: 'k&', location: { queryParameter: { name: 'Key' } } }, ['Key', 'k&'], 'query'],
    [{ value: 'k', location: { cookie: { name: 'Key' } } }, ['Key', 'k'], 'cookie'],
  ] as const) {
    const { credentials } = credentialsOf({ key });
    assert.deepEqual(credentials.ready(undefined), expected);
    assert.deepEqual([credentials.names, credentials.place], [[expected[0]], place]);
    assert.equal(credentials.personal, false);
    assert.equal(credentials.refused(undefined, expected), false, 'there is no better one');
    assert.ok(!credentials.key.includes('k&') && credentials.key.length > 20);
  }
});

test('a key in a file is read again when it has changed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'backend-auth-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'key');
  await writeFile(file, 'first\n');
  for (const key of [{ file }, { value: { file } }]) {
    await writeFile(file, 'first\n');
    const { credentials, ports } = credentialsOf({ key });
    const first = credentials.ready(undefined) ?? [];
    assert.deepEqual(first, ['authorization', 'Bearer first']);
    await writeFile(file, 'the second');
    await ports.clock.advance(1000);
    assert.equal(credentials.refused(undefined, first), true);
    assert.deepEqual(await credentials.fetch(undefined, new Cancel()), [
      'authorization',
      'Bearer the second',
    ]);
    await writeFile(file, 'two\nlines');
    await ports.clock.advance(1000);
    assert.deepEqual(credentials.ready(undefined), ['authorization', 'Bearer the second']);
    assert.ok(ports.logged.some(({ level }) => level === 'warn'));
    assert.ok(!JSON.stringify(ports.logged).includes('lines'));
  }
});

test('what the client has proved itself with is passed on, by the scheme it came with', () => {
  assert.deepEqual(passed({}, proved(['apiKey', 'k'], ['jwt', 't'])), ['authorization', 'Bearer t']);
  assert.deepEqual(passed({}, proved(['apiKey', 'k'])), ['authorization', 'Bearer k']);
  assert.deepEqual(passed({}, proved(['basicAuth', 'YTpi'])), ['authorization', 'Basic YTpi']);
  const location = { header: { name: 'X-Token', prefix: 'jwt ' } };
  assert.deepEqual(passed({ location }, proved(['jwt', 't'])), ['x-token', 'jwt t']);
});

test('of a client that has proved nothing its own Authorization header goes on', () => {
  const own = (authorization?: string) => testExchange({ headers: { authorization } });
  const location = { header: { name: 'x-token' } };
  assert.deepEqual(passed({}, own('Digest a=b')), ['authorization', 'Digest a=b']);
  assert.deepEqual(passed({ location }, own('bearer  t')), ['x-token', 't']);
  assert.deepEqual(passed({ location }, own('Digest a=b')), []);
  assert.deepEqual(passed({}, own()), []);
});

test('places that say the same share one token, and a name without the secret', () => {
  const bench = policyBench('backendAuth');
  const build = (more = {}) =>
    bench.build({ oauthClientCredentials: { ...CLIENT, ...more } }, { place: JSON.stringify(more) })
      .credentials;
  const first = build();
  assert.ok(first && build({ clientAuth: 'basic' }) === first);
  assert.ok(!first.key.includes(CLIENT.clientSecret));
  for (const other of [
    { scopes: ['a'] },
    { clientSecret: 'other' },
    { audience: 'a' },
    { clientAuth: 'post' },
  ])
    assert.notEqual(build(other)?.key, first.key, JSON.stringify(other));
});

test('a secret that travels unencrypted is worth a warning, but not to this machine', () => {
  for (const [tokenUrl, warnings] of [
    ['https://issuer.test/t', 0],
    ['http://127.0.0.1:9/t', 0],
    ['http://issuer.test/t', 1],
  ] as const) {
    const { ports } = credentialsOf({ oauthClientCredentials: { ...CLIENT, tokenUrl } });
    assert.equal(ports.logged.filter(({ level }) => level === 'warn').length, warnings, tokenUrl);
  }
});

test('parameters of the token request are those that are written, each in one place', () => {
  const { tokenUrl, ...client } = CLIENT;
  const parse = (more: object) => backendAuthSchema.parse({ oauthClientCredentials: { ...client, ...more } });
  const written = {
    issuer: 'https://issuer.test',
    scopes: ['a', 'b'],
    audience: 'x',
    resource: 'https://r.test',
    additionalParams: { tenant: 5 },
  };
  assert.deepEqual(parse(written), {
    kind: 'clientCredentials',
    address: { issuer: 'https://issuer.test' },
    clientId: 'gw',
    clientSecret: 's3cret',
    clientAuth: 'basic',
    parameters: { scope: 'a b', audience: 'x', resource: 'https://r.test', tenant: '5' },
  });
  for (const wrong of [
    {},
    { tokenUrl, issuer: 'https://issuer.test' },
    { tokenUrl: 'ftp://x' },
    { tokenUrl: 'https://a:b@x/' },
    { tokenUrl: 'issuer' },
    { tokenUrl, scopes: ['a b'] },
    { tokenUrl, resource: 'r' },
    { tokenUrl, clientAuth: 'none' },
    { tokenUrl, additionalParams: { grant_type: 'password' } },
    { tokenUrl, additionalParams: { client_assertion: 'x' } },
    { tokenUrl, additionalParams: { scope: 'x' } },
    { tokenUrl, clientSecret: '' },
  ])
    assert.throws(() => parse(wrong), JSON.stringify(wrong));
});

test('exactly one kind, and nothing that cannot travel', () => {
  for (const wrong of [
    {},
    { key: 'k', passthrough: {} },
    { passthrough: {}, oauthClientCredentials: CLIENT },
    { gcp: {} },
    { key: '' },
    { key: 'two\r\nlines' },
    { key: 'käse' },
    { key: ' k' },
    { key: {} },
    { key: { value: 'a;b', location: { cookie: { name: 'c' } } } },
    { key: { value: 'k', location: { header: { name: 'mcp-session-id' } } } },
    { key: { value: 'k', location: { header: { name: 'host' } } } },
    { key: { value: 'k', location: { header: { name: 'Accept' } } } },
    { key: { value: 'k', location: {} } },
    { passthrough: { location: { queryParameter: { name: 'k' } } } },
    { passthrough: { location: { cookie: { name: 'k' } } } },
  ])
    assert.throws(() => backendAuthSchema.parse(wrong), JSON.stringify(wrong));
});

test('no secret of it survives redaction', () => {
  for (const config of [
    { key: 'S3CR3T' },
    { key: { value: 'S3CR3T', location: { header: { name: 'x' } } } },
    {
      oauthClientCredentials: { ...CLIENT, clientSecret: 'S3CR3T', additionalParams: { password: 'S3CR3T' } },
    },
  ]) {
    const dumped = JSON.stringify(redact({ backendAuth: backendAuthSchema.parse(config) }));
    assert.ok(!dumped.includes('S3CR3T'), dumped);
  }
});
