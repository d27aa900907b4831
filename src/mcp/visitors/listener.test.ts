import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrontWorld, type StreamReader } from '../../../test/fixtures/scripted-front.ts';
import { ModernClient } from '../../../test/fixtures/scripted-modern.ts';
import { viewOf } from '../../../test/fixtures/scripted-session.ts';
import type { TestTarget } from '../../../test/fixtures/scripted-target.ts';
import type { ConnectorScript } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import type { McpGuard } from '../../core/guard.ts';
import { LIMITS } from '../../core/limits.ts';

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const MODERN: ConnectorScript = { speaks: ['modern'], eras: 'apart', capabilities: TASKS };
const RESOURCES: ConnectorScript = {
  resources: [],
  capabilities: { resources: { subscribe: true, listChanged: true } },
};

const honoured = (stream: StreamReader): unknown =>
  (stream.messages[0] as { params: { notifications: unknown } }).params.notifications;

function only(world: FrontWorld): TestTarget {
  const [target] = Object.values(world.targets);
  assert.ok(target);
  return target;
}

/** Tasks that the server is to tell of, by open streams. */
function followed({ connector }: TestTarget): unknown[] {
  return connector.wires.flatMap((wire) =>
    wire
      .of('subscriptions/listen')
      .filter(({ outgoing }) => outgoing.cancel?.cancelled === false)
      .map(({ params }) => (params['notifications'] as { taskIds?: unknown }).taskIds ?? []),
  );
}

describe('tasks that listeners follow', () => {
  it('are asked for together, and no longer than somebody listens', async () => {
    const world = new FrontWorld({ one: MODERN });
    const client = new ModernClient(world);
    const first = await client.listen({ taskIds: ['a', 'b'] }, 1);
    const second = await client.listen({ taskIds: ['b', 'c'] }, 2);
    assert.deepEqual([honoured(first), honoured(second)], [{ taskIds: ['a', 'b'] }, { taskIds: ['b', 'c'] }]);
    assert.deepEqual(followed(only(world)), [['a', 'b', 'c']]);
    first.leave();
    await settled();
    assert.deepEqual(followed(only(world)), [['b', 'c']]);
    second.leave();
    await settled();
    assert.deepEqual(followed(only(world)), []);
  });

  it('are honoured only where the server tells of tasks', async () => {
    const none: ConnectorScript = { tools: [], capabilities: { tools: { listChanged: true } } };
    const shared = { ...MODERN, lifecycle: 'shared' } as const;
    for (const script of [none, { ...MODERN, capabilities: none.capabilities ?? {} }, shared]) {
      const world = new FrontWorld({ one: script });
      const stream = await new ModernClient(world).listen({ taskIds: ['a'] });
      assert.deepEqual([honoured(stream), stream.end], [{}, 'ended']);
    }
  });
});

/** Rules that let nobody hear of what has `secret` in its name; `key` is what they were made from. */
const hiding = (key: string, hidden: (name: string) => boolean): McpGuard => ({
  key,
  judge: ({ item }) => ({ allowed: !item || !hidden(item.name) }),
  shows: ({ name }) => !hidden(name),
});

describe('rules about what is listened to', () => {
  const secrets = hiding('secrets', (name) => name.startsWith('secret'));

  it('leave out tasks that the client may not get', async () => {
    const world = new FrontWorld({ one: MODERN }, { plan: { guard: secrets } });
    const stream = await new ModernClient(world).listen({ taskIds: ['a', 'secret-b'] });
    assert.deepEqual(honoured(stream), { taskIds: ['a'] });
    assert.deepEqual(followed(only(world)), [['a']]);
  });

  it('that begin to hold end what a session has subscribed to, and its server is told', async () => {
    const world = new FrontWorld({ one: RESOURCES });
    const client = await world.client();
    for (const [at, uri] of ['x:open', 'secret:1'].entries())
      await client.json(at + 1, 'resources/subscribe', { uri });
    world.endpoint.rebase(viewOf([only(world)], { guard: secrets }));
    await settled();
    const [wire] = only(world).connector.wires.filter((each) => each.of('resources/subscribe').length > 0);
    assert.deepEqual(
      wire?.of('resources/unsubscribe').map(({ params }) => params['uri']),
      ['secret:1'],
    );
  });

  it('judge a session by the request that subscribed', async () => {
    const asked: (string | undefined)[] = [];
    const watching: McpGuard = {
      key: 'watching',
      judge: ({ sessionId, client }, request) => {
        asked.push(request?.principal);
        return { allowed: sessionId !== undefined && (client() as { name: string }).name === 'client' };
      },
      shows: () => true,
    };
    const world = new FrontWorld({ one: RESOURCES });
    const client = await world.client({ principal: 'ann' });
    await client.json(1, 'resources/subscribe', { uri: 'x:1' });
    world.endpoint.rebase(viewOf([only(world)], { guard: watching }));
    await settled();
    assert.deepEqual(asked, ['ann']);
    const wires = only(world).connector.wires;
    assert.deepEqual(
      wires.flatMap((wire) => wire.of('resources/unsubscribe')),
      [],
    );
  });
});

describe('a listener when the configuration changes', () => {
  it('ends when a server is gone of which it was to hear, and is told of the lists before', async () => {
    const world = new FrontWorld({ one: RESOURCES, two: RESOURCES });
    const client = new ModernClient(world);
    const ends = await client.listen({ resourceSubscriptions: ['one+x:1'], resourcesListChanged: true }, 1);
    const stays = await client.listen({ resourceSubscriptions: ['two+x:1'] }, 2);
    const lists = await client.listen({ toolsListChanged: false, resourcesListChanged: true }, 3);
    const { one, two } = world.targets;
    assert.ok(one && two);
    const other = new FrontWorld({ one: RESOURCES }).targets['one'];
    assert.ok(other);
    world.endpoint.rebase(viewOf([other, two]));
    await settled();
    assert.deepEqual([ends.end, stays.end, lists.end], ['ended', 'open', 'open']);
    const [, told, last] = ends.messages as { method?: string; id?: number }[];
    assert.deepEqual([told?.method, last?.id], ['notifications/resources/list_changed', 1]);
  });

  it('ends when the resources it names have other names', async () => {
    const world = new FrontWorld({ one: RESOURCES, two: RESOURCES });
    const stream = await new ModernClient(world).listen({ resourceSubscriptions: ['one+x:1'] });
    world.endpoint.rebase(viewOf([only(world)]));
    await settled();
    assert.equal(stream.end, 'ended');
  });
});

it('a client subscribes to so many resources and no more', async () => {
  const world = new FrontWorld({ one: RESOURCES });
  const client = await world.client();
  const most = LIMITS.subscribedResources.value;
  const subscribe = (at: number) => client.json(at + 1, 'resources/subscribe', { uri: `x:${at}` });
  for (let at = 0; at < most; at += 1) await subscribe(at);
  const { error } = (await subscribe(most)) as { error?: { data: { code: string } } };
  assert.equal(error?.data.code, 'OVERLOADED');
  assert.ok('result' in ((await subscribe(0)) as object), 'once more the same');
});
