/** What people are told about mistakes in the policies of authentication: the place, and never a secret. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doorsPlan } from '../fixtures/doors.ts';

function told(policies: object, env: Record<string, string> = {}): string {
  try {
    doorsPlan({ policies, env });
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return 'accepted';
}

const issuer = { issuer: 'x', jwks: { url: 'https://issuer.test/jwks' } };

test('a mistake is shown with its place in the file', () => {
  const message = told({ jwtAuth: { ...issuer, audience: ['x'] } });
  assert.match(message, /^config\.json:\d+:\d+: unknown key `audience`/);
  assert.match(message, /did you mean `audiences`\?/);
  assert.match(message, /at binds\[0\]\.listeners\[0\]\.routes\[0\]\.policies\.jwtAuth\.audience/);
});

test('what the Rust gateway has beyond this is said to be missing yet', () => {
  const later = /is known to the Rust gateway, not supported here yet/;
  assert.match(told({ jwtAuth: { ...issuer, location: { expression: 'request.headers["x"]' } } }), later);
  assert.match(told({ apiKey: { keys: [{ key: 'k', allowedModels: [] }] } }), later);
});

test('passwords and keys are not repeated, nor what a variable holds', () => {
  const messages = [
    told({ basicAuth: { htpasswd: 'ann:hunter2' } }),
    told({ basicAuth: { htpasswd: 'x' + '$' + '{PASSWORDS}' } }, { PASSWORDS: 'ann:hunter2' }),
    told({ apiKey: { keys: ['hunter2'] } }),
    told({ apiKey: { keys: [{ key: 'hunter2', keyHash: 'hunter2' }] } }),
    told({ apiKey: { keys: [{ key: 'hunter2' }, { key: 'hunter2' }] } }),
    told({ jwtAuth: { issuer: 'x', jwks: '{"keys":[{"kty":"oct","k":"hunter2"}]}' } }),
  ];
  for (const message of messages) {
    assert.notEqual(message, 'accepted');
    assert.ok(!message.includes('hunter2'), message);
  }
});

test('a key may come from a variable, digits or not', () => {
  const variable = '$' + '{KEY}';
  for (const KEY of ['agw-key', '12345', 'true'])
    assert.equal(told({ apiKey: { keys: [{ key: variable }] } }, { KEY }), 'accepted', KEY);
});
