import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memberBefore, spaceBefore } from './json-back.ts';

function last(text: string, floor = 0): string | undefined {
  const bytes = Buffer.from(text);
  const member = memberBefore(bytes, bytes.length - 1, floor);
  return member && bytes.toString('utf8', member.at, member.end);
}

describe('the last member', () => {
  it('is found whatever its value is', () => {
    for (const member of [
      '"b":2',
      '"b":-1.5e3',
      '"b":null',
      '"b" : "x"',
      '"b":"\\\\\\""',
      '"b":"{\\"c\\":[\\"}"',
      '"b":{"c":[{},"]"]}',
      '"b":[]',
      '"\\"b\\\\":{}',
      '"":""',
    ]) {
      assert.equal(last(`{"a":1,${member}}`), member);
      assert.equal(last(`{ ${member} }`), member);
    }
  });

  it('is none in an empty object, and none when it reaches to the floor', () => {
    assert.equal(last('{}'), undefined);
    assert.equal(last('{"a":1,"b":2}', 6), '"b":2');
    assert.equal(last('{"a":1,"b":2}', 7), undefined);
    assert.equal(last('{"a":1,"b":{"c":[1]}}', 7), undefined);
    assert.equal(last(`{"a":1,"b":"${'x'.repeat(50)}"}`, 20), undefined);
  });

  it('is none where the text is broken', () => {
    for (const text of ['}', '1}', '"b"}', ':1}', '{"b"1}', '{b:1}', '{"b":]}', '{"b":1]}', '{"b":}', ''])
      assert.equal(last(text), undefined, text);
  });
});

describe('whitespace', () => {
  it('is skipped backwards, to the start at most', () => {
    assert.equal(spaceBefore(Buffer.from('a \t\r\n'), 5), 1);
    assert.equal(spaceBefore(Buffer.from('ab'), 1), 1);
    assert.equal(spaceBefore(Buffer.from('  '), 2), 0);
  });
});
