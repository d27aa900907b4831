import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authority, send } from '../../../../test/fixtures/authority.ts';
import {
  ANN,
  BASE,
  BOB,
  cameBack,
  confirmed,
  fetched,
  is,
  loggedIn,
  offered,
  on,
  world,
} from '../../../../test/fixtures/login-world.ts';
import { Cancel } from '../../../lib/cancel.ts';

test('a login asks for a code with PKCE, state and resource, and keeps what it gets for its owner', async (t) => {
  const it = await world(t);
  assert.equal(it.login.ready(ANN), undefined);
  const sent = await loggedIn(it);
  const asked = Object.fromEntries(sent.searchParams);
  assert.equal(`${sent.origin}${sent.pathname}`, `${it.at.origin}/authorize`);
  assert.equal(asked['client_id'], 'client-1');
  assert.equal(asked['response_type'], 'code');
  assert.equal(asked['redirect_uri'], `${BASE}/.agentgateway/oauth/callback`);
  assert.equal(asked['resource'], it.at.url.href);
  assert.equal(asked['code_challenge_method'], 'S256');
  assert.equal(asked['scope'], undefined);
  const [exchanged] = it.at.tokenRequests;
  assert.equal(exchanged?.['resource'], it.at.url.href);
  assert.equal(exchanged?.['code'], 'the-code');
  assert.equal((exchanged?.['code_verifier'] ?? '').length, 43);
  assert.deepEqual(it.login.ready(ANN), ['authorization', 'Bearer token-1']);
  assert.equal(it.login.ready(BOB), undefined);
  await offered(it, BOB);
});

test('everybody who asks at once waits for one discovery and gets one login', async (t) => {
  const it = await world(t);
  const logins = await Promise.all(Array.from({ length: 10 }, () => offered(it)));
  assert.equal(new Set(logins.map(({ id }) => id)).size, 1);
  assert.equal(it.at.asked.filter((path) => path.includes('oauth-protected-resource')).length, 1);
});

test('registrations say what the gateway is, and are kept for each address it is reached at', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  await loggedIn(it, BOB);
  assert.equal(it.at.registrations.length, 1);
  assert.deepEqual(it.at.registrations[0], {
    client_name: 'agentgateway',
    redirect_uris: [`${BASE}/.agentgateway/oauth/callback`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  });
  const login = await offered(it, 'basic:carol');
  const https = login.at?.('https://gateway.example') ?? login;
  await it.desk.confirm(https.id, { browser: 'b', base: 'https://gateway.example' });
  assert.equal(it.at.registrations.length, 2);
  assert.equal(it.at.registrations[1]?.['application_type'], 'web');
});

test('scopes are those of the configuration, else those that the server names and what renews the login', async (t) => {
  const first = await world(t, { scopes: ['mine'] });
  first.at.says({ scopes_supported: ['offline_access'] });
  assert.equal((await loggedIn(first)).searchParams.get('scope'), 'mine');
  const second = await world(t);
  second.at.says({ scopes_supported: ['offline_access', 'other'] });
  second.at.pages.set('/mcp', (_, reply) =>
    reply.writeHead(401, { 'www-authenticate': 'Bearer scope="read write"' }).end(),
  );
  const sent = await loggedIn(second);
  assert.equal(sent.searchParams.get('scope'), 'read write offline_access');
  assert.equal(sent.searchParams.get('prompt'), 'consent');
});

test('a client of the configuration comes first, then a document, then registration, and without any there is none', async (t) => {
  const document = 'https://gateway.example/client.json';
  const configured = await world(t, {
    clientId: 'ours',
    clientSecret: () => 'hush',
    clientMetadataUrl: document,
  });
  configured.at.says({ client_id_metadata_document_supported: true });
  assert.equal((await loggedIn(configured)).searchParams.get('client_id'), 'ours');
  const byDocument = await world(t, { clientMetadataUrl: document });
  byDocument.at.says({ client_id_metadata_document_supported: true });
  assert.equal((await loggedIn(byDocument)).searchParams.get('client_id'), document);
  const registered = await world(t, { clientMetadataUrl: document });
  assert.equal((await loggedIn(registered)).searchParams.get('client_id'), 'client-1');
  const none = await world(t);
  none.at.says({ registration_endpoint: undefined });
  const login = await offered(none);
  await assert.rejects(confirmed(none, login), is('CREDENTIALS_UNAVAILABLE', /registers nobody.*clientId/));
});

test('a token is renewed in time, once for all who ask, with what came last', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  const { clock } = it.ports;
  await clock.advance(3_569_000);
  assert.ok(it.login.ready(ANN));
  await clock.advance(2_000);
  assert.equal(it.login.ready(ANN), undefined);
  const renewed = await Promise.all(Array.from({ length: 10 }, () => fetched(it)));
  assert.deepEqual(new Set(renewed), new Set(['Bearer token-2']));
  assert.equal(it.at.tokenRequests[1]?.['refresh_token'], 'refresh-1');
  assert.equal(it.at.tokenRequests[1]?.['resource'], it.at.url.href);
  await clock.advance(3_600_000);
  assert.equal(await fetched(it), 'Bearer token-3');
  assert.equal(it.at.tokenRequests[2]?.['refresh_token'], 'refresh-2');
});

