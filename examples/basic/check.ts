/** One server over HTTP: its own names, nothing added, and open to pages of other origins. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { callText, startExample, toolNames } from '../../test/fixtures/example.ts';

export async function check(t: TestContext): Promise<void> {
  const gateway = await startExample(t, 'basic');
  const client = await gateway.connect();
  assert.ok((await toolNames(client)).includes('echo'));
  assert.equal(await callText(client, 'echo', { message: 'hello' }), 'Echo: hello');
  assert.ok((await client.listResources()).resources.length > 0);
  assert.ok((await client.listPrompts()).prompts.length > 0);
  await checkBrowser(gateway.url);
}

/** What a browser asks before it lets a page send its first message. */
async function checkBrowser(url: string): Promise<void> {
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin: 'http://localhost:6274',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,mcp-protocol-version,mcp-session-id',
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /mcp-session-id/i);
}
