/** Addresses of resources through the gateway: shown with their target, resolved back, and rewritten in results. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { entriesOf, type McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { RawOptions, Step } from '../fixtures/raw-server/options.ts';

const APP = {
  name: 'app',
  inputSchema: {},
  _meta: { ui: { resourceUri: 'ui://app/main.html', x: 1 }, other: 'ui://kept' },
};
const apps: RawOptions = {
  results: {
    'tools/list': JSON.stringify({ tools: [APP, { name: 'script', inputSchema: {} }] }),
    'resources/list': JSON.stringify({
      resources: [
        { uri: 'ui://app/main.html', name: 'main', mimeType: 'text/html;profile=mcp-app' },
        { name: 'odd', uri: 'urn:x+y?a=b#c', title: 'Odd' },
      ],
    }),
  },
};

const world = await startWorld({
  targets: { one: {}, two: { over: 'sse' }, three: { over: 'stdio' }, apps: { raw: apps } },
  mcp: { callTimeout: '5s' },
});
const alone = await startWorld({ targets: { only: { raw: apps } } });
after(() => Promise.all([world.close(), alone.close()]));

const FILES = ['one', 'two', 'three'] as const;

const result = (value: unknown): Step => ({ do: 'result', result: value });

async function scripted(client: McpHttpClient, tool: string, value: unknown): Promise<unknown> {
  return (await client.script([result(value)], tool)).result;
}

test('resources and templates are listed with their target, names with its prefix, titles as they are', async () => {
  const client = await world.client();
  const resources = await client.request('resources/list');
  const uris = namesOf(resources, 'resources', 'uri');
  for (const target of FILES) assert.ok(uris.includes(`${target}+raw://one`), String(uris));
  assert.ok(uris.includes('ui://apps+app/main.html'), String(uris));
  assert.ok(uris.includes('apps+urn:x+y?a=b#c'), String(uris));
  assert.ok(namesOf(resources, 'resources').includes('apps_main'));
  const odd = entriesOf(resources, 'resources').find(({ title }) => title === 'Odd');
  assert.equal(odd?.['name'], 'apps_odd');
  const templates = await client.request('resources/templates/list');
  for (const target of FILES)
    assert.ok(namesOf(templates, 'resourceTemplates', 'uriTemplate').includes(`${target}+raw://items/{id}`));
});

for (const target of FILES) {
  test(`a resource of ${target} is read by the address shown, and comes back with it`, async () => {
    const client = await world.client();
    for (const uri of ['raw://one', 'raw://items/7', 'raw://never+listed?x=%7B#y', 'other:thing']) {
      const { result: read } = await client.request('resources/read', { uri: `${target}+${uri}` });
      assert.deepEqual(read, {
        contents: [{ uri: `${target}+${uri}`, mimeType: 'text/plain', text: 'Raw contents.' }],
      });
    }
  });

  test(`completion at ${target} is asked by its own prompt or template`, async () => {
    const client = await world.client();
    const argument = { name: 'who', value: 'o' };
    const context = { arguments: { a: 'b' } };
    for (const [shown, native] of [
      [
        { type: 'ref/prompt', name: `${target}_greet` },
        { type: 'ref/prompt', name: 'greet' },
      ],
      [
        { type: 'ref/resource', uri: `${target}+raw://items/{id}` },
        { type: 'ref/resource', uri: 'raw://items/{id}' },
      ],
    ]) {
      const { result: completed } = await client.request('completion/complete', {
        ref: shown,
        argument,
        context,
      });
      assert.deepEqual(completed, { completion: { values: ['one', 'two'], total: 2, hasMore: false } });
      const entries = JSON.parse(textOf(await client.call(`${target}_journal`))) as {
        method: string;
        params: unknown;
      }[];
      const asked = entries.findLast(({ method }) => method === 'completion/complete');
      assert.deepEqual(asked?.params, { ref: native, argument, context });
    }
  });

  test(`a prompt of ${target} is fetched by the name shown`, async () => {
    const client = await world.client();
    const { result: got } = await client.request('prompts/get', {
      name: `${target}_greet`,
      arguments: { who: 'you' },
    });
    assert.match(JSON.stringify(got), /\\"name\\":\\"greet\\"/);
  });
}

test('links and embedded resources in results are shown with their target, and nothing else is touched', async () => {
  const client = await world.client();
  const text = 'see "uri":"raw://one" and raw://one';
  const native = {
    content: [
      { type: 'text', text },
      { type: 'resource_link', uri: 'raw://one', name: 'one', _meta: { uri: 'raw://kept' } },
      {
        type: 'resource',
        resource: { uri: 'raw://two', text, mimeType: 'text/plain' },
        annotations: { uri: 'kept' },
      },
      { type: 'resource', resource: { blob: 'AAEC', uri: 'ui://app/x' } },
      { type: 'image', data: 'AAEC', mimeType: 'image/png' },
      { type: 'unknown-to-all', uri: 7, resource: 'raw://kept' },
    ],
    structuredContent: { uri: 'raw://kept', content: [{ uri: 'raw://kept' }] },
    _meta: { uri: 'raw://kept' },
  };
  for (const target of FILES) {
    const shown = structuredClone(native);
    Object.assign(shown.content[1] as object, { uri: `${target}+raw://one` });
    Object.assign(shown.content[2]?.resource as object, { uri: `${target}+raw://two` });
    Object.assign(shown.content[3]?.resource as object, { uri: `ui://${target}+app/x` });
    assert.deepEqual(await scripted(client, `${target}_script`, native), shown);
  }
});

test('a link that a tool answers can be read as it stands', async () => {
  const client = await world.client();
  const answer = await scripted(client, 'three_script', {
    content: [{ type: 'resource_link', uri: 'raw://a+b', name: 'n' }],
  });
  const [link] = (answer as { content: { uri: string }[] }).content;
  const read = await client.request('resources/read', { uri: link?.uri });
  assert.deepEqual(namesOf(read, 'contents', 'uri'), [link?.uri]);
});

test('apps: a tool names its page as the list does, and the page is read by that name', async () => {
  const client = await world.client();
  const tools = entriesOf(await client.request('tools/list'), 'tools') as (typeof APP)[];
  const app = tools.find(({ name }) => name === 'apps_app');
  assert.deepEqual(app?._meta, { ui: { resourceUri: 'ui://apps+app/main.html', x: 1 }, other: 'ui://kept' });
  const read = await client.request('resources/read', { uri: app?._meta.ui.resourceUri });
  assert.deepEqual(namesOf(read, 'contents', 'uri'), ['ui://apps+app/main.html']);
  const got = await world.server('apps').control.waitFor(({ method }) => method === 'resources/read');
  assert.deepEqual(got.params, { uri: 'ui://app/main.html' });
});

test('a subscription reaches its target, and its updates come with the address shown', async () => {
  const client = await world.client();
  const other = await world.client();
  const [listening, others] = [await client.listen(), await other.listen()];
  for (const target of ['one', 'two'] as const) {
    const uri = `${target}+raw://one`;
    assert.deepEqual((await client.request('resources/subscribe', { uri })).result, {});
    const { control } = world.server(target);
    await control.waitFor(
      ({ method, params }) =>
        method === 'resources/subscribe' && JSON.stringify(params) === '{"uri":"raw://one"}',
    );
    const steps: Step[] = [
      { do: 'notify', method: 'notifications/resources/updated', params: { uri: 'raw://one', x: 1 } },
      result({ content: [] }),
    ];
    const { messages } = await client.send(
      client.message('tools/call', { name: `${target}_script`, arguments: { steps } }),
    );
    const told = messages.find(({ method }) => method === 'notifications/resources/updated');
    const { params } = told ?? (await listening.message(({ params: each }) => each?.['uri'] === uri));
    assert.deepEqual(params, { uri, x: 1 });
    assert.deepEqual((await client.request('resources/unsubscribe', { uri })).result, {});
  }
  await other.request('ping');
  assert.deepEqual(others.messages, []);
});

test('the log level reaches servers in use, and those used later', async () => {
  const client = await world.client();
  await client.call('one_echo');
  assert.deepEqual((await client.request('logging/setLevel', { level: 'error' })).result, {});
  for (const target of FILES) {
    const entries = JSON.parse(textOf(await client.call(`${target}_journal`))) as {
      method: string;
      params: unknown;
    }[];
    const told = entries.filter(({ method }) => method === 'logging/setLevel').map(({ params }) => params);
    assert.deepEqual([target, told], [target, [{ level: 'error' }]]);
  }
});

test('what a server logs in a call is told in that call', async () => {
  const client = await world.client();
  for (const target of FILES) {
    const steps: Step[] = [
      { do: 'log', level: 'warning', logger: 'mine', data: { target } },
      result({ content: [] }),
    ];
    const { messages } = await client.send(
      client.message('tools/call', { name: `${target}_script`, arguments: { steps } }),
    );
    const told = messages.find(({ method }) => method === 'notifications/message');
    assert.deepEqual(told?.params, { level: 'warning', logger: 'mine', data: { target } });
  }
});

test('with one server everything keeps its own address', async () => {
  const client = await alone.client();
  const uris = namesOf(await client.request('resources/list'), 'resources', 'uri');
  assert.deepEqual(uris, ['ui://app/main.html', 'urn:x+y?a=b#c']);
  const { result: read } = await client.request('resources/read', { uri: 'urn:x+y?a=b#c' });
  assert.deepEqual(read, {
    contents: [{ uri: 'urn:x+y?a=b#c', mimeType: 'text/plain', text: 'Raw contents.' }],
  });
  const native = { content: [{ type: 'resource_link', uri: 'raw://one', name: 'one' }] };
  assert.deepEqual(await scripted(client, 'script', native), native);
  assert.deepEqual(entriesOf(await client.request('tools/list'), 'tools')[0], APP);
});
