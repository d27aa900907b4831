import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memberOf, viewOf } from '../../../test/fixtures/scripted-session.ts';
import { scriptedTarget } from '../../../test/fixtures/scripted-target.ts';
import { GatewayError } from '../../core/errors.ts';
import { EMPTY, fetchCatalogue } from '../catalogue.ts';
import type { View, ViewPlan } from './view.ts';

const targets = (...names: string[]) => names.map((name) => scriptedTarget({}, { name }));
const viewFor = (names: string[], plan: Partial<ViewPlan> = {}): View => viewOf(targets(...names), plan);

describe('names', () => {
  it('carry their target when there are several, always or never, as configured', () => {
    const prefixes = (names: string[], prefixMode: ViewPlan['prefixMode']): string[] =>
      viewFor(names, { prefixMode }).members.map(({ prefix }) => prefix);
    assert.deepEqual(prefixes(['a'], 'conditional'), ['']);
    assert.deepEqual(prefixes(['a', 'b'], 'conditional'), ['a_', 'b_']);
    assert.deepEqual(prefixes(['a'], 'always'), ['a_']);
    assert.deepEqual(prefixes(['a', 'b'], 'never'), ['', '']);
  });

  it('of one target that is shown as it is make a single one', () => {
    assert.equal(viewFor(['a']).single?.name, 'a');
    assert.equal(viewFor(['a'], { prefixMode: 'never' }).single?.name, 'a');
    assert.equal(viewFor(['a'], { prefixMode: 'always' }).single, undefined);
    assert.equal(viewFor(['a', 'b']).single, undefined);
    assert.equal(viewFor([]).single, undefined);
  });
});

describe('a URI', () => {
  it('leads to its target, also where tool names carry none', () => {
    for (const prefixMode of ['conditional', 'never'] as const) {
      const { member, uri } = viewFor(['a', 'b'], { prefixMode }).resolveUri('b+x:1');
      assert.deepEqual([member.name, uri], ['b', 'x:1']);
    }
    assert.equal(viewFor(['a']).resolveUri('b+x:1').uri, 'b+x:1');
  });

  it('of no target is unknown', () => {
    for (const uri of ['c+x:1', 'x:1', 'ui://x'])
      assert.throws(
        () => viewFor(['a', 'b']).resolveUri(uri),
        (error) =>
          error instanceof GatewayError &&
          error.code === 'UNKNOWN_ITEM' &&
          error.detail.data?.['uri'] === uri,
      );
  });
});

describe('a listing', () => {
  const page = (name: string) =>
    fetchCatalogue('tools', {
      era: 'legacy',
      page: () => Promise.resolve({ kind: 'result', body: Buffer.from(`{"tools":[{"name":"${name}"}]}`) }),
      skipped() {},
    });

  it('is made once for the same catalogues', async () => {
    const view = viewFor(['a', 'b']);
    const [one, other] = view.members;
    assert.ok(one && other);
    const [x, y] = [await page('x'), await page('y')];
    const first = view.listing('tools', [
      { target: one, catalogue: x },
      { target: other, catalogue: y },
    ]);
    const second = view.listing('tools', [
      { target: one, catalogue: y },
      { target: other, catalogue: x },
    ]);
    assert.notEqual(first, second);
    assert.equal(
      view.listing('tools', [
        { target: one, catalogue: x },
        { target: other, catalogue: y },
      ]),
      first,
    );
    assert.equal(
      view.listing('tools', [
        { target: one, catalogue: y },
        { target: other, catalogue: x },
      ]),
      second,
    );
    assert.notEqual(view.listing('tools', [{ target: one, catalogue: x }]), first);
  });

  it('of one kind is not that of another, even when both are empty', () => {
    const view = viewFor(['a', 'b']);
    const parts = view.members.map((target) => ({ target, catalogue: EMPTY }));
    assert.equal(view.listing('tools', parts).bodyFor('legacy').toString(), '{"tools":[]}');
    assert.equal(view.listing('prompts', parts).bodyFor('legacy').toString(), '{"prompts":[]}');
  });

  it('that nobody has asked for lately is made again', async () => {
    const view = viewFor(['a', 'b']);
    const [one] = view.members;
    assert.ok(one);
    const old = await page('old');
    const before = view.listing('tools', [{ target: one, catalogue: old }]);
    for (let count = 0; count < 70; count += 1)
      view.listing('tools', [{ target: one, catalogue: await page(`t${count}`) }]);
    const after = view.listing('tools', [{ target: one, catalogue: old }]);
    assert.notEqual(after, before);
    assert.deepEqual(after.bodyFor('legacy'), before.bodyFor('legacy'));
  });
});

describe('deadlines', () => {
  it('are those of the tool, else of its target', () => {
    const [one] = targets('a');
    assert.ok(one);
    const toolDeadlines = new Map([['slow', { ms: 9000, maxMs: 9000 }]]);
    const view = viewOf([], { members: [memberOf(one.target, { toolDeadlines })] });
    const [member] = view.members;
    assert.ok(member);
    assert.equal(view.deadline(member, 'slow').ms, 9000);
    assert.equal(view.deadline(member, 'other').ms, 1000);
    assert.equal(view.deadline(member, undefined).ms, 1000);
  });
});

describe('two views', () => {
  it('show the same when only policies and deadlines differ', () => {
    const all = targets('a', 'b');
    const base = viewOf(all);
    const slower = viewOf(all, {
      members: all.map(({ target }) => memberOf(target, { deadline: { ms: 1, maxMs: 1 } })),
    });
    assert.equal(slower.showsSame(base), true);
    const curated = viewOf(all, {
      members: all.map(({ target }) => memberOf(target, { curation: { exclude: ['x'] } })),
    });
    assert.equal(curated.showsSame(base), false);
    assert.equal(viewOf(all, { prefixMode: 'never' }).showsSame(base), false);
    assert.equal(viewOf([...all].reverse()).showsSame(base), false);
    assert.equal(viewOf(targets('a', 'b')).showsSame(base), false);
  });
});
