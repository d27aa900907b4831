import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OpenedLink, openedLink } from '../../../test/fixtures/scripted-link.ts';
import type { Received } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { ListKind } from '../catalogue.ts';
import type { LinkWithInfo } from '../link/opened.ts';
import { Catalogues, PROBE_READER } from './catalogues.ts';

interface World extends OpenedLink {
  readonly catalogues: Catalogues;
  readonly changes: ListKind[];
  readonly via: () => Promise<LinkWithInfo>;
  /** Answers the next request for the tools. */
  list(names: readonly string[], cursor?: string): Promise<Received>;
}

async function world(): Promise<World> {
  const opened = await openedLink({ capabilities: { tools: {} }, on: { 'tools/list': () => undefined } });
  const { ports, wire } = opened;
  const changes: ListKind[] = [];
  const catalogues = new Catalogues({
    clock: ports.clock,
    log: ports.log,
    maxAgeMs: 60_000,
    deadlineMs: 1000,
    changed: (kind) => void changes.push(kind),
  });
  return {
    ...opened,
    catalogues,
    changes,
    via: () => Promise.resolve(opened),
    list: async (names, cursor) => {
      const received = await wire.next('tools/list');
      const tools = names.map((name) => ({ name }));
      wire.result(received.id, cursor === undefined ? { tools } : { tools, nextCursor: cursor });
      return received;
    },
  };
}

const asked = ({ wire }: World): number => wire.of('tools/list').length;

test('whoever asks at the same time shares one fetch', async () => {
  const one = await world();
  const gets = [1, 2, 3].map(() => one.catalogues.get('tools', 'r', one.via));
  await one.list(['a']);
  const [first, ...others] = await Promise.all(gets);
  assert.ok(others.every((each) => each === first));
  assert.equal(asked(one), 1);
  assert.equal(one.catalogues.known('tools', 'r'), first);
  assert.deepEqual(one.changes, [], 'the first list is no change');
});

test('readers do not share, since a server may show them different things', async () => {
  const one = await world();
  const mine = one.catalogues.get('tools', 'mine', one.via);
  await one.list(['a']);
  const theirs = one.catalogues.get('tools', 'theirs', one.via);
  await one.list(['b']);
  assert.deepEqual([(await mine).items[0]?.key, (await theirs).items[0]?.key], ['a', 'b']);
  assert.equal(one.catalogues.known('tools', PROBE_READER), undefined);
});

test('an old list is served while a new one is fetched, and a difference is told', async () => {
  const one = await world();
  const first = one.catalogues.get('tools', 'r', one.via);
  await one.list(['a']);
  const old = await first;
  await one.ports.clock.advance(60_001);
  assert.equal(await one.catalogues.get('tools', 'r', one.via), old);
  await one.list(['b']);
  await settled();
  assert.deepEqual(one.changes, ['tools']);
  assert.deepEqual((await one.catalogues.get('tools', 'r', one.via)).items[0]?.key, 'b');
  assert.equal(asked(one), 2);
});

test('a list that turns out to be the same stays the same object', async () => {
  const one = await world();
  const first = one.catalogues.get('tools', 'r', one.via);
  await one.list(['a']);
  await first;
  const refreshed = one.catalogues.refresh('tools', 'r', one.via);
  await one.list(['a']);
  await refreshed;
  assert.equal(one.catalogues.known('tools', 'r'), await first);
  assert.deepEqual(one.changes, []);
});

test('an expired list is fetched at its next use, however young, and nobody is told the old one', async () => {
  const one = await world();
  const first = one.catalogues.get('tools', 'r', one.via);
  await one.list(['a']);
  await first;
  one.catalogues.expire('prompts');
  await one.catalogues.get('tools', 'r', one.via);
  one.catalogues.expire('tools');
  const again = [1, 2].map(() => one.catalogues.get('tools', 'r', one.via));
  await one.list(['b']);
  assert.deepEqual(
    (await Promise.all(again)).map(({ items }) => items[0]?.key),
    ['b', 'b'],
  );
  assert.equal(asked(one), 2);
});

test('an expired list does not make do with a fetch that began before', async () => {
  const one = await world();
  const first = one.catalogues.get('tools', 'r', one.via);
  const received = await one.wire.next('tools/list');
  one.catalogues.expire('tools');
  const second = one.catalogues.get('tools', 'r', one.via);
  await settled();
  one.wire.result(received.id, { tools: [{ name: 'a' }] });
  await one.list(['b']);
  assert.deepEqual([(await first).items[0]?.key, (await second).items[0]?.key], ['a', 'b']);
});

