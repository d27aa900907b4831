// Thousands of sessions that nobody closes: memory, descriptors, children and upstream sessions come back.
// needs: ps
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { until } from '../fixtures/child-host.ts';
import { askable, FOOTPRINT_IS_KNOWN, footprint } from '../fixtures/footprint.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { metric } from '../fixtures/gateway-state.ts';
import { McpHttpClient } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';

const SESSIONS = 10_000;
const FIRST = 500;
const AT_ONCE = 16;
/** What 10,000 ended sessions may leave: their tombstones, and what a warm program holds more than a fresh one. */
const MORE_HEAP = 8 * 1024 * 1024;

const options = { skip: FOOTPRINT_IS_KNOWN ? false : 'reads /proc', timeout: 150_000 };

async function serving(t: TestContext, targets: readonly object[]): Promise<GatewayProcess> {
  const gateway = await startGateway({
    mcp: { targets, prefixMode: 'always' },
    settings: { mcp: { sessionTtl: '2s' }, logging: { level: 'warn' } },
    nodeArgs: askable(t),
  });
  t.after(() => gateway.stop());
  return gateway;
}

interface Load {
  readonly sessions: number;
  /** Every so-manieth session calls the tools before it is forgotten. */
  readonly calling: number;
  readonly tools: readonly string[];
}

async function abandon(gateway: GatewayProcess, { sessions, calling, tools }: Load): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    const opener = new McpHttpClient(gateway.url);
    while (next < sessions) {
      const mine = next++;
      const { status, headers, text } = await opener.initialize();
      assert.equal(status, 200, text);
      if (mine % calling !== 0) continue;
      opener.session = String(headers['mcp-session-id']);
      for (const tool of tools) assert.equal((await opener.call(tool)).error, undefined);
      opener.session = undefined;
    }
    opener.close();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function allExpired(gateway: GatewayProcess): Promise<void> {
  await until(async () => (await metric(gateway.statsUrl, 'mcp_sessions')) === 0, 'every session expires');
}

/** Does it once in small, so that what is only made once is there, and then in earnest. */
async function abandoned(
  t: TestContext,
  gateway: GatewayProcess,
  load: Omit<Load, 'sessions'>,
): Promise<void> {
  await abandon(gateway, { ...load, sessions: FIRST });
  await allExpired(gateway);
  const before = await footprint(gateway);
  await abandon(gateway, { ...load, sessions: SESSIONS });
  await allExpired(gateway);
  let after = before;
  await until(async () => {
    after = await footprint(gateway);
    return after.descriptors <= before.descriptors && after.children === before.children;
  }, 'descriptors and children come back').catch((error) =>
    assert.fail(`${error.message}: ${JSON.stringify({ before, after })}`),
  );
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.ok(after.heap - before.heap < MORE_HEAP, JSON.stringify({ before, after }));
  assert.equal(await metric(gateway.statsUrl, 'mcp_sessions_expired_total'), SESSIONS + FIRST);
}

test(
  `${SESSIONS} sessions over HTTP targets, opened and abandoned, leave nothing behind`,
  options,
  async (t) => {
    const servers = [await startRawServer(), await startRawServer()];
    t.after(() => Promise.all(servers.map((server) => server.close())));
    const gateway = await serving(
      t,
      servers.map(({ url }, at) => ({ name: `server${at}`, mcp: { host: url } })),
    );
    await abandoned(t, gateway, { calling: 10, tools: ['server0_echo', 'server1_echo'] });
    // Those of the probes.
    for (const { control } of servers) {
      await until(() => control.state().sessions === 1, 'upstream sessions are ended');
      assert.equal(control.state().opened, 1 + (SESSIONS + FIRST) / 10);
    }
  },
);

test(
  `${SESSIONS} sessions over stdio targets, opened and abandoned, leave nothing behind`,
  options,
  async (t) => {
    const shared = { ...stdioTarget(), lifecycle: 'shared' };
    const gateway = await serving(t, [
      { name: 'own', stdio: stdioTarget() },
      { name: 'shared', stdio: shared },
    ]);
    await abandoned(t, gateway, { calling: 250, tools: ['own_echo', 'shared_echo'] });
  },
);
