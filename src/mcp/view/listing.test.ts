import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { type Catalogue, fetchCatalogue, LISTS, type ListKind } from '../catalogue.ts';
import { buildListing, type ListedTarget, type Listing } from './listing.ts';
import { type Curation, exposeName, exposeUri, isShown } from './naming.ts';

function catalogue(kind: ListKind, page: string): Promise<Catalogue> {
  return fetchCatalogue(kind, {
    era: 'legacy',
    page: () => Promise.resolve({ kind: 'result', body: Buffer.from(page) }),
    skipped() {},
  });
}

interface Part {
  readonly target: ListedTarget;
  readonly catalogue: Catalogue;
}

async function part(
  kind: ListKind,
  items: readonly object[],
  target: Partial<ListedTarget> & { name: string },
): Promise<Part> {
  const merged = { prefix: `${target.name}_`, mapsUris: true, curation: undefined, ...target };
  return {
    target: merged,
    catalogue: await catalogue(kind, JSON.stringify({ [LISTS[kind].member]: items })),
  };
}

const listing = (kind: ListKind, ...parts: Part[]): Listing => buildListing({ kind, limit: 64, parts });
const shown = (kind: ListKind, listed: Listing): unknown =>
  (JSON.parse(listed.bodyFor('legacy').toString()) as Record<string, unknown>)[LISTS[kind].member];

const ALONE = { prefix: '', mapsUris: false };

test('the page of a target that is shown as it is passes on whole', async () => {
  const page = '{ "tools" : [ {"name" : "a"} ], "_meta":{"n":1.0}}';
  const alone = await catalogue('tools', page);
  const target = { name: 'one', curation: undefined, ...ALONE };
  assert.equal(listing('tools', { target, catalogue: alone }).bodyFor('legacy'), alone.whole);
  const curated = { ...target, curation: { exclude: ['other'] } };
  assert.equal(listing('tools', { target: curated, catalogue: alone }).bodyFor('legacy'), alone.whole);
});

test('a list of several pages, and one that is curated or prefixed, is put together from its items', async () => {
  const tools = [{ name: 'a' }, { name: 'b' }];
  const left = await part('tools', tools, { name: 'one', ...ALONE, curation: { exclude: ['a'] } });
  assert.equal(listing('tools', left).bodyFor('legacy').toString(), '{"tools":[{"name":"b"}]}');
  const prefixed = await part('tools', tools, { name: 'one' });
  assert.equal(
    listing('tools', prefixed).bodyFor('legacy').toString(),
    '{"tools":[{"name":"one_a"},{"name":"one_b"}]}',
  );
  assert.equal(listing('prompts').bodyFor('legacy').toString(), '{"prompts":[]}');
});

/** Where a name leads, without the item that says so. */
function origin(listed: Listing, exposed: string): object {
  const { listed: item, ...rest } = listed.names.get(exposed) ?? assert.fail(exposed);
  assert.ok(item.text);
  return rest;
}

test('the way back from an exposed name is a map', async () => {
  const found = listing(
    'tools',
    await part('tools', [{ name: 'a', annotations: { readOnlyHint: true } }], { name: 'one' }),
    await part('tools', [{ name: 'x y' }], { name: 'two' }),
  );
  assert.deepEqual(origin(found, 'one_a'), { target: 'one', native: 'a', repeatable: true, repeated: [] });
  const odd = exposeName('x y', { prefix: 'two_', limit: 64 });
  assert.deepEqual(origin(found, odd), { target: 'two', native: 'x y', repeatable: false, repeated: [] });
  assert.equal(found.names.size, 2);
});

test('a name that two targets claim is shown for neither', async () => {
  const found = listing(
    'tools',
    await part('tools', [{ name: 'same' }, { name: 'mine' }], { name: 'one', ...ALONE }),
    await part('tools', [{ name: 'same' }], { name: 'two', ...ALONE }),
    await part('tools', [{ name: 'same' }, { name: 'theirs' }], { name: 'three', ...ALONE }),
  );
  assert.deepEqual(shown('tools', found), [{ name: 'mine' }, { name: 'theirs' }]);
  assert.deepEqual([...found.clashes], ['same']);
  assert.equal(found.names.has('same'), false);
});

test('two tools of one target that are renamed to the same clash, an item listed twice does not', async () => {
  const renamed = await part('tools', [{ name: 'a' }, { name: 'b' }], {
    name: 'one',
    curation: { rename: { a: 'b' } },
  });
  const found = listing('tools', renamed);
  assert.deepEqual([shown('tools', found), [...found.clashes]], [[], ['one_b']]);
  const twice = listing('tools', await part('tools', [{ name: 'a' }, { name: 'a' }], { name: 'one' }));
  assert.deepEqual([twice.names.size, twice.clashes.size], [1, 0]);
});

test('names can be swapped, and descriptions replaced or given', async () => {
  const curation: Curation = {
    rename: { a: 'b', b: 'a' },
    description: { a: 'was "a"', b: 'was b', c: 'new' },
  };
  const tools = [{ name: 'a', description: 'old' }, { description: 'old', name: 'b', x: 1 }, { name: 'c' }];
  const found = listing('tools', await part('tools', tools, { name: 'one', ...ALONE, curation }));
  assert.deepEqual(shown('tools', found), [
    { name: 'b', description: 'was "a"' },
    { description: 'was b', name: 'a', x: 1 },
    { name: 'c', description: 'new' },
  ]);
  assert.equal(found.names.get('a')?.native, 'b');
});

test('tools called like members of every object are tools like any other', async () => {
  const tools = ['constructor', 'toString', '__proto__', 'hasOwnProperty'].map((name) => ({ name }));
  const curation: Curation = { rename: { x: 'y' }, description: { x: 'y' } };
  const found = listing('tools', await part('tools', tools, { name: 'one', ...ALONE, curation }));
  assert.deepEqual(shown('tools', found), tools);
});

