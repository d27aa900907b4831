// Many saves, and saves while calls are under way: generations end, streams live on, and no call fails.
// needs: ps
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { until } from '../fixtures/child-host.ts';
import { askable, FOOTPRINT_IS_KNOWN, type Footprint, footprint } from '../fixtures/footprint.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import {
  addresses,
  byRename,
  type Document,
  dump,
  edit,
  edited,
  reloads,
  routeOf,
} from '../fixtures/gateway-state.ts';
import { McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const SAVES = 200;

/** What 200 replaced generations may leave: nothing, but a warm program holds more than a fresh one. */
const MORE_HEAP = 8 * 1024 * 1024;

/** Nothing where it cannot be known. */
function held(gateway: GatewayProcess): Promise<Footprint> {
  const nothing = { heap: 0, descriptors: 0, children: 0 };
  return FOOTPRINT_IS_KNOWN ? footprint(gateway) : Promise.resolve(nothing);
}

async function serving(
  t: TestContext,
  nodeArgs: readonly string[] = [],
): Promise<{ gateway: GatewayProcess; server: RawServer }> {
  const server = await startRawServer();
  t.after(() => server.close());
  const targets = [
    { name: 'web', mcp: { host: server.url } },
    { name: 'child', stdio: stdioTarget() },
  ];
  const gateway = await startGateway({
    mcp: { targets, prefixMode: 'always' },
    settings: { adminAddr: 'localhost:0' },
    nodeArgs,
  });
  t.after(() => gateway.stop());
  return { gateway, server };
}

async function opened(t: TestContext, url: string): Promise<McpHttpClient> {
  const client = await McpHttpClient.open(url);
  t.after(() => client.close());
  return client;
}

test(`${SAVES} saves with an open stream: at most two generations live, and the stream goes on`, async (t) => {
  const { gateway, server } = await serving(t, FOOTPRINT_IS_KNOWN ? askable(t) : []);
  const client = await opened(t, gateway.url);
  const stream = await client.listen();
  const { admin } = await addresses(gateway);
  t.after(() => stream.close());
  const document = await edited(gateway, () => {});
  const before = await held(gateway);
  let most = 0;
  for (let save = 1; save <= SAVES; save += 1) {
    const changed = JSON.parse(document) as Document;
    const page = `http://save-${save}.example`;
    const { route, mcp } = routeOf(changed);
    route.policies = { cors: { allowOrigins: [page] } };
    if (save % 2 === 1) mcp.targets.push({ name: `extra-${save}`, mcp: { host: server.url } });
    await byRename(gateway.file, JSON.stringify(changed));
    await until(async () => {
      const { generations, plan } = await dump(admin);
      most = Math.max(most, generations);
      return JSON.stringify(plan).includes(`"${page}"`);
    }, `${page} is in force`);
  }
  assert.ok(most <= 2, `${most} generations were alive at a time`);
  await until(async () => (await dump(admin)).generations === 1, 'the last replaced generation ends');
  assert.equal(reloads(gateway, 'not reloaded'), 0);
  const after = await held(gateway);
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.ok(after.heap - before.heap < MORE_HEAP);
  assert.equal(after.children, before.children);
  assert.ok(after.descriptors - before.descriptors < 20);
  await until(() => server.control.state().sessions <= 2, 'upstream sessions of removed targets end');
  await edit(gateway, (last) => void routeOf(last).mcp.targets.pop());
  await stream.method('notifications/tools/list_changed');
});

function broken(error: unknown): Message {
  return { error: { code: 0, message: String(error) } };
}

/** Calls one tool after the other until told to stop; hands back what failed and how many there were. */
async function calling(client: McpHttpClient, tool: string, stop: AbortSignal) {
  const failures: unknown[] = [];
  let count = 0;
  for (; !stop.aborted; count += 1) {
    const answer = await client.call(tool, { count }).catch(broken);
    if (answer.error) failures.push(answer.error);
    else if (textOf(answer) !== `{"count":${count}}`) failures.push(answer);
  }
  return { failures, count };
}

test('saves while calls are under way: none fails, be it short or longer than several reloads', async (t) => {
  const { gateway, server } = await serving(t);
  const clients = await Promise.all([1, 2, 3, 4].map(() => opened(t, gateway.url)));
  const done: readonly Step[] = [
    { do: 'hold', key: 'k' },
    { do: 'result', result: { content: [] } },
  ];
  const long = (await opened(t, gateway.url)).script(done, 'web_script');
  await server.control.waitFor(({ method }) => method === 'tools/call');
  const stop = new AbortController();
  const loads = clients.map((client, at) => calling(client, at < 2 ? 'web_echo' : 'child_echo', stop.signal));
  for (let save = 1; save <= 12; save += 1) {
    await edit(gateway, (document) => {
      const { route, mcp } = routeOf(document);
      route.policies = { cors: { allowOrigins: [`http://save-${save}.example`] } };
      const extra = { name: `extra-${save}`, stdio: stdioTarget() };
      mcp.targets = [...mcp.targets.slice(0, 2), ...(save % 2 === 1 ? [extra] : [])];
    });
  }
  stop.abort();
  for (const { failures, count } of await Promise.all(loads)) {
    assert.deepEqual(failures, []);
    assert.ok(count > 0);
  }
  const direct = await opened(t, server.url);
  await direct.script([
    { do: 'release', key: 'k' },
    { do: 'result', result: { content: [] } },
  ]);
  assert.deepEqual((await long).result, { content: [] });
});