test('while a server cannot renew, a token that has not expired serves on; then it is said why none does', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  it.at.pages.set('/token', (_, reply) => reply.writeHead(503).end());
  await it.ports.clock.advance(3_580_000);
  assert.equal(await fetched(it), 'Bearer token-1');
  await it.ports.clock.advance(21_000);
  await assert.rejects(fetched(it), is('CREDENTIALS_UNAVAILABLE', /not renewed/));
  it.at.pages.delete('/token');
  assert.equal(await fetched(it), `Bearer token-${it.at.tokenRequests.length}`);
});

test('a login that the server has ended is needed again, and so is one that could never be renewed', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  it.at.error = 'invalid_grant';
  await it.ports.clock.advance(3_600_000);
  await offered(it);
  assert.equal(it.at.tokenRequests.length, 2);
  await offered(it);
  assert.equal(it.at.tokenRequests.length, 2, 'a dead token is not tried again');
  const other = await world(t);
  other.at.refreshes = false;
  await loggedIn(other);
  await other.ports.clock.advance(3_600_000);
  await offered(other);
});

test('a registration that the server has forgotten is made anew, also when it shows during the login', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  it.at.error = 'invalid_client';
  await it.ports.clock.advance(3_600_000);
  const sent = await confirmed(it, await offered(it));
  assert.equal(sent.searchParams.get('client_id'), 'client-2');
  const outcome = await cameBack(it, sent);
  assert.ok(outcome.kind === 'again');
  assert.equal(outcome.location.searchParams.get('client_id'), 'client-3');
  it.at.error = undefined;
  assert.equal((await cameBack(it, outcome.location)).kind, 'done');
  assert.match((await fetched(it)) ?? '', /^Bearer token-/);
});

test('a registration that nobody comes back with is taken for forgotten', async (t) => {
  const it = await world(t);
  for (const client of ['client-1', 'client-1', 'client-2'])
    assert.equal((await confirmed(it, await offered(it))).searchParams.get('client_id'), client);
});

test('a client of the configuration that is not known is for its owner to put right', async (t) => {
  const it = await world(t, { clientId: 'ours' });
  await loggedIn(it);
  it.at.error = 'invalid_client';
  await it.ports.clock.advance(3_600_000);
  await assert.rejects(fetched(it), is('CREDENTIALS_UNAVAILABLE', /invalid_client/));
});

test('what the server refuses is renewed once, and asked for again where that does not help', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  assert.ok(it.login.refused(ANN, ['authorization', 'Bearer token-1']));
  assert.equal(it.login.ready(ANN), undefined);
  assert.equal(await fetched(it), 'Bearer token-2');
  assert.ok(it.login.refused(ANN, ['authorization', 'Bearer token-1']), 'somebody has renewed meanwhile');
  assert.ok(it.login.ready(ANN));
  it.login.refused(ANN, ['authorization', 'Bearer token-2']);
  await offered(it);
  await loggedIn(it);
  await it.ports.clock.advance(120_000);
  const now = (await fetched(it)) as string;
  it.login.refused(ANN, ['authorization', now]);
  assert.notEqual(await fetched(it), now, 'another day it is renewed again');
});

test('where the server refuses a token it is found out anew where one logs in', async (t) => {
  const it = await world(t);
  it.at.refreshes = false;
  await loggedIn(it);
  const other = await Authority.start();
  t.after(() => other.close());
  it.at.pages.set('/.well-known/oauth-protected-resource/mcp', {
    resource: it.at.url.href,
    authorization_servers: [other.origin],
  });
  it.login.refused(ANN, ['authorization', 'Bearer token-1']);
  const sent = await loggedIn(it);
  assert.equal(sent.origin, other.origin);
  assert.equal(other.registrations.length, 1, 'what one server gave is not shown to another');
});

test('tokens outlive the process where the vault does, but are shown to no other authorization server', async (t) => {
  const it = await world(t);
  await loggedIn(it);
  it.vault.opened = false;
  const again = on(it);
  assert.equal(again.login.ready(ANN), undefined, 'the vault has not been opened');
  assert.equal(await fetched(again), 'Bearer token-1');
  const other = await Authority.start();
  t.after(() => other.close());
  it.at.pages.set('/.well-known/oauth-protected-resource/mcp', {
    resource: it.at.url.href,
    authorization_servers: [other.origin],
  });
  const moved = on(it);
  await it.ports.clock.advance(3_600_000);
  await offered(moved);
  assert.equal(other.tokenRequests.length, 0);
});

