import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../core/errors.ts';
import { wholeMessage } from '../../message.ts';
import { readBatch } from './batch.ts';

const ping = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`;

function refused(text: string, code: string, max = 10): void {
  assert.throws(
    () => readBatch(Buffer.from(text), max),
    (error) => error instanceof GatewayError && error.code === code,
    text,
  );
}

test('a batch is read message by message, in order', () => {
  const text = `[\n  ${ping(1)} ,${ping(2)},\n {"jsonrpc":"2.0","method":"notifications/x"}]\n`;
  const messages = readBatch(Buffer.from(text), 10);
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
  assert.equal(readBatch(Buffer.from(`[${[1, 2].map(ping)}]`), 2).length, 2);
  refused(`[${ping(1)},{"jsonrpc":"2.0","id":2,"method":"initialize"}]`, 'INVALID_REQUEST');
});
