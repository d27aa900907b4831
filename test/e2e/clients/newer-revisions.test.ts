/**
 * Clients of revision 2026-07-28 try that first. What they get must say "not spoken here" in a way that makes each of
 * them begin anew with `initialize`, on every transport.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../../fixtures/gateway.ts';
import { serverScript } from './real-servers.ts';

const NEWER = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': NEWER,
  'io.modelcontextprotocol/clientCapabilities': {},
};

let gateway: GatewayProcess;
before(async () => {
  const stdio = { cmd: process.execPath, args: [serverScript('everything')] };
  gateway = await startGateway({ mcp: { targets: [{ name: 'everything', stdio }] } });
});
after(async () => {
  await gateway?.stop();
});

function post(method: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(gateway.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': NEWER,
      'mcp-method': method,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'probe-1', method, params: { _meta: META } }),
  });
}

test('a request of a newer revision is refused with the revisions that are spoken', async () => {
  for (const method of ['server/discover', 'tools/list', 'subscriptions/listen']) {
    const response = await post(method);
    assert.equal(response.status, 400);
    const { id, error } = (await response.json()) as {
      id: unknown;
      error: { code: number; message: string; data: { supported: string[]; requested: string } };
    };
    assert.equal(id, 'probe-1');
    // Not -32022: that code is of the newer revision, and clients take it for a server that speaks it.
    assert.equal(error.code, -32000);
    assert.match(error.message, /Unsupported protocol version: 2026-07-28 \(supported versions: 2025-11-25,/);
    assert.deepEqual(error.data.supported.slice(0, 2), ['2025-11-25', '2025-06-18']);
    assert.equal(error.data.requested, NEWER);
  }
});

test('a listening stream of a newer revision is refused as well', async () => {
  const headers = { accept: 'text/event-stream', 'mcp-protocol-version': NEWER };
  const response = await fetch(gateway.url, { headers });
  assert.equal(response.status, 400);
  assert.match(await response.text(), /Unsupported protocol version/);
});

test('initialize with a newer revision is answered with the newest that is spoken', async () => {
  const params = { protocolVersion: NEWER, capabilities: {}, clientInfo: { name: 'newer', version: '1' } };
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  const { result } = (await response.json()) as { result: { protocolVersion: string } };
  assert.equal(result.protocolVersion, '2025-11-25');
});

test('over SSE a probe before initialize is answered with an error, and initialize still works', async () => {
  const aborter = new AbortController();
  const stream = await fetch(gateway.url.replace(/mcp$/, 'sse'), {
    headers: { accept: 'text/event-stream' },
    signal: aborter.signal,
  });
  const reader = (stream.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  /** The data of the next event. */
  const next = async (): Promise<string> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      const event = text.slice(0, end);
      text = end < 0 ? text : text.slice(end + 2);
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (end >= 0 && data !== undefined) return data;
      const { value, done } = await reader.read();
      assert.equal(done, false, 'the stream ended');
      text += value;
    }
  };
  const path = await next();
  const send = (message: object): Promise<Response> =>
    fetch(new URL(path, gateway.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  await send({ id: 'probe', method: 'server/discover', params: { _meta: META } });
  const refused = JSON.parse(await next()) as { id: string; error: { code: number } };
  assert.deepEqual([refused.id, refused.error.code], ['probe', -32600]);
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
  await send({ id: 'init', method: 'initialize', params });
  const begun = JSON.parse(await next()) as { id: string; result: { protocolVersion: string } };
  assert.deepEqual([begun.id, begun.result.protocolVersion], ['init', '2025-11-25']);
  aborter.abort();
});
