/** Identity providers that the gateway adapts: what they say goes by its name, and what strangers can do with that. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Doors } from '../fixtures/doors.ts';
import {
  AUDIENCE,
  guardedPlace as open,
  type GuardedPlace as Place,
  PROTECTED,
  SERVER,
} from '../fixtures/guarded-place.ts';
import { get } from './http-harness.ts';

describe('an adapted provider', () => {
  const keycloak = { provider: 'keycloak' };

  test('is served under the name of the resource, at every place of an authorization server', async (t) => {
    const { issuer, doors, document } = await open(t, keycloak);
    const self = `http://127.0.0.1:${doors.port}/mcp`;
    assert.deepEqual((await document(`${PROTECTED}/mcp`))['authorization_servers'], [self]);
    for (const place of [
      `${SERVER}/mcp`,
      '/.well-known/openid-configuration/mcp',
      '/mcp/.well-known/openid-configuration',
    ]) {
      const found = await document(place);
      assert.equal(found['issuer'], self, place);
      assert.equal(found['token_endpoint'], `${issuer.origin}/token`);
      assert.equal(
        found['registration_endpoint'],
        `http://127.0.0.1:${doors.port}${SERVER}/mcp/client-registration`,
      );
    }
    const asked = issuer.asked.length;
    await document(`${SERVER}/mcp`);
    assert.equal(issuer.asked.length, asked, 'asked for once');
  });

  const register = (doors: Doors, body: string, headers: Record<string, string> = {}) =>
    get(doors.port, {
      method: 'POST',
      path: `${SERVER}/mcp/client-registration`,
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });

  test('registers clients through the gateway, which passes on the JSON and nothing else', async (t) => {
    const { issuer, doors } = await open(t, keycloak);
    issuer.answers['/register'] = {
      status: 201,
      headers: { 'set-cookie': 'a=b', 'access-control-allow-origin': 'https://evil.test' },
      body: '{"client_id":"c1"}',
    };
    const body = '{ "redirect_uris": ["https://app.test/cb"] }';
    const got = await register(doors, body, {
      authorization: 'Bearer x',
      cookie: 'c=d',
      origin: 'http://localhost:1',
    });
    assert.deepEqual([got.status, got.body], [201, '{"client_id":"c1"}']);
    assert.deepEqual(
      [got.headers['set-cookie'], got.headers['access-control-allow-origin']],
      [undefined, '*'],
    );
    const [asked] = issuer.of('/register');
    assert.deepEqual(JSON.parse(asked?.body ?? ''), JSON.parse(body));
    assert.deepEqual([asked?.headers['authorization'], asked?.headers['cookie']], [undefined, undefined]);
  });

  test('is spared what is no registration, and clients are spared what is no answer', async (t) => {
    const { issuer, doors } = await open(t, keycloak);
    assert.equal((await register(doors, 'x'.repeat(65 * 1024))).status, 413);
    assert.equal((await register(doors, '[]')).status, 400);
    assert.equal((await register(doors, '{')).status, 400);
    assert.equal((await register(doors, '{}', { 'content-type': 'text/plain' })).status, 400);
    assert.deepEqual(issuer.of('/register'), []);
    issuer.answers['/register'] = { status: 302, headers: { location: 'http://169.254.169.254/' }, body: '' };
    assert.equal((await register(doors, '{}')).status, 503);
    issuer.answers['/register'] = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' };
    assert.equal((await register(doors, '{}')).status, 503);
    issuer.answers['/register'] = { status: 400, body: '{"error":"invalid_redirect_uri"}' };
    assert.equal((await register(doors, '{}')).status, 400);
  });

  test('that clients of 2026-07-28 will refuse is warned of', async (t) => {
    const { issuer, doors, document } = await open(t, keycloak);
    issuer.says({ authorization_response_iss_parameter_supported: true });
    await document(`${SERVER}/mcp`);
    await document(`${SERVER}/mcp`);
    const warnings = doors.ports.logged.filter(({ message }) => /RFC 9207/.test(message));
    assert.equal(warnings.length, 1);
  });

  test('with a client of its own gives that to those who are sent back to their own machine', async (t) => {
    const config = { provider: 'okta', clientId: 'shared', redirectUris: ['https://app.test/cb'] };
    const { issuer, doors } = await open(t, config);
    const redirects = (...uris: unknown[]) => register(doors, JSON.stringify({ redirect_uris: uris }));
    const got = await redirects('http://localhost:3118/cb', 'https://app.test/cb');
    assert.equal(got.status, 201);
    const { client_id: id, token_endpoint_auth_method: method, redirect_uris: uris } = JSON.parse(got.body);
    assert.deepEqual([id, method, uris.length], ['shared', 'none', 2]);
    for (const uri of ['https://evil.test/cb', 'http://localhost@evil.test/', 'https://app.test/cb/', 7]) {
      const { status, body } = await redirects('http://localhost:1/', uri);
      assert.deepEqual([status, JSON.parse(body).error], [400, 'invalid_redirect_uri'], String(uri));
    }
    assert.equal((await redirects()).status, 400);
    assert.deepEqual(issuer.of('/register'), []);
  });
});

describe('entra', () => {
  const SECRET = 'the-secret-of-the-app';
  const config = { provider: { entra: {} }, clientId: 'app', clientSecret: SECRET };
  const AUTHORIZE = {
    client_id: 'app',
    response_type: 'code',
    redirect_uri: 'http://localhost:3118/cb',
    code_challenge: 'c',
    code_challenge_method: 'S256',
    resource: AUDIENCE,
    scope: 'a',
    state: 's',
  };
  const entra = (t: TestContext) => open(t, config, { path: '/tenant/v2.0' });
  const authorize = ({ doors }: Place, query: string) =>
    get(doors.port, { path: `${SERVER}/mcp/authorize?${query}` });
  const query = (changes: Record<string, string | undefined>): string => {
    const all = Object.entries({ ...AUTHORIZE, ...changes });
    return new URLSearchParams(
      all.filter((pair): pair is [string, string] => pair[1] !== undefined),
    ).toString();
  };

  test('sends the browser on without the resource, never unseen', async (t) => {
    const place = await entra(t);
    const found = await place.document(`${SERVER}/mcp`);
    const base = `http://127.0.0.1:${place.doors.port}${SERVER}/mcp`;
    assert.deepEqual(
      [found['authorization_endpoint'], found['token_endpoint'], found['code_challenge_methods_supported']],
      [`${base}/authorize`, `${base}/token`, ['S256']],
    );
    const more = {
      prompt: 'none',
      request: 'x.y.z',
      request_uri: 'https://evil.test/',
      Redirect_URI: 'https://evil.test/',
    };
    const got = await authorize(place, query(more));
    assert.equal(got.status, 302);
    const { origin, pathname, searchParams } = new URL(got.headers.location ?? '');
    assert.deepEqual([origin, pathname], [place.issuer.origin, '/authorize']);
    const { resource: _, ...kept } = AUTHORIZE;
    assert.deepEqual(Object.fromEntries(searchParams), { ...kept, prompt: 'select_account' });
  });

  test('is no open redirect, and sends nobody on for a stranger', async (t) => {
    const place = await entra(t);
    const wrong = [
      query({ redirect_uri: 'https://evil.test/' }),
      query({ redirect_uri: undefined }),
      query({ redirect_uri: 'http://localhost\\@evil.test/' }),
      `${query({})}&redirect_uri=https%3A%2F%2Fevil.test%2F`,
      query({ client_id: 'other' }),
      query({ client_id: undefined }),
      query({ response_type: 'token' }),
      query({ code_challenge: undefined }),
      query({ code_challenge_method: 'plain' }),
      '',
    ];
    for (const one of wrong) {
      const { status, headers } = await authorize(place, one);
      assert.deepEqual([status, headers.location], [400, undefined], one);
    }
  });

  const ask = (
    { doors }: Place,
    form: Record<string, string> | string,
    type = 'application/x-www-form-urlencoded',
  ) =>
    get(doors.port, {
      method: 'POST',
      path: `${SERVER}/mcp/token`,
      headers: { 'content-type': type, authorization: 'Basic eDp5', cookie: 'a=b' },
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    });
  const CODE = {
    grant_type: 'authorization_code',
    client_id: 'app',
    code: 'k',
    code_verifier: 'v',
    resource: AUDIENCE,
  };

  test('gets the secret for codes and refresh tokens of its own client, and only for these', async (t) => {
    const place = await entra(t);
    const { issuer } = place;
    issuer.answers['/token'] = { body: '{"access_token":"x"}' };
    for (const form of [CODE, { grant_type: 'refresh_token', client_id: 'app', refresh_token: 'r' }]) {
      const more = { GRANT_TYPE: 'client_credentials', client_assertion: 'x' };
      assert.equal((await ask(place, { ...form, ...more })).status, 200);
      const { body, headers } = issuer.of('/token').at(-1) ?? {};
      const { resource: _, ...kept } = form as Record<string, string>;
      assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), { ...kept, client_secret: SECRET });
      assert.deepEqual([headers?.['authorization'], headers?.['cookie']], [undefined, undefined]);
    }
    const before = issuer.of('/token').length;
    const { code_verifier: _, ...unproved } = CODE;
    for (const form of [
      { grant_type: 'client_credentials', client_id: 'app' },
      { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', client_id: 'app' },
      { ...CODE, client_id: 'other' },
      { grant_type: 'authorization_code' },
      unproved,
      `${new URLSearchParams(CODE)}&grant_type=client_credentials`,
      {},
    ]) {
      const { status, body } = await ask(place, form as Record<string, string>);
      assert.ok(status === 400 || status === 401, JSON.stringify(form));
      assert.doesNotMatch(body, new RegExp(SECRET));
    }
    assert.equal((await ask(place, JSON.stringify(CODE), 'application/json')).status, 400);
    assert.equal((await ask(place, 'x'.repeat(65 * 1024))).status, 413);
    assert.equal(issuer.of('/token').length, before, 'nothing else went there');
    assert.doesNotMatch(await place.doors.words(), new RegExp(SECRET));
  });
});
