import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compact, elements, members, quote, splice, without } from './json-edit.ts';

describe('elements', () => {
  it('gives a start and an end for each element of an array', () => {
    const bytes = Buffer.from('{"a":[ 1 , "x,]" ,{"b":[2]},[]\n]}');
    const found = elements(bytes, 5, bytes.length - 1);
    const texts = [0, 2, 4, 6].map((index) => bytes.toString('utf8', found[index], found[index + 1]));
    assert.deepEqual(texts, ['1', '"x,]"', '{"b":[2]}', '[]']);
    assert.equal(found.length, 8);
  });

  it('gives none for an empty array and for a value that is no array', () => {
    for (const text of ['[]', '[ \n]', '{}', '1', '"[1]"', '']) {
      assert.deepEqual(elements(Buffer.from(text), 0, text.length), [], text);
    }
  });
});

describe('members', () => {
  const names = (text: string): string[] => members(Buffer.from(text)).map(({ name }) => name);

  it('gives name, place and value of each member of an object', () => {
    const bytes = Buffer.from('[{ "a" : 1 ,"b\\u0041\\"":"x,}" ,"":{"b":[2]},"é":[]\n}]');
    const found = members(bytes, { start: 1, end: bytes.length - 1 });
    assert.deepEqual(
      found.map(({ name, start, end }) => [name, bytes.toString('utf8', start, end)]),
      [
        ['a', '1'],
        ['bA"', '"x,}"'],
        ['', '{"b":[2]}'],
        ['é', '[]'],
      ],
    );
    for (const { at } of found) assert.equal(bytes[at], '"'.charCodeAt(0));
  });

  it('gives a member that comes twice twice', () => {
    assert.deepEqual(names('{"a":1,"a":2}'), ['a', 'a']);
  });

  it('gives none for an empty object and for a value that is no object', () => {
    for (const text of ['{}', '{ \n}', ' {}', '[]', '1', '"{}"', '']) assert.deepEqual(names(text), [], text);
  });

  it('stops behind the first member of the name looked for', () => {
    const found = members(Buffer.from('{"a":1,"b":2,"c":broken'), undefined, 'b');
    assert.deepEqual(
      found.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('refuses an object that is broken, or that something stands behind', () => {
    for (const text of [
      '{}}',
      '{} 1',
      '{"a":1},',
      '{',
      '{"a"',
      '{"a":',
      '{"a":1',
      '{"a":1,',
      '{"a":1,}',
      '{"a":1 "b":2}',
      '{a:1}',
      '{"a":[}',
    ])
      assert.throws(() => names(text), { name: 'JsonSyntaxError' }, text);
  });
});

describe('without', () => {
  const bytes = Buffer.from('{ "a":1 , "b":2,"c" : 3 }');
  const rest = (gone: string): string => {
    const spans = members(bytes).filter(({ name }) => gone.includes(name));
    return splice(bytes, without(bytes, spans)).toString();
  };

  it('takes members out with the commas that they needed', () => {
    for (const [gone, text] of [
      ['', '{ "a":1 , "b":2,"c" : 3 }'],
      ['a', '{ "b":2,"c" : 3 }'],
      ['b', '{ "a":1 , "c" : 3 }'],
      ['c', '{ "a":1 , "b":2 }'],
      ['ab', '{ "c" : 3 }'],
      ['ac', '{ "b":2 }'],
      ['bc', '{ "a":1  }'],
      ['abc', '{  }'],
    ] as const)
      assert.equal(rest(gone), text);
  });
});

describe('splice', () => {
  const bytes = Buffer.from('{"id":1,"name":"a"}');

  it('replaces, inserts and removes in one go', () => {
    const edits = [
      { start: 1, end: 1, with: Buffer.from('"new":0,') },
      { start: 6, end: 7, with: Buffer.from('"seven"') },
      { start: 7, end: 18, with: Buffer.alloc(0) },
    ];
    assert.equal(splice(bytes, edits).toString(), '{"new":0,"id":"seven"}');
  });

  it('copies the range when there is nothing to do', () => {
    const copy = splice(bytes, [], { start: 1, end: 7 });
    assert.equal(copy.toString(), '"id":1');
    copy[0] = 0;
    assert.equal(bytes[1], '"'.charCodeAt(0));
  });

  it('refuses edits that overlap, go backwards or leave the range', () => {
    const put = Buffer.from('x');
    const wrong = [
      [
        { start: 3, end: 6, with: put },
        { start: 5, end: 7, with: put },
      ],
      [
        { start: 5, end: 6, with: put },
        { start: 1, end: 2, with: put },
      ],
      [{ start: 6, end: 5, with: put }],
      [{ start: 1, end: 3, with: put }],
      [{ start: 9, end: 11, with: put }],
    ];
    for (const edits of wrong) assert.throws(() => splice(bytes, edits, { start: 2, end: 10 }), RangeError);
  });
});

describe('compact', () => {
  it('returns the same buffer when there is no line end', () => {
    const bytes = Buffer.from('{ "a" : "x\\n y" }');
    assert.equal(compact(bytes), bytes);
  });

  it('removes the whitespace between tokens and none inside strings', () => {
    const pretty = '{\r\n  "a b" : [ 1 ,\t-2.5e3, true ],\n  "c\\"\\n " : "  é \\\\" \r}\n';
    assert.equal(compact(Buffer.from(pretty)).toString(), '{"a b":[1,-2.5e3,true],"c\\"\\n ":"  é \\\\"}');
  });

  it('looks at its own range only', () => {
    const bytes = Buffer.from('\n{"a": 1}\n[\n1]');
    assert.equal(compact(bytes, 1, 9).toString(), '{"a": 1}');
    assert.equal(compact(bytes, 10).toString(), '[1]');
  });

  it('never lets a line end through, not even from a text that nobody validated', () => {
    assert.throws(() => compact(Buffer.from('{"a":"x\ny"}')), { name: 'JsonSyntaxError', offset: 7 });
    assert.throws(() => compact(Buffer.from('\n"x\r"')), { name: 'JsonSyntaxError' });
  });
});

describe('quote', () => {
  it('makes a literal that is always UTF-8 and reads back the same', () => {
    for (const text of ['', 'a"b\\c', 'line\nend\r\0', 'é\u{1f600}\u2028', '\ud800']) {
      assert.equal(JSON.parse(quote(text).toString()), text);
      assert.ok(!/[\n\r]/.test(quote(text).toString()));
    }
  });
});
