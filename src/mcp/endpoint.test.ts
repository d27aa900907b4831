import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrontWorld, JSON_POST } from '../../test/fixtures/scripted-front.ts';
import { ModernClient } from '../../test/fixtures/scripted-modern.ts';
import { memberOf, viewOf } from '../../test/fixtures/scripted-session.ts';
import type { TestTarget } from '../../test/fixtures/scripted-target.ts';
import type { ConnectorScript, Received } from '../../test/fixtures/scripted-wire.ts';
import { textOf } from '../../test/fixtures/test-exchange.ts';
import { settled } from '../../test/fixtures/test-ports.ts';
import { GatewayError } from '../core/errors.ts';
import { header } from '../core/exchange.ts';
import type { HeaderMapping } from '../core/outgoing.ts';
import { readMessage } from './message.ts';

const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({}) } };
const down = (world: FrontWorld, name: string): void => {
  const target = world.targets[name];
  assert.ok(target);
  target.refuse('refused');
};

async function initialize(
  world: FrontWorld,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
  const body = { jsonrpc: '2.0', id: 1, method: 'initialize', params };
  const reply = await world.handle({ method: 'POST', headers: { ...JSON_POST, ...headers }, body });
  return { status: reply.status, text: await textOf(reply) };
}

describe('initialize', () => {
  it('opens nothing upstream for the session: an abandoned one costs its servers nothing', async () => {
    const world = new FrontWorld({ one: TOOL, two: TOOL });
    await world.client();
    for (const { connector } of Object.values(world.targets))
      assert.deepEqual(
        connector.wires.map(({ options }) => options.purpose),
        ['probe'],
      );
  });

  it('fails when a server is down, and names it, or goes on without it where that is allowed', async () => {
    const closed = new FrontWorld({ one: TOOL, two: TOOL });
    down(closed, 'two');
    await settled();
    const refused = await initialize(closed);
    assert.equal(refused.status, 502);
    assert.match(refused.text, /target \\"two\\": refused/);
    const open = new FrontWorld(
      { one: { ...TOOL, instructions: 'One.' }, two: TOOL },
      { plan: { failureMode: 'failOpen' } },
    );
    down(open, 'two');
    await settled();
    const begun = await initialize(open);
    assert.equal(begun.status, 200);
    assert.match(begun.text, /# one\\n\\nOne\./);
    const none = new FrontWorld({ one: TOOL, two: TOOL }, { plan: { failureMode: 'failOpen' } });
    for (const name of ['one', 'two']) down(none, name);
    await settled();
    assert.equal((await initialize(none)).status, 502);
  });

  it('takes no more about a client than a session should keep', async () => {
    const world = new FrontWorld({ one: TOOL });
    const clientInfo = { name: 'c'.repeat(20_000), version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const message = readMessage(
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })),
    );
    await assert.rejects(world.endpoint.begin(message, { principal: '', headers: [] }), /16384 bytes/);
  });

  it('waits for a server that is still starting', async () => {
    const world = new FrontWorld({ one: TOOL });
    const { connector } = world.targets['one'] as NonNullable<FrontWorld['targets'][string]>;
    let ready = (): void => {};
    connector.delay = new Promise((resolve) => {
      ready = resolve;
    });
    const begun = initialize(world);
    await settled();
    ready();
    assert.equal((await begun).status, 200);
  });
});

describe('a single server that wants the client’s own login', () => {
  const challenge = new GatewayError('UPSTREAM_CHALLENGE', 'who are you?', {
    http: 401,
    headers: ['www-authenticate', 'Bearer realm="x"'],
  });
  const guarded: ConnectorScript = {
    ...TOOL,
    takesHeaders: true,
    on: {
      ...TOOL.on,
      initialize: ({ wire, id }) => {
        if (wire.options.headers[1] === 'Bearer good')
          return {
            protocolVersion: '2025-11-25',
            capabilities: { tools: {} },
            serverInfo: { name: 'g', version: '1' },
          };
        wire.end(Number(id), challenge);
        return undefined;
      },
    },
  };

  it('is asked with it, and its challenge reaches a client without one', async () => {
    const world = new FrontWorld({ one: guarded });
    await settled();
    const reply = await initialize(world);
    assert.equal(reply.status, 401);
    await world.ports.clock.advance(1001);
    const begun = await initialize(world, { authorization: 'Bearer good' });
    assert.equal(begun.status, 200, begun.text);
    assert.match(begun.text, /"name":"g"/);
  });

  it('gets the arguments repeated in headers that its list asks for', async () => {
    const region = { type: 'string', 'x-mcp-header': 'Region' };
    const world = new FrontWorld({
      one: {
        speaks: ['modern'],
        eras: 'apart',
        takesHeaders: true,
        tools: [{ name: 'where', inputSchema: { type: 'object', properties: { region } } }],
        on: {
          'server/discover': ({ wire, id }) => {
            if (wire.options.headers[1] === 'Bearer good')
              return { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } };
            wire.end(Number(id), challenge);
            return undefined;
          },
          'tools/call': () => ({ resultType: 'complete', content: [] }),
        },
      },
    });
    const client = new ModernClient(world);
    const headers = { authorization: 'Bearer good', 'mcp-param-region': 'eu' };
    await client.json('tools/list', {}, { headers });
    const call = { name: 'where', arguments: { region: 'eu' } };
    assert.ok((await client.json('tools/call', call, { headers })).result);
    const sent = world.targets['one']?.connector.wires.flatMap((wire) => wire.of('tools/call'));
    assert.deepEqual(sent?.[0]?.outgoing.headers, ['mcp-param-region', 'eu']);
    const other = { ...headers, 'mcp-param-region': 'us' };
    const refused = await client.json('tools/call', call, { headers: other });
    assert.equal(refused.error?.code, -32020);
  });

  it('is shown it by nobody where several servers are merged', async () => {
    const world = new FrontWorld({ one: guarded, two: TOOL });
    await settled();
    const reply = await initialize(world, { authorization: 'Bearer good' });
    assert.notEqual(reply.status, 200);
    const shown = world.targets['one']?.connector.wires.flatMap(({ options }) => options.headers);
    assert.deepEqual(shown, []);
  });
});

