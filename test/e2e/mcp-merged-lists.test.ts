/** Merged lists when targets are slow, dead, empty at first, in pages, or change together. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, test } from 'node:test';
import { McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { startWorld, type Upstream } from '../fixtures/mcp-world.ts';
import { freePort } from '../fixtures/programs.ts';
import type { RawOptions } from '../fixtures/raw-server/options.ts';

const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'] as const;

/** Takes connections and never says a word. */
async function mute(): Promise<{ url: string; close(): void }> {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const silentPort = await mute();
after(() => silentPort.close());

const TROUBLE: Readonly<Record<string, Upstream>> = {
  'that is not there': { target: { mcp: { host: `http://127.0.0.1:${await freePort()}/mcp` } } },
  'that takes connections and says nothing': { target: { mcp: { host: silentPort.url } } },
  'that never answers initialize': { raw: { silent: ['initialize'] } },
  'whose stream never names an address': { over: 'sse', target: { sse: { host: silentPort.url } } },
  'that never lists': { raw: { silent: ['tools/list'] } },
  'that lists too slowly': { raw: { delays: { 'tools/list': 2_000 } } },
  'that lists nonsense': { raw: { results: { 'tools/list': '{"tools":{}}' } } },
  'that pages for ever': { raw: { results: { 'tools/list': '{"tools":[],"nextCursor":"again"}' } } },
  'whose command does not exist': { target: { stdio: { cmd: 'no-such-command-anywhere' } } },
  'that leaves at once': { over: 'stdio', raw: { stdio: { exitCode: 3 } } },
};

for (const [trouble, upstream] of Object.entries(TROUBLE)) {
  test(`a target ${trouble} is left out of lists, and holds up no call to another`, async (t) => {
    const world = await startWorld({
      targets: { fine: {}, bad: upstream },
      mcp: { failureMode: 'failOpen', connectTimeout: '1s' },
    });
    t.after(() => world.close());
    const client = await world.client();
    const names = namesOf(await client.request('tools/list'));
    assert.ok(names.length > 0 && names.every((name) => name.startsWith('fine_')), String(names));
    for (const list of LISTS) assert.ok((await client.request(list)).result, list);
    assert.equal(textOf(await client.call('fine_echo')), '{}');
    const { error } = await client.call('bad_echo');
    assert.equal(error?.code, -32602);
    assert.match(error?.message ?? '', /bad/);
  });

  test(`a target ${trouble} fails what needs every target, by name`, async (t) => {
    const world = await startWorld({
      targets: { fine: {}, bad: upstream },
      mcp: { failureMode: 'failClosed', connectTimeout: '1s' },
    });
    t.after(() => world.close());
    const client = new McpHttpClient(world.gateway.url);
    t.after(() => client.close());
    const { status, headers, messages } = await client.initialize();
    client.session = String(headers['mcp-session-id'] ?? '');
    // A target that answers initialize and nothing else fails the list.
    const failed = status === 200 ? await client.request('tools/list') : messages[0];
    assert.match(failed?.error?.message ?? '', /target "bad"/);
    assert.doesNotMatch(failed?.error?.message ?? '', /"fine"/);
    if (status !== 200) assert.ok(status === 502 || status === 504, String(status));
  });
}

test('a child that is killed under an open session is replaced, and lists and neighbours do not notice', async (t) => {
  for (const failureMode of ['failClosed', 'failOpen']) {
    const world = await startWorld({
      targets: { fine: {}, dies: { over: 'stdio' } },
      mcp: { failureMode, connectTimeout: '1s' },
    });
    t.after(() => world.close());
    const client = await world.client();
    const { pid } = JSON.parse(textOf(await client.call('dies_whoami'))) as { pid: number };
    process.kill(pid, 'SIGKILL');
    assert.equal(textOf(await client.call('fine_echo')), '{}');
    // Only the session's own child is gone: the gateway's is there, and so are the lists.
    assert.ok(namesOf(await client.request('tools/list')).includes('dies_echo'));
    // The call that meets the death may fail, since nobody knows whether it was carried out; the next does not.
    let answer = await client.call('dies_echo');
    if (answer.error) {
      assert.equal(answer.error.data?.['code'], 'PROCESS_EXIT');
      answer = await client.call('dies_echo');
    }
    assert.equal(textOf(answer), '{}');
  }
});

const EMPTY: RawOptions = { capabilities: { tools: {} }, results: { 'tools/list': '{"tools":[]}' } };

test('a target that lists nothing at first is asked again, without a word from it', async (t) => {
  const world = await startWorld({ targets: { fine: {}, late: { raw: EMPTY } } });
  t.after(() => world.close());
  const client = await world.client();
  const listening = await client.listen();
  assert.ok(namesOf(await client.request('tools/list')).every((name) => name.startsWith('fine_')));
  world.server('late').control.setResult('tools/list', undefined);
  await listening.method('notifications/tools/list_changed');
  assert.ok(namesOf(await client.request('tools/list')).includes('late_echo'));
  assert.equal(textOf(await client.call('late_echo')), '{}');
});

test('a connected target that loses its tools loses them here, and gets them back', async (t) => {
  const world = await startWorld({ targets: { fine: {}, loses: {} } });
  t.after(() => world.close());
  const client = await world.client();
  const { control } = world.server('loses');
  const listening = await client.listen();
  await client.call('loses_echo');
  const shown = async (): Promise<boolean> =>
    namesOf(await client.request('tools/list')).includes('loses_echo');
  const change = async (tools: string | undefined): Promise<void> => {
    const before = listening.messages.length;
    control.setResult('tools/list', tools);
    while (control.notifyListeners('notifications/tools/list_changed') < 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await listening.event(() => listening.messages.length > before);
  };
  assert.equal(await shown(), true);
  await change('{"tools":[]}');
  assert.equal(await shown(), false);
  assert.equal((await client.call('loses_echo')).error?.code, -32602);
  assert.equal(textOf(await client.call('fine_echo')), '{}');
  await change(undefined);
  assert.equal(await shown(), true);
  assert.equal(textOf(await client.call('loses_echo')), '{}');
});

test('whoever comes after a server has announced a change sees it at once, whatever it can do', async (t) => {
  const world = await startWorld({ targets: { fine: {}, loses: {} } });
  t.after(() => world.close());
  const kinds = [{}, { sampling: {} }];
  const shownTo = async (capabilities: Record<string, unknown>): Promise<boolean> => {
    const client = await world.client({ capabilities });
    return namesOf(await client.request('tools/list')).includes('loses_echo');
  };
  for (const kind of kinds) assert.equal(await shownTo(kind), true);
  const client = await world.client();
  const listening = await client.listen();
  await client.call('loses_echo');
  const { control } = world.server('loses');
  control.setResult('tools/list', '{"tools":[]}');
  while (control.notifyListeners('notifications/tools/list_changed') < 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await listening.method('notifications/tools/list_changed');
  for (const kind of kinds) assert.equal(await shownTo(kind), false);
});

test('changes of several targets at once are one notification, and what it announces is there', async (t) => {
  const targets = { a: {}, b: {}, c: {} };
  const world = await startWorld({ targets });
  t.after(() => world.close());
  const client = await world.client();
  const listening = await client.listen();
  const servers = Object.keys(targets).map((name) => world.server(name));
  for (const name of Object.keys(targets)) await client.call(`${name}_echo`);
  for (const { control } of servers)
    while (control.state().listening < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const { control } of servers) {
    control.setTools(3);
    control.notifyListeners('notifications/tools/list_changed');
    control.notifyListeners('notifications/tools/list_changed');
  }
  await listening.method('notifications/tools/list_changed');
  const names = namesOf(await client.request('tools/list'));
  for (const name of Object.keys(targets)) assert.ok(names.includes(`${name}_tool-2`), String(names));
  assert.equal(textOf(await client.call('c_tool-2', { x: 1 })), '{"x":1}');
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(
    listening.messages.map(({ method }) => method),
    ['notifications/tools/list_changed'],
  );
});

test('lists that come in many pages are whole, in order, and of every target', async (t) => {
  const raw: RawOptions = { tools: 300, pageSize: 2 };
  const world = await startWorld({
    targets: { a: { raw }, b: { over: 'sse', raw }, c: { over: 'stdio', raw: { tools: 10, pageSize: 1 } } },
  });
  t.after(() => world.close());
  const client = await world.client();
  const names = namesOf(await client.request('tools/list'));
  const generated = (target: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${target}_tool-${at}`);
  assert.deepEqual(
    names.filter((name) => name.includes('tool-')),
    [...generated('a', 300), ...generated('b', 300), ...generated('c', 10)],
  );
  assert.equal(new Set(names).size, names.length);
  assert.equal(textOf(await client.call('b_tool-299', { x: 1 })), '{"x":1}');
  for (const [list, member, count] of [
    ['prompts/list', 'prompts', 2],
    ['resources/list', 'resources', 3],
    ['resources/templates/list', 'resourceTemplates', 1],
  ] as const)
    assert.equal(namesOf(await client.request(list), member).length, 3 * count, list);
});

test('one item that cannot be shown does not take the others with it', async (t) => {
  const odd = [
    '{"name":"good","inputSchema":{}}',
    '{}',
    '{"name":7}',
    '{"name":""}',
    '"x"',
    '{"name":"a","name":"b"}',
  ];
  const raw: RawOptions = { results: { 'tools/list': `{"tools":[${odd.join(',')},{"name":"last"}]}` } };
  const world = await startWorld({ targets: { a: { raw }, b: {} } });
  t.after(() => world.close());
  const client = await world.client();
  const names = namesOf(await client.request('tools/list')).filter((name) => name.startsWith('a_'));
  assert.deepEqual(names, ['a_good', 'a_last']);
});
