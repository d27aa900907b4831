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

test('everything else that says what is shown, believed and offered is taken over', () => {
  for (const config of [
    { cert, key: '/etc/gateway.key' },
    { insecure: true, hostname: 'upstream.test', cert: '/c', key: '/k', alpn: ['h2'] },
    { insecureHost: true, root: cert },
    { insecure: false, insecureHost: false, root: cert },
    { subjectAltNames: ['a.test', 'spiffe://example.org/a', 'urn:a:b', '10.0.0.1', '2001:db8::1', '::1'] },
    { alpn: ['h2', 'http/1.1'] },
  ])
    assert.deepEqual(upstreamTls({ backendTLS: backendTls.schema.parse(config) }), config);
});

test('nothing else is accepted, and nothing that contradicts itself', () => {
  for (const wrong of [
    { insecure: 'yes' },
    { hostname: 'a b' },
    { hostname: '' },
    { root: 'two\nlines' },
    { root: 1 },
    { cert },
    { key: '/k' },
    { insecure: true, root: cert },
    { insecure: true, insecureHost: true },
    { insecure: true, subjectAltNames: ['a.test'] },
    { subjectAltNames: [] },
    { subjectAltNames: ['a b'] },
    { subjectAltNames: ['*.a.test'] },
    { alpn: [] },
    { alpn: ['h3'] },
    'x',
  ]) {
    assert.throws(() => backendTls.schema.parse(wrong), JSON.stringify(wrong));
  }
});
