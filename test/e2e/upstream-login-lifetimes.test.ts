/** What becomes of a login: renewed, revoked, kept over restarts and reloads, forgotten by the authorization server, shared. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { KEYS, LoginClient, linkIn, logIn, type Place, place } from '../fixtures/login-place.ts';
import { WebBrowser } from '../fixtures/web-browser.ts';

type Options = Parameters<typeof LoginClient.open>[1];

async function clientOf(t: TestContext, { gateway }: Pick<Place, 'gateway'>, options: Options) {
  const client = await LoginClient.open(gateway.url, options);
  t.after(() => client.close());
  return client;
}

/** Ann, who opens pages and is somebody at the upstream. */
const ann = (t: TestContext, at: Place, gateway = at.gateway) =>
  clientOf(t, { gateway }, { era: 'legacy', key: KEYS.ann, opens: (url) => logIn(at, 'ann@upstream', url) });

const grants = ({ oidc }: Place) =>
  oidc.tokenRequests.map(({ grant, error }) => (error ? `${grant}!` : grant));

test('a token that the server refuses is renewed without the person, once for all who call', async (t) => {
  const at = await place(t);
  const client = await ann(t, at);
  await client.call('whoami');
  at.server.refused.add(at.server.lastToken);
  const said = await Promise.all(Array.from({ length: 8 }, () => client.call('whoami')));
  assert.deepEqual(new Set(said), new Set(['ann@upstream']));
  assert.deepEqual(grants(at), ['authorization_code', 'refresh_token']);
  assert.equal(client.asked.length, 1);
  for (const { resource } of at.oidc.tokenRequests) assert.equal(resource, at.server.url);
});

test('a login that was revoked is asked for again', async (t) => {
  const at = await place(t);
  const client = await ann(t, at);
  await client.call('whoami');
  at.oidc.revokeGrants();
  at.server.refused.add(at.server.lastToken);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(client.asked.length, 2);
  assert.equal(at.oidc.registered.length, 1, 'the registration is still good');
});

test('a gateway that is not known any more registers anew', async (t) => {
  const at = await place(t);
  const client = await ann(t, at);
  await client.call('whoami');
  at.oidc.revokeGrants();
  at.oidc.forgetClients();
  at.server.refused.add(at.server.lastToken);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(client.asked.length, 2);
  assert.equal(at.oidc.registered.length, 2);
});

test('it registers as what it is: on this machine a native client, that comes back to its own page', async (t) => {
  const at = await place(t);
  const client = await ann(t, at);
  await client.call('whoami');
  const [registered] = at.oidc.registered;
  assert.equal(registered?.application_type, 'native');
  assert.equal(registered?.token_endpoint_auth_method, 'none');
  assert.deepEqual(registered?.redirect_uris, [
    new URL('/.agentgateway/oauth/callback', at.gateway.url).href,
  ]);
});

test('a client of the configuration is used as it is', async (t) => {
  const secret = 'secret-of-the-configured-client';
  const redirect = 'http://localhost:1/.agentgateway/oauth/callback';
  const at = await place(t, {
    oidc: {
      clients: [
        {
          client_id: 'ours',
          client_secret: secret,
          redirect_uris: [redirect],
          application_type: 'native',
          grant_types: ['authorization_code', 'refresh_token'],
        },
      ],
    },
    login: { clientId: 'ours', clientSecret: secret, redirectUri: redirect },
  });
  const client = await clientOf(t, at, { era: 'legacy', key: KEYS.ann });
  const link = linkIn(await client.refusal('whoami'));
  assert.equal(new URL(link).origin, 'http://localhost:1', 'pages are where browsers reach the gateway');
  // There is nothing at that port: the person's browser gets to the gateway another way.
  at.oidc.person = 'ann@upstream';
  const browser = new WebBrowser({ 'http://localhost:1': new URL(at.gateway.url).origin });
  const end = await browser.press(await browser.open(link));
  assert.match(end.body, /You are connected/);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(at.oidc.registered.length, 0);
  assert.equal(at.oidc.tokenRequests[0]?.client, 'ours');
  assert.ok(!at.gateway.log().includes(secret));
});

test('a client-id metadata document of the gateway is a client where such are taken', async (t) => {
  const publicUrl = 'https://gateway.example';
  const document = `${publicUrl}/.agentgateway/oauth/client.json`;
  const documents: Record<string, object> = {};
  const at = await place(t, {
    oidc: { clientDocuments: documents },
    login: { publicUrl, clientMetadataUrl: document },
  });
  const served = await fetch(new URL('/.agentgateway/oauth/client.json', at.gateway.url));
  assert.equal(served.headers.get('content-type'), 'application/json');
  const described = (await served.json()) as { client_id: string; redirect_uris: string[] };
  assert.equal(described.client_id, document);
  assert.deepEqual(described.redirect_uris, [`${publicUrl}/.agentgateway/oauth/callback`]);
  documents[document] = described;
  const client = await clientOf(t, at, { era: 'modern', key: KEYS.ann });
  const link = linkIn(await client.refusal('whoami'));
  const browser = new WebBrowser({ [publicUrl]: new URL(at.gateway.url).origin });
  at.oidc.person = 'ann@upstream';
  const end = await browser.press(await browser.open(link));
  assert.match(end.body, /You are connected/);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(at.oidc.tokenRequests[0]?.client, document);
  assert.equal(at.oidc.registered.length, 0);
});

