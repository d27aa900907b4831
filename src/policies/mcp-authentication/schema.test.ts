import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mcpAuthenticationSchema } from './schema.ts';

const ISSUER = 'https://as.test';
const RESOURCE = 'https://gw.test/mcp';
const small = { issuer: ISSUER, resource: RESOURCE };

test('issuer and resource are enough: strict, the resource is the audience, keys are where the metadata says', () => {
  const config = mcpAuthenticationSchema.parse(small);
  const places = ['oauth-authorization-server', 'openid-configuration'];
  const metadata = { issuer: ISSUER, places: places.map((place) => `${ISSUER}/.well-known/${place}`) };
  assert.deepEqual(config, {
    mode: 'strict',
    location: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
    issuer: { issuer: ISSUER, audiences: [RESOURCE], jwks: { metadata }, requiredClaims: ['exp'] },
    metadata,
    provider: undefined,
    resource: RESOURCE,
    scopes: [],
    members: {},
    clientId: undefined,
    clientSecret: undefined,
    redirectUris: [],
  });
});

test('a resource without a path is an audience in both spellings that clients use', () => {
  const { resource, issuer } = mcpAuthenticationSchema.parse({
    issuer: ISSUER,
    resource: 'https://gw.test/',
  });
  assert.deepEqual(
    [resource, issuer.audiences],
    ['https://gw.test', ['https://gw.test', 'https://gw.test/']],
  );
});

test('reads what was written for the Rust gateway', () => {
  const config = mcpAuthenticationSchema.parse({
    mode: 'strict',
    issuer: 'http://localhost:7080/realms/mcp',
    audiences: ['mcp_proxy'],
    jwks: { url: 'http://localhost:7080/realms/mcp/protocol/openid-connect/certs' },
    provider: { keycloak: {} },
    resourceMetadata: {
      resource: 'http://localhost:3000/keycloak/mcp',
      scopesSupported: ['profile', 'offline_access'],
      bearerMethodsSupported: ['header', 'body'],
      resourceDocumentation: 'http://localhost:3000/docs',
    },
  });
  assert.equal(config.provider, 'keycloak');
  assert.equal(config.resource, 'http://localhost:3000/keycloak/mcp');
  assert.deepEqual(config.issuer.audiences, ['mcp_proxy']);
  assert.deepEqual(config.members, {
    scopes_supported: ['profile', 'offline_access'],
    bearer_methods_supported: ['header', 'body'],
    resource_documentation: 'http://localhost:3000/docs',
  });
});

test('says what is wrong, and where', () => {
  const cases: readonly [object, RegExp][] = [
    [{}, /^issuer: /],
    [{ issuer: ISSUER }, /^audiences: `audiences` is missing/],
    [{ ...small, audiences: [] }, /^audiences: /],
    [{ ...small, issuer: 'as.test' }, /^issuer: .*expected a URL/],
    [{ ...small, issuer: `${ISSUER}?x=1` }, /^issuer: .*no query/],
    [{ ...small, issuer: 'https://a:b@as.test' }, /^issuer: .*no credentials/],
    [{ ...small, resource: `${RESOURCE}#x` }, /^resource: .*fragment/],
    [{ ...small, resource: 'file:///mcp' }, /^resource: /],
    [{ ...small, scopes: ['a b'] }, /^scopes.0: expected a scope/],
    [{ ...small, scopes: ['offline_access'] }, /^scopes.0: no resource needs it/],
    [{ ...small, provider: 'google' }, /^provider: /],
    [{ ...small, provider: { okta: {}, auth0: {} } }, /^provider: /],
    [{ ...small, provider: 'entra' }, /^clientId: entra registers no clients/],
    [{ ...small, provider: 'authentik' }, /^clientId: authentik registers no clients/],
    [{ ...small, clientId: 'x' }, /^clientId: needs a `provider`/],
    [{ ...small, provider: 'okta', clientId: 'x', clientSecret: 'y' }, /^clientSecret: /],
    [{ ...small, redirectUris: ['https://app.test/cb'] }, /^redirectUris: needs a `clientId`/],
    [{ ...small, provider: 'okta', clientId: 'x', redirectUris: ['http://app.test/'] }, /^redirectUris.0: /],
    [{ ...small, provider: 'okta', clientId: 'x', redirectUris: ['javascript:x'] }, /^redirectUris.0: /],
    [
      { ...small, resourceMetadata: { resource: 'x' }, resource: undefined },
      /^resourceMetadata: its `resource`/,
    ],
    [
      { ...small, resourceMetadata: { authorizationServers: [] } },
      /^resourceMetadata: its `authorizationServers`/,
    ],
    [{ ...small, jwks: { url: 'ftp://x' } }, /^jwks/],
    [{ ...small, audience: 'x' }, /audience/],
  ];
  for (const [value, expected] of cases) {
    const { error } = mcpAuthenticationSchema.safeParse(value);
    const said = (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
    assert.ok(
      said.some((one) => expected.test(one)),
      `${expected}: ${said.join(' | ') || 'accepted'}`,
    );
  }
});