test('a code that came from elsewhere, or another server, changes nothing', async (t) => {
  const it = await world(t);
  it.at.says({ authorization_response_iss_parameter_supported: true });
  for (const [more, pattern] of [
    [{ iss: 'https://evil.example' }, /login failed/],
    [{}, /login failed/],
    [{ iss: it.at.origin, error: 'access_denied' }, /access_denied/],
    [{ iss: it.at.origin, error: '<script>' }, /an error of its own/],
    [{ iss: it.at.origin, response: 'a.b.c' }, /login failed/],
  ] as const) {
    const outcome = await cameBack(it, await confirmed(it, await offered(it)), more);
    assert.ok(outcome.kind === 'failed');
    assert.match(outcome.error.message, pattern);
  }
  assert.equal(it.at.tokenRequests.length, 0);
  assert.equal(it.login.ready(ANN), undefined);
});

test('answers that are no tokens are none', async (t) => {
  const it = await world(t);
  for (const body of [
    {},
    { access_token: 'x' },
    { access_token: 'x', token_type: 'DPoP' },
    { access_token: 'x\r\nevil: 1', token_type: 'Bearer' },
    { access_token: '', token_type: 'Bearer' },
    { access_token: 7, token_type: 'Bearer' },
    { access_token: 'x', token_type: 'Bearer', expires_in: -1 },
  ]) {
    it.at.pages.set('/token', (_, reply) => send(reply, 200, body));
    const outcome = await cameBack(it, await confirmed(it, await offered(it)));
    assert.equal(outcome.kind, 'failed', JSON.stringify(body));
    assert.equal(it.login.ready(ANN), undefined);
  }
});

test('a server that cannot be found out about is not asked at every call', async (t) => {
  const it = await world(t);
  it.at.pages.set('/.well-known/oauth-protected-resource/mcp', (_, reply) => reply.writeHead(500).end());
  for (let count = 0; count < 5; count += 1)
    await assert.rejects(fetched(it), is('CREDENTIALS_UNAVAILABLE', /status 500/));
  assert.equal(it.at.asked.filter((path) => path.includes('protected-resource')).length, 1);
  it.at.pages.set('/.well-known/oauth-protected-resource/mcp', {
    resource: it.at.url.href,
    authorization_servers: [it.at.origin],
  });
  await it.ports.clock.advance(5_000);
  await offered(it);
});

test('nobody who cannot be told from others has a login, unless one is for everybody', async (t) => {
  const it = await world(t);
  await assert.rejects(fetched(it, ''), is('FORBIDDEN', /nothing tells who you are.*shared: true/));
  await assert.rejects(it.login.fetch(undefined, new Cancel()), is('LOGIN_NEEDED', /logins of people/));
  assert.ok(it.login.personal);
  assert.equal(it.login.refused('', ['authorization', 'x']), false);
  const shared = await world(t, { shared: true });
  assert.ok(!shared.login.personal);
  await loggedIn(shared, undefined);
  for (const owner of [undefined, '', ANN])
    assert.deepEqual(shared.login.ready(owner), ['authorization', 'Bearer token-1']);
});

test('who gives up waits no longer', async (t) => {
  const it = await world(t);
  it.at.pages.set('/mcp', () => {});
  const cancel = new Cancel();
  const reason = new Error('gone');
  const waiting = assert.rejects(it.login.fetch(ANN, cancel), reason);
  cancel.cancel(reason);
  await waiting;
});

test('more rights take another login, which asks for those there were and those that are wanted', async (t) => {
  const it = await world(t);
  it.at.pages.set('/mcp', (_, reply) =>
    reply.writeHead(401, { 'www-authenticate': 'Bearer scope="read"' }).end(),
  );
  await loggedIn(it);
  const wants = (scope: string) => [
    'www-authenticate',
    `Bearer error="insufficient_scope", scope="${scope}"`,
  ];
  const stepUp = (answer: readonly string[], owner = ANN) => it.login.stepUp(owner, answer, new Cancel());
  for (const none of [[], ['www-authenticate', 'Bearer'], wants('read'), wants('')])
    assert.equal(await stepUp(none), undefined);
  assert.equal(await stepUp(wants('delete'), ''), undefined);
  const needed = await stepUp(wants('read delete'));
  assert.ok(needed);
  const { login } = needed.at(BASE);
  assert.match(login.message, /for more rights: read delete$/);
  const sent = await confirmed(it, login);
  assert.equal(sent.searchParams.get('scope'), 'read delete');
  assert.ok(it.login.ready(ANN), 'meanwhile the one before serves on');
  await cameBack(it, sent);
  assert.deepEqual(it.login.ready(ANN), ['authorization', 'Bearer token-2']);
  assert.equal(
    await stepUp(wants('delete')),
    undefined,
    'what was not granted is not asked for again and again',
  );
  const fixed = await world(t, { scopes: ['read'] });
  await loggedIn(fixed);
  assert.equal(await fixed.login.stepUp(ANN, wants('delete'), new Cancel()), undefined);
});
