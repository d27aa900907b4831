import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rewriteCard, rewriteCardResult } from './card.ts';

const ours = (url: string): string => url.replace('http://agent', 'https://gw');
const rewrite = (card: string): string => rewriteCard(Buffer.from(card), ours).toString();

test('addresses of interfaces are replaced and everything else stays byte for byte', () => {
  const card = `{ "name" : "A\\u00e4", "url":"http:\\/\\/agent/a", "version": 1.0e0,
    "provider": {"url": "http://agent/about"}, "x-new": {"url": "http://agent/x", "n": 12345678901234567890},
    "additionalInterfaces": [ {"transport":"GRPC", "url":"http://agent/g"}, 7, {"url": null} ],
    "supported_interfaces": [{"url":"http://agent/s","tenant":"t"}], "supportedInterfaces": [] }`;
  assert.equal(
    rewrite(card),
    card
      .replace('"http:\\/\\/agent/a"', '"https://gw/a"')
      .replace('http://agent/g', 'https://gw/g')
      .replace('http://agent/s', 'https://gw/s'),
  );
});

test('members that come twice are all replaced: which one counts is for its reader', () => {
  assert.equal(
    rewrite('{"url":"http://agent/1","url":"http://agent/2","\\u0075rl":"http://agent/3"}'),
    '{"url":"https://gw/1","url":"https://gw/2","\\u0075rl":"https://gw/3"}',
  );
});

test('signatures go, wherever they stand', () => {
  assert.equal(rewrite('{"signatures":[{"a":1}],"url":"http://agent/"}'), '{"url":"https://gw/"}');
  assert.equal(rewrite('{"url":"http://agent/","signatures":[]}'), '{"url":"https://gw/"}');
  assert.equal(rewrite('{"a":1,"signatures":[],"url":"http://agent/"}'), '{"a":1,"url":"https://gw/"}');
  assert.equal(rewrite('{"signatures":[]}'), '{}');
});

test('a card that is the result of a call is changed, an error is not', () => {
  const answer =
    '{"jsonrpc":"2.0","id":1,"result":{"url":"http://agent/","signatures":[]},"url":"http://agent/"}';
  assert.equal(
    rewriteCardResult(Buffer.from(answer), ours).toString(),
    '{"jsonrpc":"2.0","id":1,"result":{"url":"https://gw/"},"url":"http://agent/"}',
  );
  const error =
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32007,"message":"none","data":{"url":"http://agent/"}}}';
  assert.equal(rewriteCardResult(Buffer.from(error), ours).toString(), error);
});

test('broken cards are no cards', () => {
  for (const card of ['{"url":', '{"url":"a"} x', '{"a":[1,]}', '{"supportedInterfaces":[{"url"}]}'])
    assert.throws(() => rewrite(card), { name: 'JsonSyntaxError' }, card);
});

test('whatever else a card has is the same for whoever parses it', () => {
  const interfaces = fc.array(fc.record({ url: fc.string(), n: fc.jsonValue() }, { requiredKeys: [] }), {
    maxLength: 3,
  });
  const parts = {
    url: fc.string(),
    signatures: fc.jsonValue(),
    supportedInterfaces: interfaces,
    additionalInterfaces: fc.oneof(interfaces, fc.jsonValue()),
    other: fc.jsonValue(),
  };
  const named = (each: unknown): unknown =>
    typeof each === 'object' && each !== null && typeof (each as { url?: unknown }).url === 'string'
      ? { ...each, url: '/ours' }
      : each;
  fc.assert(
    fc.property(
      fc.record(parts, { requiredKeys: [] }),
      fc.constantFrom(undefined, 1, '\t'),
      (card, indent) => {
        const text = JSON.stringify(card, undefined, indent);
        const before = JSON.parse(text) as Record<string, unknown>;
        const after = JSON.parse(rewriteCard(Buffer.from(text), () => '/ours').toString());
        const expected = Object.entries(before).flatMap(([name, value]) => {
          if (name === 'signatures') return [];
          if (name === 'url') return [[name, '/ours']];
          return [[name, name.endsWith('Interfaces') && Array.isArray(value) ? value.map(named) : value]];
        });
        assert.deepEqual(after, Object.fromEntries(expected));
      },
    ),
    { numRuns: 300 },
  );
});
