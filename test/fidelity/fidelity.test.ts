/** The runner finds nothing where there is nothing, and everything that a careless proxy does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import { allCases } from './cases.ts';
import { RawClient } from './client.ts';
import { compareAll } from './run.ts';
import { upstreamOptions } from './upstream.ts';

async function upstream(t: TestContext): Promise<string> {
  const server = await startRawServer(upstreamOptions);
  t.after(() => server.close());
  return server.url;
}

/** Parses and writes again whatever passes, as most gateways do. */
async function reserialiser(t: TestContext, url: string): Promise<string> {
  const proxy = createServer(async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (!['connection', 'content-length', 'host'].includes(name)) headers.set(name, String(value));
    }
    const again = (text: string): string => JSON.stringify(JSON.parse(text));
    const body = again(Buffer.concat(chunks).toString('utf8'));
    const answer = await fetch(url, { method: 'POST', headers, body });
    const text = await answer.text();
    const json = answer.headers.get('content-type') === 'application/json';
    response.writeHead(
      answer.status,
      Object.fromEntries([...answer.headers].filter(([name]) => name !== 'content-length')),
    );
    response.end(json ? again(text) : text);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`;
}

test('a server compared with itself is the same in every case', async (t) => {
  const url = await upstream(t);
  const clients = { direct: new RawClient(url), through: new RawClient(url) };
  t.after(() => {
    clients.direct.close();
    clients.through.close();
  });
  const tally = await compareAll(clients, allCases, 'http');
  assert.deepEqual(tally.undocumented, []);
  assert.equal(tally.documented.size, 0);
});

test('a proxy that parses and writes again is caught where numbers, escapes and keys change', async (t) => {
  const url = await upstream(t);
  const clients = { direct: new RawClient(url), through: new RawClient(await reserialiser(t, url)) };
  t.after(() => {
    clients.direct.close();
    clients.through.close();
  });
  const tally = await compareAll(clients, allCases, 'http');
  const caught = new Set(tally.undocumented.map(({ one }) => `${one.group}: ${one.name}`));
  for (const group of ['arguments', 'values in results']) {
    for (const name of [
      'big integer',
      'decimal with zero',
      'negative zero',
      'upper case escapes',
      'key order',
    ]) {
      assert.ok(caught.has(`${group}: ${name}`), `${group}: ${name} went unnoticed`);
    }
  }
  assert.ok(!caught.has('values in results: empty object'));
});
