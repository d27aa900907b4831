import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basicAuthSchema } from './schema.ts';

const htpasswd = 'ann:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=';

test('is strict, about the Authorization header, unless it says otherwise', () => {
  assert.deepEqual(basicAuthSchema.parse({ htpasswd }), {
    htpasswd,
    mode: 'strict',
    authorizationLocation: { kind: 'header', name: 'authorization', prefix: 'Basic ' },
  });
  assert.deepEqual(basicAuthSchema.parse({ htpasswd: { file: '/users' } }).htpasswd, { file: '/users' });
});

test('refuses lists that would let nobody in or hold passwords, and realms that break a header', () => {
  for (const wrong of [
    {},
    { htpasswd: '' },
    { htpasswd: 'ann:hunter2' },
    { htpasswd: {} },
    { htpasswd, realm: 'a\r\nb' },
    { htpasswd, realm: 'é' },
    { htpasswd, mode: 'permissive' },
    { htpasswd, location: {} },
  ])
    assert.throws(() => basicAuthSchema.parse(wrong), JSON.stringify(wrong));
});
