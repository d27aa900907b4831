import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Needle } from './needle.ts';

describe('a needle', () => {
  const needle = new Needle('"resultType"', 'Type"');

  it('is found wherever the whole of it stands', () => {
    for (const text of ['"resultType"', '{"resultType":"complete"}', '{"mimeType":"x","resultType":1}'])
      assert.equal(needle.isIn(Buffer.from(text)), true, text);
  });

  it('is not where only a part of it stands', () => {
    for (const text of ['', '{"mimeType":"x"}', '"resultTyp"', '"result Type"', '"ResultType"'])
      assert.equal(needle.isIn(Buffer.from(text)), false, text);
  });

  it('must have a sign that is a short part of it', () => {
    assert.throws(() => new Needle('"uri"', 'url'), /no sign/);
    assert.throws(() => new Needle('"resultType"', 'esultType'), /no sign/);
  });
});
