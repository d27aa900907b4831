import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostCandidates, hostMap, requestHost } from './host.ts';

function candidates(patterns: readonly (string | undefined)[], authority: string): (string | undefined)[] {
  const map = hostMap(patterns.map((pattern) => [pattern, pattern ?? 'any'] as const));
  return [...hostCandidates(map, requestHost(authority))];
}

test('a request host has no port, no capitals and no final dot', () => {
  assert.equal(requestHost('Shop.Example.com:8080'), 'shop.example.com');
  assert.equal(requestHost('shop.example.com.'), 'shop.example.com');
  assert.equal(requestHost('[::1]:3000'), '::1');
  assert.equal(requestHost(''), '');
});

test('the exact host comes before wildcards, longer wildcards before shorter ones, every host last', () => {
  const patterns = [undefined, '*.com', '*.example.com', 'a.example.com', '*.other.com'];
  assert.deepEqual(candidates(patterns, 'a.example.com'), ['a.example.com', '*.example.com', '*.com', 'any']);
});

test('a wildcard stands for one or more labels, never for none', () => {
  assert.deepEqual(candidates(['*.example.com'], 'example.com'), []);
  assert.deepEqual(candidates(['*.example.com'], 'x.y.example.com'), ['*.example.com']);
  assert.deepEqual(candidates(['*.example.com'], 'badexample.com'), []);
  assert.deepEqual(candidates(['*.example.com'], '.example.com'), []);
});

test('patterns are compared without regard to case', () => {
  assert.deepEqual(candidates(['*.Example.COM', 'A.example.com'], 'a.EXAMPLE.com'), [
    'A.example.com',
    '*.Example.COM',
  ]);
});

test('of two equal patterns the first wins', () => {
  const map = hostMap([
    ['a.com', 1],
    ['A.com', 2],
    ['*', 3],
    [undefined, 4],
  ]);
  assert.deepEqual([...hostCandidates(map, 'a.com')], [1, 3]);
});
