import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testExchange } from '../../test/fixtures/test-exchange.ts';
import { bytesAtHand, withWholeBody } from './whole-body.ts';

test('a body that has been read can be read again, whatever the limit of who reads it next', async () => {
  const exchange = testExchange({ method: 'POST', body: 'abcd' });
  assert.equal(bytesAtHand(exchange), undefined);
  const whole = await withWholeBody(exchange, 4);
  assert.equal(await withWholeBody(whole, 1), whole);
  assert.equal(String(bytesAtHand(whole)), 'abcd');
  assert.equal(String(await whole.body.read(4)), 'abcd');
  assert.equal(String(whole.body.stream()), 'abcd');
  await assert.rejects(whole.body.read(3), { code: 'BODY_TOO_LARGE' });
  assert.equal(whole.record, exchange.record);
});

test('a body beyond the limit is refused', async () => {
  const exchange = testExchange({ method: 'POST', body: 'abcd' });
  await assert.rejects(withWholeBody(exchange, 3), { code: 'BODY_TOO_LARGE' });
});
