/** The official Python SDK on one end or on both: a second implementation of every binding and version. */
import assert from 'node:assert/strict';
import { before, describe, type TestContext, test } from 'node:test';
import { startAgent } from '../fixtures/a2a-agent.ts';
import { configWith, originOf } from '../fixtures/a2a-client.ts';
import { callByPython, providePython, startPythonAgent } from '../fixtures/a2a-python.ts';
import { startGateway } from '../fixtures/gateway.ts';
import type { Uvx } from '../fixtures/uvx.ts';

interface Places {
  readonly port: number;
  readonly grpcPort: number;
}

describe('the SDK of Python', () => {
  let uvx: Uvx;

  before(async () => {
    uvx = await providePython();
  });

  test('its agent says the same through the gateway, in each binding and version', async (t) => {
    if (!uvx.available) return t.skip(`the SDK: ${uvx.reason}`);
    const agent = await startPythonAgent(uvx);
    t.after(() => agent.close());
    await compare(t, agent, uvx);
  });

  test('its client hears the same from an agent of JavaScript', async (t) => {
    if (!uvx.available) return t.skip(`the SDK: ${uvx.reason}`);
    const agent = await startAgent({ grpc: 'plain' });
    t.after(() => agent.close());
    await compare(t, { port: Number(new URL(agent.url).port), grpcPort: agent.grpc?.port ?? 0 }, uvx);
  });
});

async function compare(t: TestContext, { port, grpcPort }: Places, uvx: Uvx): Promise<void> {
  const policies = { a2a: { webhooks: { hosts: ['hooks.example.com'] } } };
  const services = ['/lf.a2a.v1.A2AService', '/a2a.v1.A2AService'];
  const matches = services.map((pathPrefix) => ({ path: { pathPrefix } }));
  const gateway = await startGateway({
    config: configWith(
      { matches, policies, backends: [{ host: `127.0.0.1:${grpcPort}` }] },
      { policies, backends: [{ host: `127.0.0.1:${port}` }] },
    ),
  });
  t.after(() => gateway.stop());
  const { host } = new URL(gateway.url);
  const direct = await callByPython(`http://127.0.0.1:${port}`, uvx);
  const through = await callByPython(originOf(gateway), uvx);
  const own = [`127.0.0.1:${port}`, `127.0.0.1:${grpcPort}`];
  assert.deepEqual(Object.keys(through).length, 6);
  for (const [way, said] of Object.entries(through)) {
    for (const address of own) assert.ok(!JSON.stringify(said).includes(address), `${way}: ${address}`);
    assert.deepEqual(plain(said, host), plain(direct[way], ...own), way);
  }
}

/** Without what each run makes up: ids in their order, times, addresses, and signatures. */
function plain(said: unknown, ...hosts: string[]): unknown {
  const ids = new Map<string, string>();
  const text = hosts
    .reduce((all, host) => all.replaceAll(host, 'host'), JSON.stringify(said))
    .replace(/, *"signatures": *\[[^\]]*\]|,"signatures":\[[^\]]*\]/g, '')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'then')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => {
      ids.set(id, ids.get(id) ?? `id-${ids.size}`);
      return ids.get(id) as string;
    });
  return JSON.parse(text);
}
