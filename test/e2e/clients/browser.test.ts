/** Web pages as clients: MCP Inspector's, and one of another origin that may come because of the printed cors block. */
// needs: chromium
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type GatewayProcess, startGateway } from '../../fixtures/gateway.ts';
import { freePort, start } from '../../fixtures/programs.ts';
import { ONE_STDIO_SERVER } from '../printed-configs.ts';
import { noBrowser, startBrowser } from './browser.ts';
import { INSPECTOR } from './inspector.ts';

const APP = 'app.example.test';

describe('web pages', { skip: noBrowser() ?? false }, () => {
  let browser: Browser;
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await startGateway(ONE_STDIO_SERVER);
    browser = await startBrowser([APP]);
  });
  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  test("MCP Inspector's page connects, lists the tools and calls one", async (t) => {
    const page = await browser.newPage();
    await page.goto(await inspectorFor(t, gateway.url));
    await page.getByRole('switch').first().click({ force: true });
    await page.getByText('MCP 2025-11-25').waitFor();
    await page.getByText('Tools', { exact: true }).first().click();
    await page.getByText('Echo Tool').first().click();
    await page.getByRole('textbox', { name: /message/ }).fill('hello from a page');
    await page.getByRole('button', { name: 'Execute Tool' }).click();
    await page.getByText('Echo: hello from a page').first().waitFor();
    await page.close();
  });

  test('a page of another origin opens a session, calls a tool, listens and ends the session', async (t) => {
    const page = await otherOrigin(t, browser);
    const seen = await page.evaluate(speakMcp, gateway.url);
    assert.match(seen.session, /^[\x21-\x7e]+$/);
    assert.ok(seen.tools.includes('echo'));
    assert.match(seen.called, /Echo: hello from afar/);
    assert.equal(seen.listening, 'text/event-stream');
    assert.deepEqual(seen.ended, [200, 404]);
  });

  test('without cors the page learns nothing', async (t) => {
    const { config } = {
      config: ONE_STDIO_SERVER.replace(/ {4}- policies:[\s\S]*? {6}backends:/, '    - backends:'),
    };
    const closed = await startGateway(config);
    t.after(() => closed.stop());
    const page = await otherOrigin(t, browser);
    await assert.rejects(page.evaluate(speakMcp, closed.url), /Failed to fetch/);
    await closed.said(/"http.method":"OPTIONS".*"http.status":403/);
  });
});

/** Runs in the page, so it must be whole in itself. */
async function speakMcp(url: string) {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  let id = 0;
  const post = async (method: string, params: object, reply = true): Promise<Response> => {
    id += 1;
    const message = reply ? { id, method, params } : { method, params };
    return await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  };
  const begun = await post('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'page', version: '1' },
  });
  const session = begun.headers.get('mcp-session-id') ?? 'hidden';
  await begun.text();
  headers['mcp-session-id'] = session;
  headers['mcp-protocol-version'] = '2025-11-25';
  await post('notifications/initialized', {}, false);
  const listed = await (await post('tools/list', {})).text();
  const called = await (
    await post('tools/call', { name: 'echo', arguments: { message: 'hello from afar' } })
  ).text();
  const stop = new AbortController();
  const stream = await fetch(url, {
    headers: { ...headers, accept: 'text/event-stream', 'last-event-id': 'g-0' },
    signal: stop.signal,
  });
  const listening = stream.headers.get('content-type') ?? '';
  stop.abort();
  const deleted = await fetch(url, { method: 'DELETE', headers });
  const gone = await post('ping', {});
  return {
    session,
    tools: [...listed.matchAll(/"name":"([^"]+)"/g)].map((match) => match[1] ?? ''),
    called,
    listening,
    ended: [deleted.status, gone.status],
  };
}

/** An empty page at a name that is not this machine's. */
async function otherOrigin(t: TestContext, browser: Browser): Promise<Page> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>page</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const page = await browser.newPage();
  t.after(async () => {
    await page.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  await page.goto(`http://${APP}:${(server.address() as AddressInfo).port}/`);
  return page;
}

/** The address of a running Inspector that knows the gateway. */
async function inspectorFor(t: TestContext, url: string): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'inspector-'));
  const env = {
    ...process.env,
    HOME: home,
    CLIENT_PORT: String(await freePort()),
    MCP_SANDBOX_PORT: String(await freePort()),
    MCP_AUTO_OPEN_ENABLED: 'false',
  };
  const args = [INSPECTOR, '--web', '--server-url', url, '--transport', 'http'];
  const inspector = start(process.execPath, args, { env });
  t.after(async () => {
    await inspector.stop();
    await rm(home, { recursive: true, force: true });
  });
  const [address] = await inspector.said(/http:\/\/127\.0\.0\.1:\d+\?MCP_INSPECTOR_API_TOKEN=\w+/);
  return address;
}
