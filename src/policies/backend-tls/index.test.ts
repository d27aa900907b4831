import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cert } from '../../../test/fixtures/tls.ts';
import { backendTls, upstreamTls } from './index.ts';

test('without the policy, and with an empty one, upstreams are verified against the system', () => {
  assert.deepEqual(upstreamTls({}), {});
  assert.deepEqual(upstreamTls({ backendTLS: backendTls.schema.parse({}) }), {});
});

test('a name and authorities are taken over', () => {
  const config = { hostname: 'upstream.test', root: cert };
  assert.deepEqual(upstreamTls({ backendTLS: backendTls.schema.parse(config) }), config);
  assert.deepEqual(backendTls.schema.parse({ root: '/etc/ca.pem' }), { root: '/etc/ca.pem' });
});

test('nothing else is accepted', () => {
  for (const wrong of [
    { insecure: true },
    { hostname: 'a b' },
    { hostname: '' },
    { root: 'two\nlines' },
    { root: 1 },
    'x',
  ]) {
    assert.throws(() => backendTls.schema.parse(wrong), JSON.stringify(wrong));
  }
});
