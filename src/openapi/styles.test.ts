import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { ArgumentProblem, cookiePairs, headerText, pathText, queryPairs } from './styles.ts';

const parameter = (style: string, explode: boolean, more: object = {}) => ({
  name: 'color',
  style,
  explode,
  allowReserved: false,
  content: undefined,
  ...more,
});
const LIST = ['blue', 'black', 'brown'];
const MEMBERS = { R: 100, G: 200, B: 150 };

test('each style writes values as the tables of OpenAPI 3.1 and RFC 6570 have them', () => {
  for (const [style, explode, value, expected] of [
    ['simple', false, 'blue', 'blue'],
    ['simple', false, LIST, 'blue,black,brown'],
    ['simple', true, LIST, 'blue,black,brown'],
    ['simple', false, MEMBERS, 'R,100,G,200,B,150'],
    ['simple', true, MEMBERS, 'R=100,G=200,B=150'],
    ['label', false, 'blue', '.blue'],
    ['label', false, LIST, '.blue,black,brown'],
    ['label', true, LIST, '.blue.black.brown'],
    ['label', false, MEMBERS, '.R,100,G,200,B,150'],
    ['label', true, MEMBERS, '.R=100.G=200.B=150'],
    ['matrix', false, '', ';color'],
    ['matrix', false, 'blue', ';color=blue'],
    ['matrix', false, LIST, ';color=blue,black,brown'],
    ['matrix', true, LIST, ';color=blue;color=black;color=brown'],
    ['matrix', false, MEMBERS, ';color=R,100,G,200,B,150'],
    ['matrix', true, MEMBERS, ';R=100;G=200;B=150'],
  ] as const)
    assert.equal(pathText(parameter(style, explode), value), expected, `${style} ${explode}`);
  for (const [style, explode, value, expected] of [
    ['form', true, 'blue', 'color=blue'],
    ['form', true, '', 'color='],
    ['form', true, LIST, 'color=blue&color=black&color=brown'],
    ['form', false, LIST, 'color=blue,black,brown'],
    ['form', true, MEMBERS, 'R=100&G=200&B=150'],
    ['form', false, MEMBERS, 'color=R,100,G,200,B,150'],
    ['spaceDelimited', false, LIST, 'color=blue%20black%20brown'],
    ['spaceDelimited', false, MEMBERS, 'color=R%20100%20G%20200%20B%20150'],
    ['pipeDelimited', false, LIST, 'color=blue%7Cblack%7Cbrown'],
    ['pipeDelimited', true, LIST, 'color=blue&color=black&color=brown'],
    ['tabDelimited', false, LIST, 'color=blue%09black%09brown'],
    ['deepObject', true, MEMBERS, 'color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150'],
    ['deepObject', true, { a: { b: [1, 2] } }, 'color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=2'],
    ['form', true, [], ''],
    ['form', true, {}, ''],
  ] as const)
    assert.equal(queryPairs(parameter(style, explode), value).join('&'), expected, `${style} ${explode}`);
});

test('a parameter with a media type is written in that', () => {
  const json = parameter('form', true, { content: 'application/json' });
  assert.deepEqual(queryPairs(json, { a: ['b'] }), ['color=%7B%22a%22%3A%5B%22b%22%5D%7D']);
  assert.deepEqual(queryPairs(json, 'b'), ['color=%22b%22']);
  assert.deepEqual(queryPairs({ ...json, content: 'text/plain' }, 'b'), ['color=b']);
});

test('allowReserved keeps reserved characters and escapes, except those that would end the value', () => {
  const kept = parameter('form', true, { allowReserved: true });
  assert.deepEqual(queryPairs(kept, "a/b?c:d@e!$'()*,;=%41"), ["color=a/b?c:d@e!$'()*,;=%41"]);
  assert.deepEqual(queryPairs(kept, 'a&b#c+d e%'), ['color=a%26b%23c%2Bd%20e%25']);
});

test('a header takes nothing that would begin another one', () => {
  const header = parameter('simple', false);
  assert.equal(headerText(header, LIST), 'blue,black,brown');
  for (const value of ['a\r\nX-Evil: 1', 'a\nb', 'a\u0000', 'ü', ['a', '\r']])
    assert.throws(() => headerText(header, value), ArgumentProblem, JSON.stringify(value));
});

test('half a surrogate pair is refused', () => {
  assert.throws(() => queryPairs(parameter('form', true), '\ud800'), ArgumentProblem);
});

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const items = fc.array(text, { minLength: 1, maxLength: 5 });
const members = fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }), text, {
  minKeys: 1,
  maxKeys: 4,
  noNullPrototype: true,
});

/** As a server takes a query apart: pairs at `&` and `=`, then escapes. */
function decodedQuery(query: string): [string, string][] {
  return query.split('&').map((pair) => {
    const at = pair.indexOf('=');
    return [decodeURIComponent(pair.slice(0, at)), decodeURIComponent(pair.slice(at + 1))];
  });
}

test('whatever is sent in a query comes out as it went in', () => {
  fc.assert(
    fc.property(items, members, text, (list, object, one) => {
      const color = (style: string, explode: boolean, value: unknown) =>
        decodedQuery(queryPairs(parameter(style, explode), value).join('&'));
      assert.deepEqual(color('form', true, one), [['color', one]]);
      assert.deepEqual(
        color('form', true, list),
        list.map((item) => ['color', item]),
      );
      assert.deepEqual(color('form', true, object), Object.entries(object));
      assert.deepEqual(
        color('deepObject', true, object),
        Object.entries(object).map(([key, value]) => [`color[${key}]`, value]),
      );
      for (const [style, separator] of [
        ['form', ','],
        ['pipeDelimited', '%7C'],
        ['spaceDelimited', '%20'],
      ] as const) {
        const [pair = ''] = queryPairs(parameter(style, false), list);
        if (style !== 'form' && list.some((item) => /[ |]/.test(item))) continue;
        assert.deepEqual(pair.slice('color='.length).split(separator).map(decodeURIComponent), list);
      }
      const [cookie = ''] = cookiePairs(parameter('form', false), list);
      assert.doesNotMatch(cookie, /[;\s"\\]/);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test('whatever is sent in a path stays in its segment and comes out as it went in', () => {
  fc.assert(
    fc.property(items, members, (list, object) => {
      const simple = pathText(parameter('simple', false), list);
      assert.doesNotMatch(simple, /[/?#\\\s]/);
      assert.deepEqual(simple.split(',').map(decodeURIComponent), list);
      const matrix = pathText(parameter('matrix', true), object).slice(1).split(';');
      assert.deepEqual(
        matrix
          .map((pair) => pair.split('=').map(decodeURIComponent))
          .map(([key, value = '']) => [key, value]),
        Object.entries(object),
      );
      const [first, ...rest] = pathText(parameter('matrix', true), list).split(';color');
      assert.equal(first, '');
      assert.deepEqual(
        rest.map((each) => decodeURIComponent(each.slice(1))),
        list,
      );
    }),
    { seed: SEED, numRuns: 500 },
  );
});
