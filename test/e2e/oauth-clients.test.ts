/**
 * Real clients log in at a real authorization server, because the gateway tells them where: nobody has told them
 * anything but the URL.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { McpHttpClient } from '../fixtures/mcp-http.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';
import { OauthClient, withLogins } from '../fixtures/oauth-client.ts';
import { Oidc, type OidcOptions } from '../fixtures/oidc.ts';
import { freePort } from '../fixtures/programs.ts';
import { WebBrowser } from '../fixtures/web-browser.ts';
import { type Driver, driveV1, driveV2, type ToolAnswer } from './clients/driver.ts';
import { throughMcpRemote } from './clients/mcp-remote.ts';

interface Place {
  readonly oidc: Oidc;
  readonly world: McpWorld;
  readonly url: string;
}

interface PlaceOptions {
  /** Over issuer, resource and scopes. */
  readonly config?: object;
  /** Further policies of the route. */
  readonly policies?: object;
  readonly oidc?: OidcOptions;
}

const root = 'file:///';
const SCOPES = ['tools:use', 'tools:danger'];

async function place(t: TestContext, { config, policies, oidc: options }: PlaceOptions = {}): Promise<Place> {
  const oidc = await Oidc.start({ scopes: SCOPES, ...options });
  t.after(() => oidc.close());
  const world = await startWorld({
    targets: { only: {} },
    policies: (resource) => ({
      mcpAuthentication: { issuer: oidc.issuer, resource, scopes: ['tools:use'], ...config },
      ...policies,
    }),
  });
  t.after(() => world.close());
  return { oidc, world, url: world.gateway.url };
}

interface Connected {
  readonly driver: Driver;
  /** With another login where one is wanted. */
  call(name: string): Promise<ToolAnswer>;
}

type Connect = (t: TestContext, url: string, client: OauthClient) => Promise<Connected>;

const v1: Connect = (t, url, client) =>
  connected(t, client, {
    make: () => new StreamableHTTPClientTransport(new URL(url), { authProvider: client as never }),
    drive: (transport) => driveV1(transport as Transport, { root }),
  });

const v2: Connect = (t, url, client) =>
  connected(t, client, {
    make: () => new TransportV2(new URL(url), { authProvider: client as never }),
    drive: async (transport) => (await driveV2(transport, { root, negotiation: 'auto' })).driver,
  });

async function connected<T extends StreamableHTTPClientTransport | TransportV2>(
  t: TestContext,
  client: OauthClient,
  { make, drive }: { make: () => T; drive: (transport: T) => Promise<Driver> },
): Promise<Connected> {
  let transport: T;
  const driver = await withLogins(
    client,
    () => transport,
    () => {
      transport = make();
      return drive(transport);
    },
  );
  t.after(() => driver.close());
  const call = (name: string) =>
    withLogins(
      client,
      () => transport,
      () => driver.call(name),
    );
  return { driver, call };
}

/** What the client is told, as it is sent. */
async function refusesScope(t: TestContext, url: string, client: OauthClient): Promise<void> {
  const authorization = `Bearer ${client.tokens()?.access_token}`;
  const raw = await McpHttpClient.open(url, { headers: { authorization } });
  t.after(() => raw.close());
  const { status, headers } = await raw.send(raw.message('tools/call', { name: 'echo' }));
  const { origin, pathname } = new URL(url);
  assert.equal(status, 403);
  assert.equal(
    headers['www-authenticate'],
    `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource${pathname}", error="insufficient_scope", scope="${SCOPES.join(' ')}"`,
  );
}

