import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { Authority } from '../../../../test/fixtures/authority.ts';
import { FakeClock } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { type DiscoveryOptions, discover } from './discovery.ts';
import { Web } from './web.ts';

async function authority(t: TestContext): Promise<Authority> {
  const made = await Authority.start();
  t.after(() => made.close());
  return made;
}

function found(at: Authority, more: Partial<DiscoveryOptions> = {}) {
  const { url } = at;
  const web = new Web({ clock: new FakeClock(), trusted: [url] });
  const options = { web, url, issuer: undefined, resource: undefined, configured: false, ...more };
  return discover(options, new Cancel());
}

const refuses = (found: Promise<unknown>, pattern: RegExp) =>
  assert.rejects(found, (error: unknown) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'CREDENTIALS_UNAVAILABLE');
    assert.match(error.message, pattern);
    return true;
  });

const PRM = '/.well-known/oauth-protected-resource';
const AS = '/.well-known/oauth-authorization-server';
const challenge = (text: string) => (_: unknown, reply: ServerResponse) =>
  reply.writeHead(401, { 'www-authenticate': text }).end();

test('the metadata that the challenge names are read, with the scopes that it names', async (t) => {
  const at = await authority(t);
  at.pages.set('/mcp', challenge(`Bearer resource_metadata="${at.origin}/prm", scope="a b"`));
  at.pages.set('/prm', {
    resource: at.url.href,
    authorization_servers: [at.origin],
    scopes_supported: ['c'],
  });
  const { resource, server, scopes } = await found(at);
  assert.deepEqual([resource, server.issuer, scopes], [at.url.href, at.origin, 'a b']);
  assert.deepEqual(at.asked, ['/mcp', '/prm', AS]);
});

test('without a challenge that names them they are looked for at the well-known places, with the path first', async (t) => {
  const at = await authority(t);
  const document = at.pages.get(`${PRM}/mcp`) as object;
  assert.equal((await found(at)).resource, at.url.href);
  at.pages.delete(`${PRM}/mcp`);
  at.pages.set(PRM, { ...document, resource: at.origin, scopes_supported: ['c', 'd'] });
  const { resource, scopes } = await found(at);
  assert.deepEqual([resource, scopes], [at.origin, 'c d']);
});

test('a server that only GET is forbidden to is asked by GET', async (t) => {
  const at = await authority(t);
  at.pages.set('/mcp', (request, reply) =>
    request.method === 'GET' ? challenge('Bearer scope="a"')(request, reply) : reply.writeHead(405).end(),
  );
  assert.equal((await found(at)).scopes, 'a');
});

test('the metadata of an issuer with a path are looked for in all three places', async (t) => {
  const at = await authority(t);
  const issuer = `${at.origin}/tenant/1`;
  at.pages.set(`${PRM}/mcp`, { resource: at.url.href, authorization_servers: [issuer] });
  await refuses(found(at), /has no metadata/);
  assert.deepEqual(at.asked.slice(2), [
    `${AS}/tenant/1`,
    '/.well-known/openid-configuration/tenant/1',
    '/tenant/1/.well-known/openid-configuration',
  ]);
  for (const path of at.asked.slice(2)) {
    at.pages.set(path, { ...(at.pages.get(AS) as object), issuer });
    assert.equal((await found(at)).server.issuer, issuer);
    at.pages.delete(path);
  }
});

test('a server of 2025-03-26 is its own authorization server, with paths by convention at last', async (t) => {
  const at = await authority(t);
  at.pages.delete(`${PRM}/mcp`);
  assert.equal((await found(at)).server.token_endpoint, `${at.origin}/token`);
  at.pages.delete(AS);
  const { server, resource } = await found(at);
  assert.equal(server.authorization_endpoint, `${at.origin}/authorize`);
  assert.equal(server.registration_endpoint, `${at.origin}/register`);
  assert.equal(resource, at.url.href);
});

