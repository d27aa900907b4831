import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../core/errors.ts';
import { endsGreeting, refusesEra, refusesPost, refusesRevision } from './refusals.ts';

const status = (upstreamStatus: number): GatewayError =>
  new GatewayError('UPSTREAM_STATUS', `HTTP ${upstreamStatus}`, { data: { upstreamStatus } });

test('a server that does not know what it was sent does not speak the era', () => {
  for (const each of [400, 404, 405, 406, 415]) {
    assert.equal(refusesEra(status(each)), true, String(each));
    assert.equal(refusesPost(status(each)), true, String(each));
  }
  assert.equal(refusesEra(new GatewayError('UPSTREAM_PROTOCOL', 'refused')), true);
});

test('a login, trouble, silence and a broken connection say nothing about eras', () => {
  for (const each of [402, 409, 413, 429, 500, 502, 503]) {
    assert.equal(refusesEra(status(each)), false, String(each));
    assert.equal(refusesPost(status(each)), false, String(each));
  }
  for (const code of ['UPSTREAM_CHALLENGE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_CLOSED', 'PROCESS_EXIT'] as const)
    assert.equal(refusesEra(new GatewayError(code, 'x')), false, code);
  assert.equal(refusesEra(new Error('a fault of ours')), false);
  assert.equal(refusesPost(new GatewayError('UPSTREAM_STATUS', 'without a status')), false);
});

test('the other era is not tried where nothing is there to speak it', () => {
  for (const code of ['UPSTREAM_CONNECT', 'PROCESS_START', 'PROCESS_LIMIT', 'TARGET_REMOVED'] as const)
    assert.equal(endsGreeting(new GatewayError(code, 'x')), true, code);
  for (const code of ['UPSTREAM_TIMEOUT', 'UPSTREAM_CLOSED', 'PROCESS_EXIT', 'UPSTREAM_CHALLENGE'] as const)
    assert.equal(endsGreeting(new GatewayError(code, 'x')), false, code);
});

test('a refused revision is told by its code, not by text that looks like it', () => {
  const error = (value: object) => ({ kind: 'error' as const, body: Buffer.from(JSON.stringify(value)) });
  assert.equal(refusesRevision(error({ code: -32022, message: 'no' })), true);
  assert.equal(
    refusesRevision(error({ code: -32602, message: 'not -32022', data: { code: -32022 } })),
    false,
  );
  assert.equal(refusesRevision({ kind: 'result', body: Buffer.from('{"code":-32022}') }), false);
});
