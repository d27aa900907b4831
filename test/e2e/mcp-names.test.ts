/** How names look to clients: prefixes, clashes, long and odd names, curated tools; whatever is shown can be called. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { type McpWorld, startWorld, type WorldOptions } from '../fixtures/mcp-world.ts';
import type { RawOptions } from '../fixtures/raw-server/options.ts';

const SHOWN = /^[A-Za-z0-9_.-]{1,64}$/;

interface Opened {
  readonly world: McpWorld;
  readonly client: McpHttpClient;
}

async function open(t: { after(fn: () => Promise<void>): void }, options: WorldOptions): Promise<Opened> {
  const world = await startWorld(options);
  t.after(() => world.close());
  return { world, client: await world.client() };
}

/** A server with these tools alone; each call of one answers its arguments. */
function offering(...tools: readonly (string | Record<string, unknown>)[]): RawOptions {
  const list = tools.map((tool) =>
    typeof tool === 'string' ? { name: tool, inputSchema: { type: 'object' } } : tool,
  );
  return { results: { 'tools/list': JSON.stringify({ tools: list }) } };
}

/** The names a server was called by, in order. */
function calledAs(world: McpWorld, target: string): unknown[] {
  const calls = world
    .server(target)
    .control.received()
    .filter(({ method }) => method === 'tools/call');
  return calls.map(({ params }) => (params as Record<string, unknown>)['name']);
}

const list = async (client: McpHttpClient): Promise<string[]> => namesOf(await client.request('tools/list'));

const ODD = [
  'plain',
  'with space',
  'dots.and-lines_ok',
  'a/b',
  'a:b',
  'ünïcödé',
  '日本語',
  '日本話',
  '😀',
  '"quoted"\\',
  'line\nend',
  ' ',
  '__proto__',
  'constructor',
  'x'.repeat(64),
  'x'.repeat(65),
  `${'x'.repeat(65)}y`,
  'y'.repeat(5000),
  'a_b',
  'one_echo',
];

for (const prefixMode of ['always', 'never'] as const) {
  test(`odd and long names are shown so that clients take them, and called by their own (${prefixMode})`, async (t) => {
    const { world, client } = await open(t, {
      targets: { one: { raw: offering(...ODD) }, two: { over: 'stdio', raw: offering('other') } },
      mcp: { prefixMode },
    });
    const names = (await list(client)).filter((name) => name !== 'other' && name !== 'two_other');
    assert.equal(names.length, ODD.length);
    assert.equal(new Set(names).size, ODD.length, 'all different');
    for (const name of names) assert.match(name, SHOWN);
    for (const name of names)
      assert.equal(textOf(await client.call(name, { name })), JSON.stringify({ name }));
    assert.deepEqual(calledAs(world, 'one'), ODD);
    const prefix = prefixMode === 'always' ? 'one_' : '';
    for (const plain of ['plain', 'dots.and-lines_ok', '__proto__'])
      assert.ok(names.includes(prefix + plain));
    const again = await open(t, {
      targets: { two: { raw: offering('other') }, one: { raw: offering(...ODD.toReversed()) } },
      mcp: { prefixMode },
    });
    const later = new Set(await list(again.client));
    for (const name of names) assert.ok(later.has(name), `${name} after a restart and in another order`);
  });
}

test('a name as one server gives it is left alone when there is nothing to tell apart', async (t) => {
  const { world, client } = await open(t, {
    targets: { one: { raw: offering('plain', 'a_b', 'hidden.later') } },
  });
  assert.deepEqual(await list(client), ['plain', 'a_b', 'hidden.later']);
  assert.equal(textOf(await client.call('a_b')), '{}');
  // A server may have tools that it does not list; it is the judge of that.
  assert.equal(textOf(await client.call('unlisted')), '{}');
  assert.deepEqual(calledAs(world, 'one'), ['a_b', 'unlisted']);
});

test('a budget of the configuration holds for shown names', async (t) => {
  const long = ['first-rather-long-name', 'first-rather-long-name-too'];
  const { world, client } = await open(t, {
    targets: { one: { raw: offering(...long, 'short') } },
    mcp: { nameLimit: 20 },
  });
  const names = await list(client);
  for (const name of names) assert.ok(name.length <= 20, name);
  assert.ok(names.includes('short'));
  for (const name of names) await client.call(name);
  assert.deepEqual(calledAs(world, 'one'), [...long, 'short']);
});

