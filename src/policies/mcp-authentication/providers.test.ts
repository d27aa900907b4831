import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adapted, PROVIDERS, type ProviderName, providers } from './providers.ts';

const fronts = {
  issuer: 'https://gw.test/mcp',
  registration: 'https://gw.test/r',
  authorization: 'https://gw.test/a',
  token: 'https://gw.test/t',
};
const document = {
  issuer: 'https://idp.test',
  authorization_endpoint: 'https://idp.test/auth',
  token_endpoint: 'https://idp.test/token',
  registration_endpoint: 'https://idp.test/reg',
  token_endpoint_auth_methods_supported: ['client_secret_basic'],
  authorization_response_iss_parameter_supported: true,
  signed_metadata: 'x.y.z',
  scopes_supported: ['openid'],
  client_id_metadata_document_supported: true,
};

function served(name: ProviderName, { registers = true, audience = 'api://a b' } = {}) {
  const known = { issuer: document.issuer, document };
  return adapted(known, providers[name], { fronts, registers, audience });
}

for (const name of PROVIDERS) {
  test(`${name}: the document goes by the gateway's name and keeps what needs no change`, () => {
    const {
      issuer,
      scopes_supported: scopes,
      client_id_metadata_document_supported: documents,
    } = served(name);
    assert.deepEqual([issuer, scopes, documents], [fronts.issuer, ['openid'], true]);
    for (const key of ['signed_metadata', 'authorization_response_iss_parameter_supported'])
      assert.equal(key in served(name), false, key);
  });
}

test('auth0 and okta get the audience, because they know no resource', () => {
  for (const name of ['auth0', 'okta'] as const) {
    assert.equal(served(name)['authorization_endpoint'], 'https://idp.test/auth?audience=api%3A%2F%2Fa%20b');
  }
  const known = {
    issuer: 'x',
    document: { ...document, authorization_endpoint: 'https://idp.test/auth?p=1' },
  };
  const options = { fronts, registers: false, audience: 'a' };
  assert.equal(
    adapted(known, providers.okta, options)['authorization_endpoint'],
    'https://idp.test/auth?p=1&audience=a',
  );
});

test('only entra has its logins and tokens go through the gateway, and says that it knows PKCE', () => {
  for (const name of PROVIDERS) {
    const { authorization_endpoint: authorization, token_endpoint: token, ...rest } = served(name);
    const through = name === 'entra';
    assert.equal(token, through ? fronts.token : document.token_endpoint, name);
    assert.equal(authorization === fronts.authorization, through, name);
    assert.deepEqual(rest['code_challenge_methods_supported'], through ? ['S256'] : undefined, name);
  }
});

test('registration is where it works: at the provider, through the gateway, or of the gateway', () => {
  const kinds = Object.fromEntries(PROVIDERS.map((name) => [name, providers[name].registration]));
  assert.deepEqual(kinds, {
    auth0: 'theirs',
    keycloak: 'relayed',
    okta: 'relayed',
    descope: 'relayed',
    authentik: 'own',
    entra: 'own',
  });
  assert.equal(served('keycloak')['registration_endpoint'], fronts.registration);
  assert.equal(
    served('auth0', { registers: false })['registration_endpoint'],
    document.registration_endpoint,
  );
});

test('where a provider names no place for registrations, it is where that provider has it', () => {
  const at = (name: ProviderName, issuer: string) => providers[name].register?.(issuer);
  assert.equal(
    at('keycloak', 'https://k.test/realms/mcp'),
    'https://k.test/realms/mcp/clients-registrations/openid-connect',
  );
  assert.equal(at('okta', 'https://x.okta.test/oauth2/default'), 'https://x.okta.test/oauth2/v1/clients');
  assert.equal(
    at('descope', 'https://api.descope.test/v1/apps/agentic/P1/S1'),
    'https://api.descope.test/v1/mgmt/mcp/client/P1/S1/register',
  );
  assert.equal(at('descope', 'https://api.descope.test/P1'), undefined);
});

test('tokens of the older kind of entra have their documents with the newer one', () => {
  assert.deepEqual(providers.entra.places?.('https://sts.windows.net/tenant-1/'), {
    issuer: 'https://login.microsoftonline.com/tenant-1/v2.0',
    places: ['https://login.microsoftonline.com/tenant-1/v2.0/.well-known/openid-configuration'],
  });
  const newer = 'https://login.microsoftonline.com/tenant-1/v2.0';
  assert.equal(providers.entra.places?.(newer).places[0], `${newer}/.well-known/openid-configuration`);
});
