/** Upstreams that never answer, or not in time: the error says which target and how long, and nobody else waits. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { RawOptions } from '../fixtures/raw-server/options.ts';

const KINDS = ['mcp', 'sse', 'stdio'] as const;
const raw: RawOptions = { silent: ['prompts/get', 'resources/read'] };

const world = await startWorld({
  targets: {
    mcp: { over: 'mcp', raw },
    sse: { over: 'sse', raw },
    stdio: { over: 'stdio', raw },
    patient: {
      over: 'mcp',
      raw,
      target: { callTimeout: '20s', toolTimeouts: { echo: '60s', script: '300ms' } },
    },
  },
  mcp: { callTimeout: '600ms', maxCallDuration: '2s' },
});
after(() => world.close());

for (const kind of KINDS) {
  test(`a tool that never answers over ${kind} fails with its target and its deadline`, async () => {
    const client = await world.client();
    const { error } = await client.script([{ do: 'never' }], `${kind}_script`);
    assert.equal(error?.code, -32603);
    assert.match(error?.message ?? '', new RegExp(`target "${kind}"`));
    assert.match(error?.message ?? '', /600 ms/);
    assert.equal(error?.data?.['code'], 'UPSTREAM_TIMEOUT');
    assert.equal(error?.data?.['retryable'], true);
  });

  test(`a prompt and a resource that never come over ${kind} fail the same way`, async () => {
    const client = await world.client();
    const answers = await Promise.all([
      client.request('prompts/get', { name: `${kind}_greet` }),
      client.request('resources/read', { uri: `${kind}+raw://one` }),
    ]);
    for (const { error } of answers) assert.match(error?.message ?? '', new RegExp(`"${kind}".* 600 ms`));
  });

  test(`after a deadline the session and its ${kind} target go on`, async () => {
    const client = await world.client();
    const first = client.script([{ do: 'never' }], `${kind}_script`);
    const second = await client.call(`${kind}_echo`, { still: 'here' });
    assert.equal(textOf(second), '{"still":"here"}');
    assert.equal((await first).error?.data?.['code'], 'UPSTREAM_TIMEOUT');
    assert.equal(textOf(await client.call(`${kind}_echo`, { and: 'after' })), '{"and":"after"}');
  });

  test(`half an answer over ${kind} is no answer`, async () => {
    const client = await world.client();
    const { error } = await client.script([{ do: 'half' }], `${kind}_script`);
    assert.match(error?.message ?? '', new RegExp(`target "${kind}"`));
    assert.equal(error?.data?.['code'], 'UPSTREAM_TIMEOUT');
  });

  test(`progress keeps a call over ${kind} alive, but not for ever`, async () => {
    const client = await world.client();
    const steps = Array.from({ length: 40 }, (_, progress) => [
      { do: 'progress', progress } as const,
      { do: 'sleep', ms: 150 } as const,
    ]).flat();
    const alive = [...steps.slice(0, 14), { do: 'result', result: { content: [] } } as const];
    const params = (given: unknown, progressToken: string) => ({
      name: `${kind}_script`,
      arguments: { steps: given },
      _meta: { progressToken },
    });
    const [kept, ended] = await Promise.all([
      client.request('tools/call', params(alive, 'kept')),
      client.request('tools/call', params(steps, 'ended')),
    ]);
    assert.deepEqual(kept.result, { content: [] });
    assert.match(ended.error?.message ?? '', new RegExp(`"${kind}".* 2000 ms`));
  });
}

test('an upstream that is given up is told so', async () => {
  const client = await world.client();
  await client.script([{ do: 'never' }], 'mcp_script');
  const { params } = await world
    .server('mcp')
    .control.waitFor(({ method }) => method === 'notifications/cancelled');
  assert.match(String((params as Record<string, unknown>)['reason']), /600 ms/);
});

test('a target and a tool have deadlines of their own', async () => {
  const client = await world.client();
  const { error } = await client.script([{ do: 'never' }], 'patient_script');
  assert.match(error?.message ?? '', /target "patient".* 300 ms/);
  const steps = [
    { do: 'sleep', ms: 700 },
    { do: 'result', result: { content: [] } },
  ] as const;
  assert.match((await client.script(steps, 'mcp_script')).error?.message ?? '', /600 ms/);
});

test('calls that wait hold nobody up', async () => {
  const client = await world.client();
  const waiting = KINDS.map((kind) => client.script([{ do: 'never' }], `${kind}_script`));
  let settled = false;
  void Promise.race(waiting).then(() => {
    settled = true;
  });
  for (const kind of KINDS)
    assert.equal(textOf(await client.call(`${kind}_echo`, { kind })), `{"kind":"${kind}"}`);
  const tools = await client.request('tools/list');
  assert.ok(tools.result);
  assert.equal(settled, false);
  for (const { error } of await Promise.all(waiting)) assert.equal(error?.data?.['code'], 'UPSTREAM_TIMEOUT');
});