test('resources carry their target in URI and name, and only tools are curated', async () => {
  const resources = [
    { uri: 'file:///a', name: 'a', title: 'A' },
    { uri: 'ui://x', name: 'b c' },
    { uri: 'x:1' },
  ];
  const found = listing(
    'resources',
    await part('resources', resources, { name: 'one', curation: { exclude: ['*'] } }),
  );
  assert.deepEqual(shown('resources', found), [
    { uri: 'one+file:///a', name: 'one_a', title: 'A' },
    { uri: 'ui://one+x', name: exposeName('b c', { prefix: 'one_', limit: 256 }) },
    { uri: 'one+x:1' },
  ]);
  assert.deepEqual(origin(found, 'one+file:///a'), {
    target: 'one',
    native: 'file:///a',
    repeatable: false,
    repeated: [],
  });
  const templates = [{ uriTemplate: 'file:///{a}', name: 'a' }];
  assert.deepEqual(
    shown('templates', listing('templates', await part('templates', templates, { name: 'one' }))),
    [{ uriTemplate: 'one+file:///{a}', name: 'one_a' }],
  );
});

test('the resource that shows a tool gets its target', async () => {
  const tools = [{ name: 'a', _meta: { ui: { resourceUri: 'ui://app' }, 'ui/resourceUri': 'ui://app' } }];
  const merged = listing('tools', await part('tools', tools, { name: 'one' }));
  assert.deepEqual(shown('tools', merged), [
    { name: 'one_a', _meta: { ui: { resourceUri: 'ui://one+app' }, 'ui/resourceUri': 'ui://one+app' } },
  ]);
  const alone = listing('tools', await part('tools', tools, { name: 'one', ...ALONE }));
  assert.deepEqual(shown('tools', alone), tools);
});

/** What the listing must be, byte for byte: parsed, changed, printed. */
function reference(
  kind: ListKind,
  parts: readonly { items: readonly Item[]; target: ListedTarget }[],
): string {
  const entries = parts.flatMap(({ items, target }) =>
    items
      .filter(({ name }) => kind !== 'tools' || isShown(name, target.curation))
      .map((item) => ({
        owner: `${target.name} ${item.uri ?? item.name}`,
        ...exposedItem(kind, item, target),
      })),
  );
  const owners = new Map<string, Set<string>>();
  for (const { key, owner } of entries) owners.set(key, (owners.get(key) ?? new Set()).add(owner));
  const left = entries.filter(({ key }) => owners.get(key)?.size === 1).map(({ value }) => value);
  return JSON.stringify({ [LISTS[kind].member]: left });
}

function exposedItem(kind: ListKind, item: Item, target: ListedTarget): { key: string; value: Item } {
  const renamed = new Map(Object.entries(target.curation?.rename ?? {}));
  const wanted = (kind === 'tools' ? renamed.get(item.name) : undefined) ?? item.name;
  const limit = kind === 'tools' ? 64 : 256;
  const keepsName = kind === 'resources' && target.prefix === '';
  const name = keepsName ? item.name : exposeName(wanted, { prefix: target.prefix, limit });
  const value: Item = { ...item, name };
  if (kind === 'resources' && target.mapsUris) value.uri = exposeUri(item.uri as string, target.name);
  return { key: kind === 'tools' ? name : (value.uri as string), value };
}

interface Item {
  name: string;
  uri?: string;
}

test('a generated list is what parsing, changing and printing would make of it', async () => {
  const name = fc.oneof(
    fc.constantFrom('a', 'b', 'c', 'a b', 'é', 'x'.repeat(70)),
    fc.string({ minLength: 1 }),
  );
  const uri = fc.oneof(fc.constantFrom('a:1', 'a:2', 'ui://x'), fc.webUrl());
  const extra = fc.dictionary(fc.constantFrom('title', 'x', 'é', '"'), fc.jsonValue(), { maxKeys: 2 });
  const tool = fc.tuple(name, extra).map(([own, more]) => ({ name: own, ...more }));
  const resource = fc.tuple(name, uri, extra).map(([own, at, more]) => ({ uri: at, name: own, ...more }));
  const curation = fc.option(
    fc.record(
      {
        include: fc.constantFrom(['*'], ['a*', 'b']),
        exclude: fc.constantFrom(['b'], []),
        rename: fc.constantFrom({ a: 'c' }, { c: 'renamed' }),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  );
  const kinds = fc.constantFrom('tools' as const, 'resources' as const);
  const parts = (kind: 'tools' | 'resources') =>
    fc.array(
      fc.record({
        items: fc.array<Item>(kind === 'tools' ? tool : resource, { maxLength: 6 }),
        prefixed: fc.boolean(),
        mapsUris: fc.boolean(),
        curation,
      }),
      { minLength: 1, maxLength: 4 },
    );
  const input = kinds.chain((kind) => parts(kind).map((generated) => ({ kind, generated })));
  await fc.assert(
    fc.asyncProperty(input, async ({ kind, generated }) => {
      const wanted = generated.map(({ items, prefixed, mapsUris, curation: own }, index) => {
        const target = { name: `t${index}`, prefix: prefixed ? `t${index}_` : '', mapsUris, curation: own };
        return { items, target };
      });
      const built = await Promise.all(wanted.map(({ items, target }) => part(kind, items, target)));
      assert.equal(
        listing(kind, ...built)
          .bodyFor('legacy')
          .toString(),
        reference(kind, wanted),
      );
    }),
    { seed: SEED, numRuns: 500 },
  );
});
