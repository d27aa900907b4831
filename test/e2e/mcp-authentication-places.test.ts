/**
 * `mcpAuthentication` as clients of any kind see it: the places it opens, the challenges that lead there, and what
 * strangers can do with them.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Doors } from '../fixtures/doors.ts';
import { ScriptedIssuer } from '../fixtures/scripted-issuer.ts';
import { type Got, get } from './http-harness.ts';

const PROTECTED = '/.well-known/oauth-protected-resource';
const SERVER = '/.well-known/oauth-authorization-server';
const AUDIENCE = 'https://gw.test/mcp';
const LOCAL_MCP = [{ path: { exact: '/mcp' } }];

interface Place {
  readonly issuer: ScriptedIssuer;
  readonly doors: Doors;
  document(path: string, headers?: Record<string, string>): Promise<Record<string, unknown>>;
}

async function open(
  t: TestContext,
  config: object,
  { matches = LOCAL_MCP, more = {}, path = '' }: { matches?: object[]; more?: object; path?: string } = {},
): Promise<Place> {
  const issuer = await ScriptedIssuer.start(t, path);
  const mcpAuthentication = { issuer: issuer.issuer, audiences: [AUDIENCE], ...config };
  const doors = await Doors.open(t, { policies: { mcpAuthentication, ...more }, matches });
  return {
    issuer,
    doors,
    document: async (at, headers = {}) => {
      const { status, body } = await doors.ask(headers, at);
      assert.equal(status, 200, `${at}: ${body}`);
      return JSON.parse(body) as Record<string, unknown>;
    },
  };
}

function challengeOf({ status, headers }: Got): string {
  assert.equal(status, 401);
  return headers['www-authenticate'] ?? '';
}

describe('the metadata of the resource', () => {
  test('stands at the root and at the path, for everybody, and names the resource as the client does', async (t) => {
    const { issuer, doors, document } = await open(t, { scopes: ['a', 'b'] });
    const { port } = doors;
    for (const place of [PROTECTED, `${PROTECTED}/mcp`])
      assert.deepEqual(await document(place, { host: `localhost:${port}` }), {
        resource: `http://localhost:${port}/mcp`,
        authorization_servers: [issuer.issuer],
        scopes_supported: ['a', 'b'],
        bearer_methods_supported: ['header'],
      });
    assert.deepEqual(issuer.asked, [], 'no need to ask the server for that');
  });

  test('names the public URL where that is configured, and what else is configured', async (t) => {
    const resourceMetadata = { resourceName: 'Tools', authorizationServers: ['https://other.test'] };
    const { document } = await open(t, { resource: AUDIENCE, resourceMetadata });
    const {
      resource,
      resource_name: name,
      authorization_servers: servers,
    } = await document(`${PROTECTED}/mcp`);
    assert.deepEqual([resource, name, servers], [AUDIENCE, 'Tools', ['https://other.test']]);
  });

  test('is readable by pages of any origin, before which a preflight is answered', async (t) => {
    const { doors } = await open(t, {});
    const place = `${PROTECTED}/mcp`;
    const got = await get(doors.port, { path: place, headers: { origin: 'http://localhost:1' } });
    assert.deepEqual([got.status, got.headers['access-control-allow-origin']], [200, '*']);
    const preflight = await get(doors.port, {
      path: place,
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:1', 'access-control-request-method': 'GET' },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers['access-control-allow-headers'] ?? '', /mcp-protocol-version/);
    for (const method of ['POST', 'DELETE']) {
      const { status, headers } = await get(doors.port, { path: place, method });
      assert.deepEqual([status, headers['allow']], [405, 'GET, HEAD, OPTIONS']);
    }
  });

  test('is that of the path, whatever the route matches', async (t) => {
    const { document, doors } = await open(t, {}, { matches: [{ path: { pathPrefix: '/a' } }] });
    const { resource } = await document(`${PROTECTED}/a/b/c`);
    assert.equal(resource, `http://127.0.0.1:${doors.port}/a/b/c`);
    assert.equal((await doors.ask({}, `${PROTECTED}/b`)).status, 404);
    assert.equal((await doors.ask({}, `${PROTECTED}a`)).status, 404);
  });

  test('takes neither a host that is not served nor one that is none into what it says', async (t) => {
    const { doors } = await open(t, {});
    for (const host of ['evil.test', 'localhost@evil.test', 'localhost"', 'localhost/x', 'localhost:80:80']) {
      const { status, body } = await doors.ask({ host }, `${PROTECTED}/mcp`);
      assert.ok(status === 400 || status === 403, `${host}: ${status}`);
      assert.doesNotMatch(body, /"resource"/);
    }
    const forwarded = {
      'x-forwarded-host': 'evil.test',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.test',
    };
    const { body } = await doors.ask(forwarded, `${PROTECTED}/mcp`);
    assert.equal(JSON.parse(body).resource, `http://127.0.0.1:${doors.port}/mcp`);
  });

  test('is not reached by paths that could be read in two ways', async (t) => {
    const { doors } = await open(t, {}, { matches: [{ path: { pathPrefix: '/' } }] });
    for (const path of [
      `/x/..${PROTECTED}/mcp`,
      `/${PROTECTED}/mcp`,
      `${PROTECTED}//evil.test/mcp`,
      `${PROTECTED}/%2e%2e/admin`,
      `${PROTECTED}\\mcp`,
      '/%2ewell-known/oauth-protected-resource',
    ])
      assert.equal((await doors.ask({}, path)).status, 400, path);
    // Behind the door as everything else.
    for (const path of ['/.well-known/other', `/mcp${PROTECTED}`, `${PROTECTED}x`])
      assert.equal((await doors.ask({}, path)).status, 401, path);
    assert.equal(doors.received.length, 0);
  });
});

describe('a challenge', () => {
  test('leads to the metadata and says what to ask for', async (t) => {
    const { doors } = await open(t, { scopes: ['a', 'b'] });
    const place = `http://127.0.0.1:${doors.port}${PROTECTED}/mcp`;
    assert.equal(
      challengeOf(await doors.ask({}, '/mcp')),
      `Bearer resource_metadata="${place}", scope="a b"`,
    );
    assert.match(
      challengeOf(await doors.ask({ authorization: 'Bearer x.y.z' }, '/mcp')),
      /^Bearer resource_metadata="[^"]+", scope="a b", error="invalid_token", error_description="[^"]+"$/,
    );
  });

  test('leads to the public URL, whoever is asked', async (t) => {
    const { doors } = await open(t, { resource: 'https://gw.test:8443/team/mcp' });
    const challenge = challengeOf(await doors.ask({}, '/mcp'));
    assert.equal(challenge, `Bearer resource_metadata="https://gw.test:8443${PROTECTED}/team/mcp"`);
    assert.equal((await doors.ask({}, `${PROTECTED}/team/mcp`)).status, 200);
  });

  test('carries nothing of the path that is not a path', async (t) => {
    const { doors } = await open(t, {}, { matches: [{ path: { pathPrefix: '/' } }] });
    const challenge = challengeOf(await doors.ask({}, '/a",error="x/b'));
    assert.equal(challenge.match(/"/g)?.length, 2, challenge);
  });
});

describe('a token', () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test('of the issuer for this audience opens; keys are where the metadata says', async (t) => {
    const { issuer, doors } = await open(t, {});
    const good = await issuer.token({ aud: AUDIENCE });
    assert.equal(await doors.admits(bearer(good), '/mcp'), true);
    assert.equal(doors.last?.headers.authorization, undefined, 'and goes no further');
    assert.equal(issuer.of('/jwks').length, 1);
  });

  test('for another audience, of another issuer, expired or unsigned does not', async (t) => {
    const { issuer, doors } = await open(t, {});
    const other = await ScriptedIssuer.start(t);
    for (const token of [
      await issuer.token({ aud: 'https://other.test' }),
      await issuer.token({ aud: `http://127.0.0.1:${doors.port}/mcp` }),
      await issuer.token({ aud: undefined }),
      await issuer.token({ aud: AUDIENCE, exp: 1 }),
      await issuer.token({ aud: AUDIENCE, exp: undefined }),
      await other.token({ aud: AUDIENCE }),
      await other.token({ aud: AUDIENCE, iss: issuer.issuer }),
    ])
      assert.match(challengeOf(await doors.ask(bearer(token), '/mcp')), /error="invalid_token"/);
  });

  test('is not needed where the mode says so, and is checked where there is one', async (t) => {
    const { doors } = await open(t, { mode: 'optional' });
    assert.equal(await doors.admits({}, '/mcp'), true);
    assert.equal(await doors.admits(bearer('x.y.z'), '/mcp'), false);
  });

  test('says nothing when the issuer cannot be asked: that is no fault of the client', async (t) => {
    const { issuer, doors } = await open(t, {});
    issuer.says({ issuer: 'https://evil.test' });
    const got = await doors.ask(bearer(await issuer.token({ aud: AUDIENCE })), '/mcp');
    assert.deepEqual([got.status, got.headers['www-authenticate']], [503, undefined]);
  });
});

describe('what an issuer publishes', () => {
  const tricks: Readonly<Record<string, (issuer: ScriptedIssuer) => void>> = {
    'more than anybody needs': (issuer) => issuer.says({ x: 'x'.repeat(400_000) }),
    'no JSON': (issuer) => {
      for (const answer of Object.values(issuer.answers)) Object.assign(answer, { body: '<html>' });
    },
    'a redirect': (issuer) => {
      for (const path of Object.keys(issuer.answers))
        issuer.answers[path] = { status: 302, headers: { location: `${issuer.origin}/jwks` }, body: '' };
    },
    'no keys': (issuer) => issuer.says({ jwks_uri: undefined }),
    'keys in a file': (issuer) => issuer.says({ jwks_uri: 'file:///etc/passwd' }),
    'keys behind credentials': (issuer) => issuer.says({ jwks_uri: issuer.origin.replace('//', '//a:b@') }),
  };
  for (const [name, play] of Object.entries(tricks))
    test(`opens no door: ${name}`, async (t) => {
      const { issuer, doors } = await open(t, {});
      play(issuer);
      const token = await issuer.token({ aud: AUDIENCE });
      assert.equal((await doors.ask({ authorization: `Bearer ${token}` }, '/mcp')).status, 503);
      assert.equal(doors.received.length, 0);
    });

  test('is served as it is where no provider is named, for older clients', async (t) => {
    const { issuer, document } = await open(t, {});
    const { issuer: named, token_endpoint: token } = await document(`${SERVER}/mcp`);
    assert.deepEqual([named, token], [issuer.issuer, `${issuer.origin}/token`]);
  });
});

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
    const got = await authorize(place, query({ prompt: 'none' }));
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
      assert.equal((await ask(place, form)).status, 200);
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
