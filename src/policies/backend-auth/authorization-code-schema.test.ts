import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorizationCodeSchema } from './authorization-code-schema.ts';

const read = (written: object) => authorizationCodeSchema.parse(written);

test('everything is discovered, for each person, unless it says otherwise', () => {
  assert.deepEqual(read({}), { kind: 'authorizationCode', shared: false });
});

test('where browsers come back to and where they reach the gateway belong together', () => {
  const callback = 'https://gateway.example/prefix/.agentgateway/oauth/callback';
  assert.equal(read({ publicUrl: 'https://gateway.example/' }).publicUrl, 'https://gateway.example');
  assert.equal(read({ redirectUri: callback }).publicUrl, 'https://gateway.example/prefix');
  const both = { publicUrl: 'https://gateway.example', redirectUri: 'https://gateway.example/back' };
  assert.equal(read(both).redirectUri, both.redirectUri);
});

test('what would not be safe, or makes no sense, is refused', () => {
  for (const wrong of [
    { clientId: '' },
    { clientSecret: 'x' },
    { publicUrl: 'http://gateway.example' },
    { publicUrl: 'gateway.example' },
    { redirectUri: 'https://gateway.example/back' },
    { publicUrl: 'https://gateway.example', redirectUri: 'https://other.example/back' },
    { authorizationServer: 'http://idp.example' },
    { authorizationServer: 'https://me:secret@idp.example' },
    { clientMetadataUrl: 'http://gateway.example/client.json' },
    { resource: 'nothing' },
    { resource: 'https://a.example/#x' },
    { scopes: ['a b'] },
    { scopes: ['"'] },
    { store: {} },
    { store: { file: 'x', key: 'short' } },
    { store: { file: '' } },
    { shared: 'yes' },
    { unknown: 1 },
  ])
    assert.throws(() => read(wrong), JSON.stringify(wrong));
});
