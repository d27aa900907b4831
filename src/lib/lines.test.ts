import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { LineSplitter } from './lines.ts';

/** Lines as text, overflows as numbers. */
function split(chunks: readonly string[], limit = 1_000_000): (string | number)[] {
  const seen: (string | number)[] = [];
  const splitter = new LineSplitter(
    (line) => seen.push(line.toString()),
    limit,
    (size) => seen.push(size),
  );
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  return seen;
}

describe('LineSplitter', () => {
  it('delivers lines without their end, whatever the chunks', () => {
    assert.deepEqual(split(['a\nb\r\nc', 'd', '\n', 'e\r', '\nf']), ['a', 'b', 'cd', 'e']);
  });

  it('skips empty lines and leaves a CR inside a line alone', () => {
    assert.deepEqual(split(['\n\r\n\n', 'a\rb\n', '\r', '\n', ' \n']), ['a\rb', ' ']);
  });

  it('keeps wide characters whole when a chunk cuts them', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter(
      (line) => lines.push(line.toString()),
      100,
      () => assert.fail(),
    );
    const bytes = Buffer.from('é漢\n');
    for (const byte of bytes) splitter.push(Buffer.from([byte]));
    assert.deepEqual(lines, ['é漢']);
  });

  it('reports a line over the limit once, as soon as it is, and goes on behind it', () => {
    assert.deepEqual(split(['12345\n123456\nab\n'], 5), ['12345', 6, 'ab']);
    assert.deepEqual(split(['123', '456', '789', '0'], 5), [6]);
    assert.deepEqual(split(['123', '456', '789\nab', 'c\n'], 5), [6, 'abc']);
    assert.deepEqual(split(['123456', '7890123', '4', '567890123\nab\n', '12345', '6\n'], 5), [6, 'ab', 6]);
    assert.deepEqual(split(['1234567\n\n1234567\n'], 5), [7, 7]);
  });

  it('delivers a line in one chunk without copying it', () => {
    const chunk = Buffer.from('abc\n');
    const lines: Buffer[] = [];
    new LineSplitter(
      (line) => lines.push(line),
      10,
      () => assert.fail(),
    ).push(chunk);
    assert.equal(lines[0]?.buffer, chunk.buffer);
  });

  it('gives the same lines however a text is cut', () => {
    const part = fc.constantFrom('a', 'bc', '\n', '\r\n', '\r', ' ', 'é', 'long '.repeat(110));
    fc.assert(
      fc.property(fc.array(fc.array(part).map((parts) => parts.join(''))), (chunks) => {
        const lines = chunks.join('').split('\n').slice(0, -1);
        const expected = lines.map((line) => line.replace(/\r$/, '')).filter((line) => line !== '');
        assert.deepEqual(split(chunks), expected);
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});
