/** The runner finds nothing where there is nothing, and everything that a careless proxy does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { Era } from '../../src/mcp/revisions.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import type { Pair, Place } from './case.ts';
import { casesOf } from './cases.ts';
import type { Clients } from './compare.ts';
import { compareAll } from './run.ts';
import { upstreamOptions } from './upstream.ts';
import { clientOf } from './world.ts';

async function upstream(t: TestContext, era: Era): Promise<string> {
  const server = await startRawServer(upstreamOptions(era));
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

/** Clients of the server itself and of what stands in between. */
function clientsOf(t: TestContext, era: Era, urls: { direct: string; through: string }): Clients {
  const [direct, through] = [clientOf(era, urls.direct), clientOf(era, urls.through)];
  t.after(() => {
    direct.close();
    through.close();
  });
  return { direct, through, headers: () => undefined, watched: 'raw://one' };
}

for (const era of ['legacy', 'modern'] as const) {
  test(`a ${era} server compared with another of its kind is the same in every case`, async (t) => {
    const urls = { direct: await upstream(t, era), through: await upstream(t, era) };
    const pair: Pair = `${era}-${era}`;
    const tally = await compareAll(clientsOf(t, era, urls), casesOf(pair), { pair, way: 'http' });
    assert.deepEqual(tally.undocumented, []);
    assert.deepEqual([...tally.documented.keys()], []);
  });
}

test('a proxy that parses and writes again is caught where numbers, escapes and keys change', async (t) => {
  const direct = await upstream(t, 'legacy');
  const through = await reserialiser(t, await upstream(t, 'legacy'));
  const place: Place = { pair: 'legacy-legacy', way: 'http' };
  const cases = casesOf(place.pair).filter(({ group }) => group !== 'questions' && group !== 'events');
  const tally = await compareAll(clientsOf(t, 'legacy', { direct, through }), cases, place);
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