test('always: a single server has its prefix too', async (t) => {
  const { client } = await open(t, { targets: { one: {} }, mcp: { prefixMode: 'always' } });
  const names = await list(client);
  assert.ok(names.length > 0 && names.every((name) => name.startsWith('one_')));
  assert.equal(textOf(await client.call('one_echo')), '{}');
  assert.equal((await client.call('echo')).error?.code, -32602);
  assert.deepEqual(namesOf(await client.request('prompts/list'), 'prompts'), ['one_greet', 'one_part']);
  assert.ok((await client.request('prompts/get', { name: 'one_part' })).result);
});

test('never: names that two servers claim belong to neither, and the error says what to do', async (t) => {
  const { world, client } = await open(t, {
    targets: { one: { raw: offering('same', 'mine') }, two: { raw: offering('same', 'yours') } },
    mcp: { prefixMode: 'never' },
  });
  assert.deepEqual(await list(client), ['mine', 'yours']);
  const { error } = await client.call('same');
  assert.equal(error?.code, -32602);
  assert.match(error?.message ?? '', /two targets offer it.*rename/);
  for (const name of ['mine', 'yours']) assert.equal(textOf(await client.call(name)), '{}');
  assert.deepEqual([calledAs(world, 'one'), calledAs(world, 'two')], [['mine'], ['yours']]);
  assert.deepEqual(namesOf(await client.request('prompts/list'), 'prompts'), []);
});

test('never: a clash ends when one of the two is renamed', async (t) => {
  const { world, client } = await open(t, {
    targets: {
      one: { raw: offering('same') },
      two: { raw: offering('same'), target: { tools: { rename: { same: 'other' } } } },
    },
    mcp: { prefixMode: 'never' },
  });
  assert.deepEqual(await list(client), ['same', 'other']);
  await client.call('other');
  await client.call('same');
  assert.deepEqual([calledAs(world, 'one'), calledAs(world, 'two')], [['same'], ['same']]);
});

test('names that look as if they were of another target go where they belong', async (t) => {
  const { world, client } = await open(t, {
    targets: {
      a: { raw: offering('b_echo', 'echo') },
      'a-b': { raw: offering('echo') },
      b: { raw: offering('echo') },
    },
  });
  assert.deepEqual(await list(client), ['a_b_echo', 'a_echo', 'a-b_echo', 'b_echo']);
  for (const name of await list(client)) await client.call(name);
  assert.deepEqual(
    ['a', 'a-b', 'b'].map((target) => calledAs(world, target)),
    [['b_echo', 'echo'], ['echo'], ['echo']],
  );
});

const TOOLS = [
  'read',
  'read_all',
  'write',
  { name: 'told', description: 'As the server says.', inputSchema: {}, annotations: { readOnlyHint: true } },
  { inputSchema: {}, name: 'untold', _meta: { x: 1 } },
];

test('curated tools: what is shown is as configured, and nothing else can be called', async (t) => {
  const description = { told: 'As "we" say.\n', untold: 'Said at last.' };
  const tools = {
    include: ['read*', 'told', 'untold'],
    exclude: ['*_all'],
    rename: { read: 'look' },
    description,
  };
  const one = { raw: offering(...TOOLS), target: { tools } };
  for (const more of [{}, { two: {} }]) {
    const { world, client } = await open(t, { targets: { one, ...more } });
    const prefix = 'two' in more ? 'one_' : '';
    const shown = ((await client.request('tools/list')).result?.['tools'] ?? []) as Record<string, unknown>[];
    const mine = shown.filter(
      ({ name }) => String(name).startsWith(prefix) && !String(name).startsWith('two_'),
    );
    assert.deepEqual(mine, [
      { name: `${prefix}look`, inputSchema: { type: 'object' } },
      {
        name: `${prefix}told`,
        description: description.told,
        inputSchema: {},
        annotations: { readOnlyHint: true },
      },
      { inputSchema: {}, name: `${prefix}untold`, description: description.untold, _meta: { x: 1 } },
    ]);
    assert.equal(textOf(await client.call(`${prefix}look`)), '{}');
    for (const hidden of ['read', 'read_all', 'write', 'never-heard-of'])
      assert.equal((await client.call(prefix + hidden)).error?.code, -32602, hidden);
    assert.deepEqual(calledAs(world, 'one'), ['read']);
  }
});

test('an include that fits nothing shows nothing, and a rename that is too long is shortened', async (t) => {
  const none = await open(t, { targets: { one: { target: { tools: { include: ['nothing'] } } } } });
  assert.deepEqual(await list(none.client), []);
  assert.equal((await none.client.call('echo')).error?.code, -32602);
  const target = { tools: { include: ['echo'], rename: { echo: 'odd name '.repeat(20) } } };
  const { world, client } = await open(t, { targets: { one: { target } } });
  const [name = ''] = await list(client);
  assert.match(name, SHOWN);
  await client.call(name);
  assert.deepEqual(calledAs(world, 'one'), ['echo']);
});
