import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../core/errors.ts';
import { resultPieces } from '../../../lib/json-rpc.ts';
import { wholeMessage } from '../../message.ts';
import { joinBatch, readBatch } from './batch.ts';

const ping = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`;

function refused(text: string, code: string, max = 10): void {
  assert.throws(
    () => readBatch(Buffer.from(text), { max, version: '2025-03-26' }),
    (error) => error instanceof GatewayError && error.code === code,
    text,
  );
}

test('a batch is read message by message, in order', () => {
  const text = `[\n  ${ping(1)} ,${ping(2)},\n {"jsonrpc":"2.0","method":"notifications/x"}]\n`;
  const messages = readBatch(Buffer.from(text), { max: 10, version: '2025-03-26' });
  assert.deepEqual(
    messages.map(({ kind, id }) => [kind, id]),
    [
      ['request', '1'],
      ['request', '2'],
      ['notification', ''],
    ],
  );
  assert.ok(messages.every((message) => !/[\r\n]/.test(wholeMessage(message).toString())));
});

test('a batch is taken whole or not at all', () => {
  refused(`[${ping(1)},7]`, 'INVALID_REQUEST');
  refused(`[${ping(1)},[${ping(2)}]]`, 'INVALID_REQUEST');
  refused(`[${ping(1)},{"jsonrpc":"2.0","id":2,"id":3,"method":"x"}]`, 'INVALID_REQUEST');
  refused(`[${ping(1)}`, 'PARSE_ERROR');
  refused(`[${ping(1)}][]`, 'PARSE_ERROR');
  refused(`[1\n2,${ping(1)}]`, 'PARSE_ERROR');
});

test('an empty batch, one that is too long, and one with initialize are refused', () => {
  refused('[]', 'INVALID_REQUEST');
  refused(`[${[1, 2, 3].map(ping)}]`, 'BATCH_TOO_LARGE', 2);
  assert.equal(readBatch(Buffer.from(`[${[1, 2].map(ping)}]`), { max: 2, version: '2025-03-26' }).length, 2);
  refused(`[${ping(1)},{"jsonrpc":"2.0","id":2,"method":"initialize"}]`, 'INVALID_REQUEST');
});

const answer = (id: string, result: string): { id: string; pieces: Buffer[] } => ({
  id,
  pieces: resultPieces(Buffer.from(id), Buffer.from(result)),
});
const joined = (...answers: { id: string; pieces: Buffer[] }[]): string =>
  Buffer.concat(joinBatch(answers)).toString();

test('answers are joined as they are', () => {
  assert.equal(
    joined(answer('1', '{ "n":1.0 }'), answer('"b"', '{}')),
    '[{"result":{ "n":1.0 },"jsonrpc":"2.0","id":1},{"result":{},"jsonrpc":"2.0","id":"b"}]',
  );
  assert.equal(joined(), '[]');
});

test('an answer that is not one JSON value, or brings members of its own, becomes an error of its request alone', () => {
  for (const result of [
    '{}},{"jsonrpc":"2.0","id":2,"result":{"forged":true}',
    '{},"id":2,"x":{}',
    '{},"result":{}',
    '{} {}',
    '{"a":}',
    '{',
    '',
  ]) {
    const [first, second, ...more] = JSON.parse(joined(answer('1', result), answer('2', '{"true":1}'))) as {
      id: number;
      error?: { code: number; message: string; data: { code: string } };
    }[];
    assert.deepEqual(
      [first?.id, first?.error?.code, first?.error?.data.code],
      [1, -32603, 'UPSTREAM_PROTOCOL'],
      result,
    );
    assert.deepEqual(second, { jsonrpc: '2.0', id: 2, result: { true: 1 } });
    assert.deepEqual(more, []);
  }
});