describe('what a client shows of itself', () => {
  const remote: ConnectorScript = { ...TOOL, takesHeaders: true };

  it('is shown again by a client without a session after a new view', async () => {
    const world = new FrontWorld({ one: remote, two: remote });
    const { one, two } = world.targets as Record<'one' | 'two', TestTarget>;
    const client = new ModernClient(world);
    const headers = { authorization: 'Bearer good' };
    for (const [target, name] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      world.endpoint.rebase(viewOf([target]));
      assert.ok((await client.json('tools/call', { name: 'a' }, { headers })).result, name);
      const links = target.connector.wires.filter(({ options }) => options.purpose === 'session');
      assert.deepEqual(
        links.map(({ options }) => options.headers),
        [['authorization', 'Bearer good']],
        name,
      );
    }
  });

  it('is what its request shows where it asks a server that wants a login what there is', async () => {
    const on = {
      'server/discover': ({ wire, id }: Received) => {
        if (wire.options.headers[1] === 'good')
          return { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } };
        wire.end(Number(id), new GatewayError('UPSTREAM_CHALLENGE', 'who are you?', { http: 401 }));
        return undefined;
      },
    };
    const world = new FrontWorld({ one: { ...remote, speaks: ['modern'], eras: 'apart', on } });
    const { target } = world.targets['one'] as TestTarget;
    const mapping: HeaderMapping = {
      key: 'k',
      names: ['x-login'],
      map: (exchange) => ['x-login', header(exchange, 'x-login') ?? ''],
    };
    const members = [memberOf(target, { outgoing: { mapping, credentials: undefined } })];
    world.endpoint.rebase(viewOf([], { members }));
    const client = new ModernClient(world, { principal: 'ann' });
    const discover = async (login: string) => {
      const reply = await client.request('server/discover', {}, { headers: { 'x-login': login } });
      return (JSON.parse(await textOf(reply)) as { result?: object }).result !== undefined;
    };
    assert.deepEqual([await discover('bad'), await discover('good')], [false, true]);
  });

  it('is known again to a session after a new view, be it only who it is', async () => {
    const world = new FrontWorld({ one: remote });
    const { target } = world.targets['one'] as TestTarget;
    const personal = (key: string) => {
      const credentials = {
        key,
        personal: true,
        names: ['authorization'],
        ready: () => [],
        fetch: async () => [],
        refused: () => false,
      };
      return viewOf([], { members: [memberOf(target, { outgoing: { mapping: undefined, credentials } })] });
    };
    world.endpoint.rebase(personal('before'));
    const client = await world.client({ principal: 'ann' });
    const { session } = client;
    assert.equal(session.shown.speaksTo(target), true);
    world.endpoint.rebase(personal('after'));
    assert.equal(session.shown.speaksTo(target), false);
    await client.json(1, 'ping');
    assert.equal(session.shown.speaksTo(target), true);
  });
});

describe('sessions of an endpoint', () => {
  it('hear of changed lists, of a new view, and of what a shared server says', async () => {
    const world = new FrontWorld({ one: { ...TOOL, lifecycle: 'shared' }, two: TOOL });
    const client = await world.client();
    const reader = await world.client().then((other) => other.get());
    const mine = await client.get();
    const { connector } = world.targets['one'] as NonNullable<FrontWorld['targets'][string]>;
    connector.wire.say({ method: 'notifications/message', params: { level: 'error', data: 'x' } });
    connector.script.tools = [{ name: 'new' }];
    connector.wire.say({ method: 'notifications/tools/list_changed' });
    await world.ports.clock.advance(60);
    const methods = (messages: unknown[]): unknown[] =>
      messages.map((each) => (each as { method: string }).method);
    for (const each of [reader, mine])
      assert.deepEqual(methods(each.messages), ['notifications/message', 'notifications/tools/list_changed']);
    const [one] = Object.values(world.targets);
    assert.ok(one);
    world.endpoint.rebase(viewOf([one]));
    await world.ports.clock.advance(60);
    assert.equal(mine.messages.length, 5);
    assert.deepEqual(await client.json(1, 'tools/list'), {
      result: { tools: [{ name: 'new' }] },
      jsonrpc: '2.0',
      id: 1,
    });
  });

  it('hear nothing any more of servers that are gone', async () => {
    const world = new FrontWorld({ one: { ...TOOL, lifecycle: 'shared' }, two: TOOL });
    const client = await world.client();
    const [gone, kept] = Object.values(world.targets);
    assert.ok(gone && kept);
    world.endpoint.rebase(viewOf([kept]));
    const reader = await client.get();
    await world.ports.clock.advance(60);
    reader.events.length = 0;
    gone.connector.wire.say({ method: 'notifications/message', params: { level: 'error', data: 'x' } });
    assert.deepEqual(reader.messages, []);
  });

  it('end with it', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = await world.client();
    const reader = await client.get();
    world.endpoint.close();
    await settled();
    assert.deepEqual([world.table.size, reader.end], [0, 'ended']);
  });
});
