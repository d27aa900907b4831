import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSent } from './sent.ts';

const sent = (headers: readonly string[], path = '/mcp') => ({ path, headers });

test('credentials that are repeated are taken out, in whatever header they were sent', () => {
  for (const [headers, said, shown] of [
    [['authorization', 'Bearer abc.def'], 'token abc.def is over', 'token [redacted] is over'],
    [['Authorization', 'Bearer abc.def'], 'got "Bearer abc.def"', 'got "[redacted]"'],
    [['x-key', 'v1 secret-one'], 'secret-one, v1 secret-one', '[redacted], [redacted]'],
    [['x-key', 'secret-one'], 'bad key secret-one', 'bad key [redacted]'],
    [['cookie', 'a=first-value; b=second-value'], 'second-value', '[redacted]'],
    [
      ['authorization', 'Basic dXNlcjpwYXNzd29yZA=='],
      'user password dXNlcjpwYXNzd29yZA==',
      'user [redacted] [redacted]',
    ],
  ] as const)
    assert.equal(withoutSent(said, sent(headers)), shown);
});

test('so are values of the query, as they were written and as they were meant', () => {
  const path = '/mcp?key=secret%2Fone&page=1&plain';
  assert.equal(
    withoutSent('POST /mcp?key=secret%2Fone: secret/one', sent([], path)),
    'POST /mcp?key=[redacted]: [redacted]',
  );
});

test('what was asked for is left, and so is what is too short to be told from chance', () => {
  const headers = [
    'content-type',
    'application/json',
    'mcp-method',
    'tools/call',
    'host',
    'api.test',
    'x-a',
    'five5',
  ];
  const said = 'tools/call at api.test: no application/json, five5';
  assert.equal(withoutSent(said, sent(headers)), said);
  assert.equal(withoutSent(said, undefined), said);
});
