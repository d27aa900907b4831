/**
 * `mcpAuthentication` as clients of any kind see it: the places it opens, the challenges that lead there, and what
 * strangers can do with them.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUDIENCE, guardedPlace as open, PROTECTED, SERVER } from '../fixtures/guarded-place.ts';
import { ScriptedIssuer } from '../fixtures/scripted-issuer.ts';
import { type Got, get } from './http-harness.ts';

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

  test('is also given to a request for no path at all', async (t) => {
    const { doors } = await open(t, {}, { matches: [{ path: { pathPrefix: '/' } }] });
    const got = await get(doors.port, { path: '*', method: 'OPTIONS' });
    assert.equal(challengeOf(got), `Bearer resource_metadata="http://127.0.0.1:${doors.port}${PROTECTED}"`);
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
