import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from './diagnostics.ts';
import { maskLines } from './mask.ts';
import { parseConfig } from './parse.ts';

/** Written so that no template is meant. */
const REFERENCE = ['key: $', '{NAME}'].join('');

/** What is shown of the one line, when something in it is wrong. */
function shown(text: string): string {
  const { positions } = parseConfig({ file: 'x', text });
  return positions.diagnostic({ path: [], message: 'wrong' }).excerpt?.split('\n')[0] ?? '';
}

test('values under names of secrets are blanked, also where the name is mistyped', () => {
  for (const [line, excerpt] of [
    ['key: abc def', 'key: *** ***'],
    ['keyx: abc', 'keyx: ***'],
    ['clientSecrt: abc', 'clientSecrt: ***'],
    ['htpaswd: "ann:x"', 'htpaswd: *******'],
    ['env: {ANY: abc, B: 1}', 'env: {ANY: ***, B: *}'],
    ['x-api-key: [{value: abc}]', 'x-api-key: [{value: ***}]'],
    [REFERENCE, REFERENCE],
    ['authorization: {rules: [abc]}', 'authorization: {rules: [abc]}'],
    ['host: a.test', 'host: a.test'],
    ['tokenUrl: https://a.test/token', 'tokenUrl: https://a.test/token'],
  ] as const)
    assert.equal(shown(line), excerpt);
});

test('expressions and metadata are shown, whatever they are called', () => {
  for (const [line, excerpt] of [
    ['localRateLimit: [{key: jwt.sub}]', 'localRateLimit: [{key: jwt.sub}]'],
    ['localRateLimit: {conditional: [{key: jwt.sub}]}', 'localRateLimit: {conditional: [{key: jwt.sub}]}'],
    ['a: {concurrencyLimit: {key: jwt.sub}}', 'a: {concurrencyLimit: {key: jwt.sub}}'],
    [
      'remoteRateLimit: {descriptors: [{entries: [{key: a, value: jwt.sub}]}]}',
      'remoteRateLimit: {descriptors: [{entries: [{key: a, value: jwt.sub}]}]}',
    ],
    ['tests: [{as: {apiKey: {role: admin}}}]', 'tests: [{as: {apiKey: {role: admin}}}]'],
    ['tests: [{as: {apiKey: {token: abc}}}]', 'tests: [{as: {apiKey: {token: ***}}}]'],
    [
      'apiKey: {keys: [{key: abc, keyHash: d, metadata: {role: x, secret: y}}]}',
      'apiKey: {keys: [{key: ***, keyHash: *, metadata: {role: x, secret: *}}]}',
    ],
  ] as const)
    assert.equal(shown(line), excerpt);
});

test('but not what only stands beside them', () => {
  for (const [line, excerpt] of [
    ['localRateLimit: [{key: {file: abc}, keyx: d}]', 'localRateLimit: [{key: {file: abc}, keyx: *}]'],
    ['localRateLimit: [{redis: {key: abc}}]', 'localRateLimit: [{redis: {key: ***}}]'],
    ['localRateLimit: [{key: "http://a:b@c"}]', 'localRateLimit: [{key: **************}]'],
    ['env: {localRateLimit: {key: abc}}', 'env: {localRateLimit: {key: ***}}'],
    ['env: {apiKey: {keys: [{metadata: {a: b}}]}}', 'env: {apiKey: {keys: [{metadata: {a: *}}]}}'],
    ['apiKey: {role: abc}', 'apiKey: {role: ***}'],
    ['apiKey: {kyes: [{key: abc}]}', 'apiKey: {kyes: [{key: ***}]}'],
  ] as const)
    assert.equal(shown(line), excerpt);
});

test('so is what looks like a secret wherever it stands', () => {
  for (const [line, excerpt] of [
    ['host: http://ann:pw@a.test/', 'host: *********************'],
    ['host: http://a.test/?api_key=abc', 'host: **************************'],
    ['args: [--token, abc, --verbose]', 'args: [--token, ***, --verbose]'],
    ['args: ["--api-key=abc", [--token=x]]', 'args: [***************, [*********]]'],
    ['args: [--token, [abc]]', 'args: [--token, [***]]'],
  ] as const)
    assert.equal(shown(line), excerpt);
});

test('a text that cannot be read is blanked line by line, with what goes on below a key', () => {
  for (const [text, masked] of [
    ['key: "abc', 'key: ****'],
    ['- key: abc: d', '- key: **** *'],
    ['a: {b: 1, token: abc\nc: d', 'a: {b: 1, token: ***\nc: d'],
    ['key: |\n  abc\nde\nname: f', 'key: |\n  ***\n**\nname: f'],
    ['password:\n  abc\nname: f', 'password:\n  ***\nname: f'],
    ['name: |\n  abc', 'name: |\n  abc'],
    ['{"a": 1, "key":"abc", "b"', '{"a": 1, "key":****** ***'],
    [`${REFERENCE}\nb: c: d`, `${REFERENCE}\nb: c: d`],
    ['MIIBoTCCAUegAwIBAgIUZsB3X9DTHjmry', '*********************************'],
    ['host: http://ann:pw@a.test/ x: y', '***** ********************* ** *'],
  ] as const)
    assert.equal(maskLines(text), masked);
});

test('no message quotes what is blanked', () => {
  for (const text of [
    'key: *s3cret-text',
    'key: !s3cret-text x',
    'key: "x" s3cret-text',
    'key: |9\n s3cret-text',
  ])
    assert.throws(
      () => parseConfig({ file: 'x', text }),
      (error) => error instanceof ConfigError && !/s3cret/.test(error.message),
      text,
    );
  assert.throws(() => parseConfig({ file: 'x', text: 'name: *other' }), /no anchor "&other"/);
});
