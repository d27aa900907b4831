import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asGatewayError, CATALOGUE, type ErrorCode, GatewayError } from './errors.ts';

test('every error of the catalogue has a status of its kind and a JSON-RPC number', () => {
  for (const [code, { http, rpc, fault }] of Object.entries(CATALOGUE)) {
    assert.ok(fault === 'client' ? http >= 400 && http < 500 : http >= 500, code);
    assert.ok(rpc <= -32000 && rpc >= -32800, code);
    assert.equal(new GatewayError(code as ErrorCode, 'x').http, http);
  }
});

test('an error takes its numbers from the catalogue, and its status from the upstream where that is given', () => {
  const error = new GatewayError('UPSTREAM_TIMEOUT', 'slow');
  assert.deepEqual([error.http, error.rpc, error.fault, error.retryable], [504, -32603, 'upstream', true]);
  assert.equal(new GatewayError('UPSTREAM_CHALLENGE', 'no', { http: 403 }).http, 403);
});

test('what is thrown without a code becomes an internal error that says nothing and keeps its cause', () => {
  const cause = new Error('password=hunter2');
  const error = asGatewayError(cause);
  assert.deepEqual([error.code, error.message, error.cause], ['INTERNAL', 'internal error', cause]);
  const known = new GatewayError('CANCELLED', 'x');
  assert.equal(asGatewayError(known), known);
});