test('a store keeps logins over a restart, encrypted and for the gateway alone', async (t) => {
  const file = join(await temporaryFolder(t), 'deep', 'tokens');
  const key = 'a key of thirty-two characters or so';
  const at = await place(t, { login: { store: { file, key } } });
  await (await ann(t, at)).call('whoami');
  const token = at.server.lastToken;
  await at.gateway.stop();
  const kept = await readFile(file, 'latin1');
  assert.ok(!kept.includes(token) && !kept.includes('ann'));
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  const again = await startGateway(at.options);
  t.after(() => again.stop());
  const client = await ann(t, at, again);
  assert.deepEqual(await client.tools(), ['whoami', 'danger']);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(client.asked.length, 0);
  at.server.refused.add(token);
  assert.equal(await client.call('whoami'), 'ann@upstream', 'it can also be renewed');
  assert.equal(client.asked.length, 0);
  await again.stop();
  for (const { gateway } of [at, { gateway: again }]) assert.ok(!gateway.log().includes(token));
});

test('a store that was tampered with is not used, nor written over', async (t) => {
  const file = join(await temporaryFolder(t), 'tokens');
  const at = await place(t, { login: { store: { file, key: 'a key of thirty-two characters or so' } } });
  await (await ann(t, at)).call('whoami');
  await at.gateway.stop();
  const text = await readFile(file, 'utf8');
  const broken = `${text.slice(0, 100)}${text[100] === 'A' ? 'B' : 'A'}${text.slice(101)}`;
  await writeFile(file, broken);
  const again = await startGateway(at.options);
  t.after(() => again.stop());
  await assert.rejects(
    clientOf(t, { gateway: again }, { era: 'legacy', key: KEYS.ann }),
    /the store of logins cannot be read/,
  );
  await again.said(/changed since/);
  assert.equal(await readFile(file, 'utf8'), broken);
});

test('a reload keeps logins', async (t) => {
  const at = await place(t);
  const client = await ann(t, at);
  await client.call('whoami');
  const text = JSON.parse(await readFile(at.gateway.file, 'utf8')) as {
    binds: { listeners: { routes: { backends: { mcp: Record<string, unknown> }[] }[] }[] }[];
  };
  const mcp = text.binds[0]?.listeners[0]?.routes[0]?.backends[0]?.mcp ?? {};
  mcp['callTimeout'] = '20s';
  await writeFile(at.gateway.file, JSON.stringify(text));
  await at.gateway.said(/configuration.*(?:applied|in force|reloaded)/i);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(client.asked.length, 1);
});

test('without authentication nobody is told apart, so nobody gets to log in', async (t) => {
  const at = await place(t, { open: true });
  const client = await clientOf(t, at, { era: 'modern' }).catch((error: Error) => error);
  const said = client instanceof Error ? client.message : await client.refusal('whoami');
  assert.match(said, /nothing tells who you are.*shared: true/);
});

for (const era of ['legacy', 'modern'] as const) {
  test(`a shared login is everybody's, and the gateway's own (${era})`, async (t) => {
    const at = await place(t, { open: true, login: { shared: true } });
    const client = await clientOf(t, at, { era });
    assert.deepEqual(await client.tools(), ['login']);
    await logIn(at, 'the team', linkIn(await client.refusal('whoami')));
    await client.changed();
    assert.deepEqual(await client.tools(), ['whoami', 'danger']);
    const other = await clientOf(t, at, { era });
    assert.deepEqual(await other.tools(), ['whoami', 'danger']);
    assert.equal(await other.call('whoami'), 'the team');
  });

  test(`beside other servers, its tools come and go with the login of each client (${era})`, async (t) => {
    const at = await place(t, { targets: [{ name: 'local', stdio: EVERYTHING }] });
    const client = await clientOf(t, at, { era, key: KEYS.ann });
    const before = await client.tools();
    assert.ok(before.includes('notes_login') && before.includes('local_echo'), before.join());
    assert.ok(!before.includes('notes_whoami'));
    await logIn(at, 'ann@upstream', linkIn(await client.refusal('notes_whoami')));
    await client.changed();
    const after = await client.tools();
    assert.ok(after.includes('notes_whoami') && !after.includes('notes_login'), after.join());
    assert.equal(await client.call('notes_whoami'), 'ann@upstream');
    const bob = await clientOf(t, at, { era, key: KEYS.bob });
    assert.ok((await bob.tools()).includes('notes_login'));
  });
}

const EVERYTHING = { cmd: 'npx', args: ['mcp-server-everything', 'stdio'] };

test('rules about what a server has do not take away the way to it', async (t) => {
  const at = await place(t, {
    policies: {
      apiKey: { keys: [{ key: KEYS.ann }] },
      mcpAuthorization: { rules: ['mcp.tool.name == "whoami"'] },
    },
  });
  const client = await ann(t, at);
  assert.deepEqual(await client.tools(), ['login']);
  assert.match(await client.refusal('danger'), /Unknown tool/);
  assert.equal(client.asked.length, 0, 'what may not be called is no reason to log in');
  assert.match(await client.call('login'), /You are logged in/);
  assert.deepEqual(await client.tools(), ['whoami']);
});
