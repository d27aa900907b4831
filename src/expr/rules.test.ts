import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expr, placeOf } from '../../test/fixtures/expressions.ts';
import type { Judgement } from '../core/witness.ts';
import { compileRules, type RuleSource, Rules } from './rules.ts';
import { rulesSchema } from './schema.ts';

const SCOPE = { who: 'ann', age: 7, claims: { team: 'a' } };
const TRUE = 'who == "ann"';
const FALSE = 'who == "bob"';
/** Neither true nor false: the map has no such member. */
const BROKEN = 'claims.missing == "a"';

interface Judged {
  readonly allowed: boolean;
  readonly by: number | undefined;
  readonly failed: number[];
}

function judge(...written: unknown[]): Judged {
  const failed: number[] = [];
  const sources = rulesSchema.parse(written);
  const compiled = compileRules(expr, sources, { place: placeOf(SCOPE), policy: 'rules' });
  const rules = new Rules(compiled, { policy: 'rules', failed: ({ number }) => void failed.push(number) });
  const { allowed, by } = rules.judge(SCOPE);
  return { allowed, by: by?.number, failed };
}

const verdict = (...written: unknown[]) => judge(...written).allowed;

describe('rules', () => {
  test('that are none refuse nobody', () => {
    assert.deepEqual(judge(), { allowed: true, by: undefined, failed: [] });
  });

  test('with an allow let in whom one of them holds for, and nobody else', () => {
    assert.deepEqual(judge(FALSE, { allow: TRUE }), { allowed: true, by: 2, failed: [] });
    assert.deepEqual(judge(FALSE, FALSE), { allowed: false, by: undefined, failed: [] });
  });

  test('with a deny refuse whom it holds for, whatever is allowed', () => {
    assert.deepEqual(judge({ allow: TRUE }, { deny: TRUE }), { allowed: false, by: 2, failed: [] });
    assert.equal(verdict({ deny: FALSE }), true);
    assert.equal(verdict({ deny: FALSE }, FALSE), false);
  });

  test('with several requires want them all', () => {
    assert.equal(verdict({ require: TRUE }, { require: TRUE }), true);
    assert.deepEqual(judge({ require: TRUE }, { require: FALSE }, TRUE), {
      allowed: false,
      by: 2,
      failed: [],
    });
    assert.equal(verdict({ require: TRUE }, FALSE), false);
  });

  test('that cannot be evaluated open no door', () => {
    assert.deepEqual(judge({ deny: BROKEN }, TRUE), { allowed: false, by: 1, failed: [1] });
    assert.deepEqual(judge({ require: BROKEN }), { allowed: false, by: 1, failed: [1] });
    assert.deepEqual(judge(BROKEN), { allowed: false, by: undefined, failed: [1] });
    assert.deepEqual(judge(BROKEN, TRUE), { allowed: true, by: 2, failed: [1] });
  });

  test('hold where they are true, not where they are something', () => {
    for (const source of ['who', 'age', '"true"', '1', 'claims', '[true]'])
      assert.deepEqual([verdict(source), verdict({ require: source })], [false, false], source);
  });
});

test('who asked why hears of every rule, in the order of judgement, and what it read', () => {
  const heard: Judgement[] = [];
  const witness = { authenticated() {}, judged: (judgement: Judgement) => void heard.push(judgement) };
  const sources = rulesSchema.parse([
    TRUE,
    { require: 'age == 7' },
    { deny: BROKEN },
    { deny: TRUE },
    { deny: FALSE },
  ]);
  const rules = new Rules(compileRules(expr, sources, { place: placeOf(SCOPE), policy: 'p' }), {
    policy: 'p',
    failed() {},
  });
  const item = { kind: 'tool', target: 't', name: 'n' } as const;
  const hearing = { witness, question: 'call', item } as const;
  const quiet = rules.judge(SCOPE, { undecided: () => true });
  assert.deepEqual(rules.judge(SCOPE, { undecided: () => true, hearing }), quiet);
  const [judgement, ...others] = heard;
  assert.deepEqual(others, []);
  const { rules: findings, ...rest } = judgement as Judgement;
  assert.deepEqual(rest, { policy: 'p', question: 'call', item, allowed: false, by: 4 });
  assert.deepEqual(
    findings.map(({ number, effect, outcome, leftOpen, reads }) => [
      number,
      effect,
      outcome,
      leftOpen,
      reads,
    ]),
    [
      [3, 'deny', 'error', true, [{ name: 'claims.missing', value: undefined }]],
      [4, 'deny', 'true', undefined, [{ name: 'who', value: 'ann' }]],
      [5, 'deny', 'unjudged', undefined, [{ name: 'who', value: 'ann' }]],
      [2, 'require', 'unjudged', undefined, [{ name: 'age', value: 7 }]],
      [1, 'allow', 'unjudged', undefined, [{ name: 'who', value: 'ann' }]],
    ],
  );
});

test('a rule that cannot be evaluated is said once', () => {
  const failed: number[] = [];
  const sources = rulesSchema.parse([BROKEN]);
  const rules = new Rules(compileRules(expr, sources, { place: placeOf(SCOPE), policy: 'p' }), {
    policy: 'p',
    failed: ({ number }) => void failed.push(number),
  });
  for (let time = 0; time < 3; time += 1) rules.judge(SCOPE);
  assert.deepEqual(failed, [1]);
});

test('a rule that does not compile is named', () => {
  const sources: RuleSource[] = [
    { effect: 'allow', expression: TRUE },
    { effect: 'deny', expression: 'whoo == "x"' },
  ];
  assert.throws(() => compileRules(expr, sources, { place: placeOf(SCOPE), policy: 'authorization' }), {
    code: 'CONFIG_INVALID',
    message: /^authorization: rule 2: .*whoo/,
  });
});

test('a rule is written as text, or under exactly one of its effects', () => {
  const [plain, allow] = rulesSchema.parse(['x', { allow: 'x' }]);
  assert.deepEqual([plain, allow], [allow, { effect: 'allow', expression: 'x' }]);
  for (const wrong of [
    {},
    { allow: 'x', deny: 'y' },
    { alow: 'x' },
    '',
    { allow: '' },
    'x'.repeat(20_000),
    1,
    null,
  ])
    assert.throws(() => rulesSchema.parse([wrong]), JSON.stringify(wrong));
});