for (const [name, connect] of Object.entries({ 'SDK v1': v1, 'SDK v2': v2 })) {
  test(`${name} registers, logs in for the resource and the scopes it was told, and works`, async (t) => {
    const { oidc, url, world } = await place(t);
    const client = new OauthClient(new WebBrowser());
    const { driver } = await connect(t, url, client);
    assert.ok((await driver.tools()).includes('whoami'));
    assert.match((await driver.call('whoami')).text, /\S/);
    assert.ok(client.scopes.includes('tools:use') && !client.scopes.includes('tools:danger'));
    assert.equal(client.asked[0]?.searchParams.get('resource'), url);
    assert.deepEqual([oidc.registered.length, client.asked.length], [1, 1]);
    const headers = world.server('only').control.received();
    assert.ok(headers.length > 0 && headers.every((one) => one.headers['authorization'] === undefined));
  });

  test(`${name} with a client-id document logs in without registering`, async (t) => {
    const document = 'https://client.test/metadata.json';
    const { clientMetadata } = new OauthClient(new WebBrowser());
    const clientDocuments = { [document]: { client_id: document, ...clientMetadata } };
    const { oidc, url } = await place(t, { oidc: { clientDocuments } });
    const client = new OauthClient(new WebBrowser(), { document });
    const { driver } = await connect(t, url, client);
    assert.ok((await driver.tools()).includes('whoami'));
    assert.deepEqual([oidc.registered, client.clientInformation()?.client_id], [[], document]);
  });

  test(`${name} renews a token that the gateway takes no longer, without its person`, async (t) => {
    const { oidc, url } = await place(t);
    const client = new OauthClient(new WebBrowser());
    const { driver } = await connect(t, url, client);
    const past = Math.floor(Date.now() / 1000) - 3600;
    const tokens = client.tokens();
    assert.ok(tokens?.refresh_token);
    const expired = await oidc.sign({ aud: url, sub: 'ann', scope: 'tools:use', exp: past });
    client.saveTokens({ ...tokens, access_token: expired });
    assert.match((await driver.call('whoami')).text, /\S/);
    assert.equal(oidc.tokenRequests.at(-1)?.grant, 'refresh_token');
    assert.equal(client.asked.length, 1);
    assert.notEqual(client.tokens()?.access_token, expired);
  });

  test(`${name} logs in again for a call that takes more than it was granted`, async (t) => {
    const require = '!has(mcp.tool) || mcp.tool.name != "echo" || jwt.scope.contains("tools:danger")';
    const mcpAuthorization = { rules: [{ require, scopes: SCOPES }] };
    // One that registers may afterwards only ask for the scopes it registered with, and one that could refresh would
    // do that first, and get what it had.
    const known = {
      client_id: 'known',
      ...new OauthClient(new WebBrowser(), { refreshes: false }).clientMetadata,
    };
    const { oidc, url } = await place(t, {
      policies: { mcpAuthorization },
      oidc: { clients: [known as never] },
    });
    const client = new OauthClient(new WebBrowser(), { client: known, refreshes: false });
    const { driver, call } = await connect(t, url, client);
    assert.ok((await driver.tools()).includes('whoami'));
    await refusesScope(t, url, client);
    assert.equal((await call('echo')).isError, false);
    assert.equal(client.asked.length, 2);
    assert.ok(SCOPES.every((scope) => client.scopes.includes(scope)));
    assert.deepEqual(oidc.registered, []);
  });
}

test('SDK v1 logs in at a provider that the gateway adapts, registering through the gateway', async (t) => {
  const { oidc, url } = await place(t, { config: { provider: 'keycloak' } });
  const client = new OauthClient(new WebBrowser());
  const { driver } = await v1(t, url, client);
  assert.ok((await driver.tools()).includes('whoami'));
  assert.equal(oidc.registered.length, 1);
});

for (const [name, connect] of Object.entries({ 'SDK v1': v1, 'SDK v2': v2 })) {
  test(`${name} logs in at a remote server's own authorization server, through a gateway that has none`, async (t) => {
    const oidc = await Oidc.start({ scopes: SCOPES });
    let inner: McpWorld | undefined;
    let outer: GatewayProcess | undefined;
    t.after(async () => {
      await outer?.stop();
      await inner?.close();
      await oidc.close();
    });
    // The server is another gateway, which takes tokens for the URL that clients of this one use.
    const port = await freePort();
    const url = `http://localhost:${port}/mcp`;
    inner = await startWorld({
      targets: { only: {} },
      policies: (own) => ({
        mcpAuthentication: { issuer: oidc.issuer, resource: own, audiences: [url], scopes: ['tools:use'] },
      }),
    });
    const host = inner.gateway.url;
    outer = await startGateway(
      `mcp: { port: ${port}, targets: [{ name: inner, mcp: { host: "${host}" } }] }`,
    );
    const client = new OauthClient(new WebBrowser());
    const { driver } = await connect(t, url, client);
    assert.ok((await driver.tools()).includes('whoami'));
    assert.match((await driver.call('whoami')).text, /\S/);
    assert.equal(client.asked[0]?.searchParams.get('resource'), url);
    assert.ok(client.scopes.includes('tools:use'));
  });
}

test('a token of the same server for another resource, or one that was never given out, opens nothing', async (t) => {
  const { oidc, url } = await place(t);
  const other = await Oidc.start({ scopes: SCOPES });
  t.after(() => other.close());
  const foreign = `${new URL(url).origin}/other`;
  for (const [token, status] of [
    [await oidc.serviceToken(url, 'tools:use'), 200],
    [await oidc.serviceToken(foreign, 'tools:use'), 401],
    [await oidc.sign({ sub: 'ann', aud: undefined }), 401],
    [await other.serviceToken(url, 'tools:use'), 401],
    [await other.sign({ iss: oidc.issuer, aud: url }), 401],
  ] as const) {
    const client = new McpHttpClient(url, { headers: { authorization: `Bearer ${token}` } });
    t.after(() => client.close());
    assert.equal((await client.initialize()).status, status);
  }
});

test('mcp-remote logs in with the browser of its person, and the session is theirs', async (t) => {
  const { oidc, url } = await place(t);
  const state = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  t.after(() => rm(state, { recursive: true, force: true }));
  const { origin } = new URL(url);
  const pages: Promise<{ status: number }>[] = [];
  const driver = await throughMcpRemote(
    { origin, folder: '/' },
    { path: '/mcp', flags: [], state, browse: (at) => pages.push(new WebBrowser().open(at)) },
  );
  t.after(() => driver.close());
  assert.ok((await driver.tools()).includes('whoami'));
  assert.match((await driver.call('whoami')).text, /\S/);
  const [page] = await Promise.all(pages);
  assert.deepEqual([page?.status, oidc.registered.length], [200, 1]);
});