test('an expired list that cannot be fetched is served as it was', async () => {
  const one = await world();
  const first = one.catalogues.get('tools', 'r', one.via);
  await one.list(['a']);
  await first;
  one.catalogues.expire('tools');
  const again = one.catalogues.get('tools', 'r', one.via);
  await one.wire.next('tools/list').then(({ id }) => one.wire.error(id, -32603, 'broken'));
  assert.equal(await again, await first);
});

test('a change that the probe sees by itself is one for the lists of all other readers', async () => {
  const one = await world();
  for (const reader of ['r', PROBE_READER]) {
    const read = one.catalogues.get('tools', reader, one.via);
    await one.list(['a']);
    await read;
  }
  const refreshed = one.catalogues.refresh('tools', PROBE_READER, one.via);
  await one.list(['b']);
  await refreshed;
  const read = one.catalogues.get('tools', 'r', one.via);
  await one.list(['b']);
  assert.equal((await read).items[0]?.key, 'b');
  await one.catalogues.get('tools', PROBE_READER, one.via);
  assert.equal(asked(one), 4, 'its own is not asked for again');
});

test('a fetch that fails tells everyone who waits, is not kept, and leaves an old list in place', async () => {
  const one = await world();
  const gets = [1, 2].map(() => one.catalogues.get('tools', 'r', one.via));
  one.wire.error((await one.wire.next('tools/list')).id, -32603, 'broken');
  for (const get of gets) await assert.rejects(get, /broken/);
  const again = one.catalogues.get('tools', 'r', one.via);
  await one.list(['a']);
  const kept = await again;
  const refreshed = one.catalogues.refresh('tools', 'r', one.via);
  one.wire.error((await one.wire.next('tools/list')).id, -32603, 'broken');
  await assert.rejects(refreshed, /broken/);
  assert.equal(one.catalogues.known('tools', 'r'), kept);
  const unreachable = new GatewayError('TARGET_DOWN', 'down');
  await assert.rejects(
    one.catalogues.get('prompts', 'r', () => Promise.reject(unreachable)),
    unreachable,
  );
});

test('a refresh never makes do with a fetch that began before it', async () => {
  const one = await world();
  const first = one.catalogues.get('tools', 'r', one.via);
  const received = await one.wire.next('tools/list');
  const refreshes = [1, 2, 3].map(() => one.catalogues.refresh('tools', 'r', one.via));
  await settled();
  one.wire.result(received.id, { tools: [{ name: 'a' }] });
  await first;
  await one.list(['b']);
  await Promise.all(refreshes);
  assert.equal(one.catalogues.known('tools', 'r')?.items[0]?.key, 'b');
  assert.equal(asked(one), 2, 'the refreshes share theirs');
});

test('a fetch that waits for its connection keeps nobody else waiting', async () => {
  const one = await world();
  const never = one.catalogues.get('tools', PROBE_READER, () => new Promise(() => {}));
  const refreshed = one.catalogues.refresh('tools', PROBE_READER, one.via);
  await one.list(['a']);
  await refreshed;
  void never;
});

test('all pages together have one deadline', async () => {
  const one = await world();
  const got = one.catalogues.get('tools', 'r', one.via);
  await one.list(['a'], 'p2');
  await one.ports.clock.advance(600);
  await one.list(['b'], 'p3');
  const failed = assert.rejects(got, /tools\/list was not answered within 1000 ms/);
  await one.ports.clock.advance(401);
  await failed;
  assert.equal(one.wire.of('notifications/cancelled').length, 1);
});

test('a list the server does not offer is empty without asking', async () => {
  const one = await world();
  assert.equal((await one.catalogues.get('prompts', 'r', one.via)).items.length, 0);
  assert.deepEqual(one.wire.of('prompts/list'), []);
});

test('an item that is left out is logged', async () => {
  const one = await world();
  const got = one.catalogues.get('tools', 'r', one.via);
  const { id } = await one.wire.next('tools/list');
  one.wire.result(id, { tools: [{ title: 'no name' }, { name: 'a' }] });
  assert.equal((await got).items.length, 1);
  assert.ok(one.ports.logged.some(({ level, message }) => level === 'warn' && /left out/.test(message)));
});

test('lists of readers who do not come back are forgotten, the longest unused first and never those of the probe', async () => {
  const one = await world();
  const get = (reader: string) => one.catalogues.get('prompts', reader, one.via);
  await get(PROBE_READER);
  for (let reader = 0; reader < 200; reader += 1) await get(`r${reader}`);
  await get('r0');
  for (let reader = 200; reader < 300; reader += 1) await get(`r${reader}`);
  const known = (reader: string): boolean => one.catalogues.known('prompts', reader) !== undefined;
  assert.deepEqual([PROBE_READER, 'r0', 'r1', 'r299'].map(known), [true, true, false, true]);
});
