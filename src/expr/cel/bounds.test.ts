import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, expr, failure, placeOf } from '../../../test/fixtures/expressions.ts';

const TEN = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]';
/** As many loops in each other as there are names. */
const loops = (names: string, body: string): string =>
  [...names].reduceRight((inner, name) => `${TEN}.all(${name}, ${inner})`, body);

const big = Array.from({ length: 150_000 }, (_, at) => at);
const numbers = Array.from({ length: 2000 }, (_, at) => at);
const text = 'a'.repeat(4 * 1024 * 1024);
const scope = { big, numbers, text, words: { a: text.slice(0, 50_000) }, none: {} };

/** Too much for a source, too little for an evaluation: each ends at once, whatever it is asked to do. */
const BOMBS: Readonly<Record<string, string>> = {
  'nested loops': loops('abcdef', 'true'),
  'loops whose error is swallowed': `${loops('abcdef', 'true')} || true`,
  'loops that coalesce tries': `coalesce(${loops('abcdef', 'true')}, true)`,
  'loops as the default of each other': `default(none.x, ${loops('abcdef', 'true')})`,
  'a list against itself': 'numbers.all(a, numbers.exists(b, a == b))',
  'a long list, again and again': 'big.all(a, a in big)',
  'equality of long lists': loops('ab', 'numbers == numbers.map(n, n)'),
  'a list that doubles': doubled('[1]', 30),
  'a text that doubles': doubled('"xxxxxxxx"', 30),
  'a replacement that explodes': 'words.a.replace("a", words.a)',
  'a search in a loop': loops('abc', '!text.contains("b")'),
  'comparison of long texts in a loop': loops('abc', '(text + "a") != (text + "b")'),
  'a pattern over a long text': 'text.matches("(a+)+$")',
  'patterns that are made': loops('ab', '"x".matches("x{1000}" + string(a) + string(b)) || true'),
  'JSON in a loop': loops('ab', 'json(toJson(numbers)) != null'),
  'formats in a loop': loops('abc', '"%s".format([numbers]) != ""'),
  'number formats': `"${'%f'.repeat(600)}".format([${'1.0, '.repeat(599)}1.0])`,
  'time zones in a loop': loops('abc', 'timestamp(0).getHours("America/New_York") > 0'),
  'splitting a long text': 'text.split("").size() > 0',
  'hashes in a loop': loops('abc', 'sha256.encode(text) != ""'),
  'encodings in a loop': loops('abcd', 'url.encode(words.a) != ""'),
  'maps that grow': loops('abc', '{"a": numbers}.merge({"b": numbers}).mapValues(v, v.map(n, n)) != {}'),
  'sorting out keys': loops('abc', 'form.decode("a=1&b=2&c=3").filterKeys(k, k in numbers) == {}'),
};

function doubled(seed: string, times: number): string {
  let source = `v${times}`;
  for (let at = times; at > 0; at -= 1) source = `(v${at - 1} + v${at - 1}).with(v${at}, ${source})`;
  return `${seed}.with(v0, ${source})`;
}

for (const [name, source] of Object.entries(BOMBS)) {
  test(`a bomb is stopped: ${name}`, () => {
    const error = failure(source, scope);
    assert.equal(error.code, 'EXPRESSION_FAILED');
    assert.match(error.message, /limit of \d+/);
  });
}

test('ordinary work on large values is within the limits', () => {
  assert.equal(evaluate('text.contains("b") || text.startsWith("ab") || text.endsWith("b")', scope), false);
  assert.equal(evaluate('numbers.exists(n, n == 1999) && 1999 in numbers', scope), true);
  assert.equal(evaluate('numbers.filter(n, n % 2 == 0).map(n, n * 2).size()', scope), 1000);
  assert.equal(evaluate('json(t).size()', { t: JSON.stringify(numbers) }), 2000);
  assert.equal(evaluate('t.matches("(a+)+$")', { t: 'a'.repeat(10_000) }), true);
  assert.equal(
    evaluate('size(json(body).x)', { body: Buffer.from(JSON.stringify({ x: text.slice(0, 3_000_000) })) }),
    3_000_000,
  );
});

test('what one evaluation used up is there again for the next', () => {
  const expression = expr.compile('numbers.all(n, n >= 0)', placeOf(scope));
  for (let time = 0; time < 20; time += 1) assert.equal(expression.test(scope), true);
});

test('a pattern that takes other engines forever takes none of them', () => {
  assert.equal(evaluate('t.matches("^(([a-z])+.)+[A-Z]([a-z])+$")', { t: 'a'.repeat(5000) }), false);
  assert.equal(
    evaluate('t.regexReplace("(a|aa)+$", "x")', { t: `${'a'.repeat(5000)}b` }),
    `${'a'.repeat(5000)}b`,
  );
  assert.match(failure('"a".matches("(((a{100}){100}){100})")').message, /repeat/);
});

const TOO_MUCH: Readonly<Record<string, readonly [string, RegExp]>> = {
  'a long source': [`"${'a'.repeat(16 * 1024)}"`, /more than 16384 bytes/],
  'a long source in few characters': [`"${'€'.repeat(6000)}"`, /more than 16384 bytes/],
  'many parts': [`[${'1,'.repeat(5000)}1]`, /more than 4096 parts/],
  'a long sum': [`1${'+1'.repeat(500)}`, /nested more than 128 deep/],
  'a long path': [`x${'.a'.repeat(500)}`, /nested more than 128 deep/],
  'many brackets': [`${'('.repeat(40)}1${')'.repeat(40)}`, /brackets are nested more than 32 deep/],
  'many open brackets': ['['.repeat(5000), /brackets are nested more than 32 deep/],
  'many conditions': [`${'x ? 1 : '.repeat(1500)}2`, /nested (?:too|more than 128) deep/],
};

for (const [name, [source, message]] of Object.entries(TOO_MUCH)) {
  test(`refused at load: ${name}`, () => {
    const error = failure(source, { x: true });
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.match(error.message, message);
  });
}

test('brackets in texts and comments nest nothing', () => {
  const brackets = '(['.repeat(100);
  for (const source of [
    `"${brackets}"`,
    `'${brackets}'`,
    `r"${brackets}"`,
    `"""${brackets}"\n"""`,
    `"\\"${brackets}"`,
    `1 // ${brackets}`,
  ])
    assert.ok(expr.compile(source, placeOf({})), source);
});

test('deep values end in an error, not in a crash', () => {
  let nested: object = {};
  for (let depth = 0; depth < 20_000; depth += 1) nested = { nested };
  for (const source of ['x', 'toJson(x)', 'x == y', '"%s".format([x])'])
    assert.equal(failure(source, { x: nested, y: { nested } }).code, 'EXPRESSION_FAILED');
});
