import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flow } from '../../lib/flow.ts';
import { refusal } from './refusal.ts';

const reply = (status: number, headers: readonly string[] = []) => ({ status, headers, body: Flow.empty() });

test('an error of the upstream says its status and the beginning of what it said', () => {
  const error = refusal(reply(503), Buffer.from(`  busy ${'x'.repeat(600)}`));
  assert.deepEqual(
    [error.code, error.http, error.detail.data],
    ['UPSTREAM_STATUS', 502, { upstreamStatus: 503 }],
  );
  assert.match(error.message, /^the upstream answered HTTP 503: busy x+$/);
  assert.ok(error.message.length < 560);
  assert.equal(refusal(reply(500), Buffer.alloc(0)).message, 'the upstream answered HTTP 500');
});

test('a login that the upstream wants is passed on as it came', () => {
  for (const status of [401, 403]) {
    const error = refusal(reply(status, ['www-authenticate', 'Bearer realm="x"']), Buffer.from('no'));
    assert.deepEqual(
      [error.code, error.http, error.detail.headers],
      ['UPSTREAM_CHALLENGE', status, ['www-authenticate', 'Bearer realm="x"']],
    );
  }
  assert.deepEqual(refusal(reply(401), Buffer.alloc(0)).detail.headers, []);
});
