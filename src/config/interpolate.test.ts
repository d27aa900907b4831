// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpolate, retyped } from './interpolate.ts';

const env = { NAME: 'value', EMPTY: '', _1: 'one', TRICKY: '$NAME ${NAME} $$ $& $1' };

function expand(text: string): unknown {
  const { value, findings } = interpolate([text], env);
  assert.deepEqual(findings, []);
  return (value as unknown[])[0];
}

test('braces name a variable, alone or inside a text', () => {
  assert.equal(expand('${NAME}'), 'value');
  assert.equal(expand('a ${NAME}${_1}/b'), 'a valueone/b');
});

test('a default stands in for a variable that is not set or empty', () => {
  assert.equal(expand('${UNSET:-a b:c}'), 'a b:c');
  assert.equal(expand('${EMPTY:-x}'), 'x');
  assert.equal(expand('${NAME:-x}'), 'value');
  assert.equal(expand('${UNSET:-}'), '');
});

test('without braces a variable is only meant when it exists', () => {
  assert.equal(expand('$NAME/$UNSET $5 ^a$'), 'value/$UNSET $5 ^a$');
  assert.equal(expand('$NAMES'), '$NAMES');
});

test('two dollar signs are one', () => {
  assert.equal(expand('$$NAME $${NAME} a$$'), '$NAME ${NAME} a$');
});

test('what a variable holds is taken as it is', () => {
  assert.equal(expand('${TRICKY}'), env.TRICKY);
});

test('a variable that is not set is named, with its place', () => {
  const { findings } = interpolate({ a: [{ b: '${ONE} ${NAME} ${TWO}' }] }, env);
  assert.deepEqual(
    findings.map(({ path, message }) => [path, message]),
    [
      [['a', 0, 'b'], 'the variable ONE is not set'],
      [['a', 0, 'b'], 'the variable TWO is not set'],
    ],
  );
});

test('keys, numbers and other values are left alone', () => {
  const value = { '${NAME}': 1, a: [true, null, 2.5, 'text'] };
  assert.deepEqual(interpolate(value, env).value, value);
});

test('only texts that spell a number or boolean exactly are retyped', () => {
  assert.deepEqual(['0', '-12', '1.50', 'true', 'false'].map(retyped), [0, -12, 1.5, true, false]);
  for (const text of [
    '',
    ' 1',
    '007',
    '1e3',
    '0x10',
    'True',
    'yes',
    '12345678901234567890',
    'Infinity',
    'NaN',
  ]) {
    assert.equal(retyped(text), undefined, text);
  }
});
