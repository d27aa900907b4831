/** Where each request goes, what has been changed on its way, and what the gateway answers itself. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import { closing, collect, listening } from '../../test/e2e/http-harness.ts';
import { startExample } from '../../test/fixtures/example.ts';

interface Asked {
  readonly server: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export async function check(t: TestContext): Promise<void> {
  const asked: Asked[] = [];
  const serve = async (server: string): Promise<string> => {
    const http = createServer(async (incoming, reply) => {
      await collect(incoming);
      const { url = '', headers } = incoming;
      asked.push({ server, url, headers });
      reply.setHeader('x-powered-by', server).end(JSON.stringify({ server, url, headers }));
    });
    const port = await listening(http);
    t.after(() => closing(http));
    return `127.0.0.1:${port}`;
  };
  const env = {
    STABLE_API: await serve('stable'),
    NEW_API: await serve('new'),
    SHADOW_API: await serve('shadow'),
    WEBSITE: await serve('website'),
  };
  const { url } = await startExample(t, 'http', env);
  const ask = async (path: string, init: RequestInit = {}) => {
    const reply = await fetch(new URL(path, url), { redirect: 'manual', ...init });
    return { status: reply.status, headers: reply.headers, text: await reply.text() };
  };
  const where = async (path: string, init?: RequestInit): Promise<Asked> =>
    JSON.parse((await ask(path, init)).text);

  const shares: string[] = [];
  for (let at = 0; at < 8; at += 1) shares.push((await where('/api/users')).server);
  assert.equal(shares.filter((each) => each === 'stable').length, 6);
  assert.equal(shares.filter((each) => each === 'new').length, 2);

  const cookie = { headers: { cookie: 'session=1' } };
  const plain = await ask('/api/users?id=1', cookie);
  const seen = JSON.parse(plain.text) as Asked;
  assert.deepEqual([seen.url, seen.headers.cookie], ['/users?id=1', undefined]);
  assert.equal(plain.headers.get('cache-control'), 'no-store');
  assert.equal(plain.headers.get('x-powered-by'), null);
  assert.equal((await where('/index.html', cookie)).headers.cookie, 'session=1');

  for (const [path, init] of [
    ['/api/users?preview=1', {}],
    ['/api/users', { headers: { 'x-preview': '1' } }],
  ] as const)
    assert.deepEqual(
      [(await where(path, init)).server, (await where(path, init)).url.replace(/\?.*/, '')],
      ['new', '/v2/users'],
    );

  const order = { method: 'POST', body: '{"id":"o-7"}' };
  assert.equal((await where('/api/orders', order)).headers['x-order-id'], 'o-7');
  const statuses: number[] = [];
  for (let at = 0; at < 6; at += 1) statuses.push((await ask('/api/orders', order)).status);
  assert.ok(statuses.includes(429), statuses.join());

  assert.equal((await ask('/api/legacy/x')).status, 410);
  assert.deepEqual([(await ask('/health')).text, (await where('/other')).server], ['ok', 'website']);
  const moved = await ask('/old/page?x=1');
  assert.deepEqual([moved.status, new URL(moved.headers.get('location') ?? '').pathname], [301, '/new/page']);

  const until = Date.now() + 5_000;
  const mirrored = (): boolean =>
    asked.some(({ server, url: path }) => server === 'shadow' && path === '/users');
  while (!mirrored() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(mirrored());
}
