/** The number of sessions is bounded: one more is told to come back later, and nobody else notices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';

function full({ status, headers, messages }: Answer): void {
  assert.equal(status, 503);
  assert.match(headers['retry-after'] ?? '', /^\d+$/);
  const [{ error } = {}] = messages;
  assert.equal(error?.data?.['code'], 'SESSION_LIMIT');
  assert.equal(error?.data?.['retryable'], true);
  assert.match(error?.message ?? '', /2 sessions/);
}

test('beyond the cap a client is told to come back, whatever transport it speaks', async (t) => {
  const world = await startWorld({ targets: { one: {}, two: {} }, settings: { mcp: { maxSessions: 2 } } });
  t.after(() => world.close());
  const [first, second] = [await world.client(), await world.sse()];
  const late = new McpHttpClient(world.gateway.url);
  t.after(() => late.close());
  full(await late.initialize());
  const sse = new McpHttpClient(world.gateway.url.replace(/mcp$/, 'sse'));
  t.after(() => sse.close());
  const response = await sse.begin('GET').response;
  response.resume();
  assert.equal(response.statusCode, 503);
  assert.match(response.headers['retry-after'] ?? '', /^\d+$/);
  assert.equal(textOf(await first.call('one_echo')), '{}');
  assert.deepEqual((await second.request('ping')).result, {});
  assert.equal((await first.delete()).status, 200);
  assert.equal((await late.initialize()).status, 200);
  full(await late.initialize());
  second.close();
  await second.stream.ended;
  let answer = await late.initialize();
  while (answer.status === 503) answer = await late.initialize();
  assert.equal(answer.status, 200);
});

test('clients that all begin at once do not slip past the cap together', async (t) => {
  const world = await startWorld({ targets: { one: {}, two: {} }, settings: { mcp: { maxSessions: 2 } } });
  t.after(() => world.close());
  const clients = Array.from({ length: 20 }, () => new McpHttpClient(world.gateway.url));
  t.after(() => {
    for (const client of clients) client.close();
  });
  const answers = await Promise.all(clients.map((client) => client.initialize()));
  assert.equal(answers.filter(({ status }) => status === 200).length, 2);
  for (const answer of answers) if (answer.status !== 200) full(answer);
});

test('sessions that were left behind make room when they have been idle', async (t) => {
  const world = await startWorld({
    targets: { one: {}, two: {} },
    settings: { mcp: { maxSessions: 2, sessionTtl: '1s' } },
  });
  t.after(() => world.close());
  const [left, used] = [await world.client(), await world.client()];
  const listening = await used.listen();
  const late = new McpHttpClient(world.gateway.url);
  t.after(() => late.close());
  let answer = await late.initialize();
  full(answer);
  while (answer.status === 503) answer = await late.initialize();
  assert.equal(answer.status, 200);
  assert.equal((await left.send({ jsonrpc: '2.0', id: 1, method: 'ping' })).status, 404);
  // Whoever listens is not idle.
  assert.deepEqual((await used.request('ping')).result, {});
  listening.close();
});