test('what the configuration says counts more than what the server does', async (t) => {
  const [at, other] = [await authority(t), await authority(t)];
  const { server, resource } = await found(at, { issuer: other.origin, resource: 'urn:ours' });
  assert.deepEqual([server.issuer, resource], [other.origin, 'urn:ours']);
});

test('metadata of another resource are not taken', async (t) => {
  const at = await authority(t);
  for (const resource of [
    'https://evil.example/mcp',
    `${at.origin}/other`,
    `${at.origin}/mc`,
    `${at.url.href}?tenant=1`,
    7,
    undefined,
  ]) {
    at.pages.set(`${PRM}/mcp`, { resource, authorization_servers: [at.origin] });
    await refuses(found(at), /is of another resource/);
  }
});

test('metadata of another issuer, without PKCE, or with endpoints of no use are not taken', async (t) => {
  const at = await authority(t);
  const origin = at.pages.get(AS) as object;
  for (const [changes, pattern] of [
    [{ issuer: 'https://evil.example' }, /is of another issuer/],
    [{ issuer: undefined }, /is of another issuer/],
    [{ code_challenge_methods_supported: undefined }, /PKCE/],
    [{ code_challenge_methods_supported: ['plain'] }, /PKCE/],
    [{ authorization_endpoint: 'javascript:alert(1)' }, /authorization_endpoint/],
    [{ authorization_endpoint: undefined }, /authorization_endpoint/],
    [{ token_endpoint: 'http://evil.example/token' }, /token_endpoint/],
    [{ registration_endpoint: 'http://evil.example/' }, /registration_endpoint/],
  ] as const) {
    at.pages.set(AS, origin as Record<string, unknown>);
    at.says(changes);
    await refuses(found(at), pattern);
  }
  at.pages.set(AS, origin as Record<string, unknown>);
  at.says({ code_challenge_methods_supported: undefined });
  assert.equal((await found(at, { configured: true })).server.issuer, at.origin);
});

test('servers that answer with nonsense, or lead to where nobody should go, are refused', async (t) => {
  const at = await authority(t);
  const prm = `${PRM}/mcp`;
  for (const [page, pattern] of [
    [(_: unknown, reply: ServerResponse) => reply.writeHead(200).end('<html>'), /no JSON object/],
    [(_: unknown, reply: ServerResponse) => reply.writeHead(200).end('[]'), /no JSON object/],
    [(_: unknown, reply: ServerResponse) => reply.writeHead(302).end(), /status 302/],
    [(_: unknown, reply: ServerResponse) => reply.writeHead(500).end(), /status 500/],
    [(_: unknown, reply: ServerResponse) => reply.destroy(), /closed/],
    [{ resource: at.url.href }, /names no authorization server/],
    [{ resource: at.url.href, authorization_servers: 'x' }, /names no authorization server/],
    [{ resource: at.url.href, authorization_servers: ['http://169.254.169.254'] }, /not https/],
    [{ resource: at.url.href, authorization_servers: ['https://169.254.169.254'] }, /further inside/],
    [{ resource: at.url.href, authorization_servers: ['file:///etc/passwd'] }, /not https/],
  ] as const) {
    at.pages.set(prm, page as never);
    await refuses(found(at), pattern);
  }
  at.pages.set('/mcp', challenge('Bearer resource_metadata="https://169.254.169.254/latest"'));
  await refuses(found(at), /further inside/);
  at.pages.set('/mcp', challenge(`Bearer resource_metadata="${at.origin}/nowhere"`));
  await refuses(found(at), /no metadata at/);
});

test('of several authorization servers the first that can be used is', async (t) => {
  const at = await authority(t);
  at.pages.set(`${PRM}/mcp`, {
    resource: at.url.href,
    authorization_servers: ['http://evil.example', `${at.origin}/none`, at.origin],
  });
  assert.equal((await found(at)).server.issuer, at.origin);
});
