/** A remote MCP server that wants a login: people go through it in a browser, each for themselves, and their calls go on. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { Oidc, type OidcOptions } from '../fixtures/oidc.ts';
import { type ProtectedOptions, ProtectedServer } from '../fixtures/protected-server.ts';
import { WebBrowser } from '../fixtures/web-browser.ts';

const KEYS = { ann: 'key-of-ann', bob: 'key-of-bob' } as const;

interface Place {
  readonly oidc: Oidc;
  readonly server: ProtectedServer;
  readonly gateway: GatewayProcess;
}

interface PlaceOptions {
  readonly oidc?: OidcOptions;
  readonly server?: Partial<ProtectedOptions>;
  readonly login?: object;
  readonly open?: boolean;
  readonly mcp?: object;
}

async function place(t: TestContext, options: PlaceOptions = {}): Promise<Place> {
  const oidc = await Oidc.start(options.oidc);
  t.after(() => oidc.close());
  const server = await ProtectedServer.start({ issuer: oidc.issuer, ...options.server });
  t.after(() => server.close());
  const keys = Object.entries(KEYS).map(([name, key]) => ({ key, metadata: { name } }));
  const policies = { backendAuth: { oauthAuthorizationCode: options.login ?? {} } };
  const gateway = await startGateway({
    mcp: { targets: [{ name: 'notes', mcp: { host: server.url }, policies }], ...options.mcp },
    policies: options.open ? {} : { apiKey: { keys } },
  });
  t.after(() => gateway.stop());
  return { oidc, server, gateway };
}

const of = (name: keyof typeof KEYS) => ({
  requestInit: { headers: { authorization: `Bearer ${KEYS[name]}` } },
});

/** Goes through the pages as a person does. */
async function logIn(url: string, browser = new WebBrowser()) {
  const page = await browser.open(url);
  assert.equal(page.status, 200, page.body);
  return browser.press(page);
}

const textOf = (result: unknown): string =>
  (result as { content: { text: string }[] }).content.map(({ text }) => text).join('');

test('a client that opens pages is asked to, and its call goes on after the login (2025-11-25)', async (t) => {
  const { oidc, server, gateway } = await place(t);
  const asked: string[] = [];
  const completed: string[] = [];
  const client = new Client({ name: 'c', version: '1' }, { capabilities: { elicitation: { url: {} } } });
  const changed = new Promise<void>((resolve) =>
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve()),
  );
  client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
    completed.push(params.elicitationId);
  });
  let id = '';
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    assert.ok(params.mode === 'url');
    id = params.elicitationId;
    asked.push(params.message);
    oidc.person = 'ann@upstream';
    const end = await logIn(params.url);
    assert.match(end.body, /You are connected/);
    return { action: 'accept' };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url), of('ann')) as Transport);
  t.after(() => client.close());
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['login'],
  );
  assert.equal(textOf(await client.callTool({ name: 'whoami' })), 'ann@upstream');
  assert.equal(asked.length, 1);
  assert.match(asked[0] ?? '', /Log in to notes/);
  assert.deepEqual(completed, [id]);
  await changed;
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['whoami'],
  );
  assert.ok(server.subjects.every((each) => each === 'ann@upstream'));
});
