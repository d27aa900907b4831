import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import { isDropped, isUnprocessed, upstreamFailure } from './failure.ts';

function failed(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

test('what went wrong is told apart by code, and by whether the request was on its way', () => {
  const parser = Object.assign(failed('Expected HTTP/'), { name: 'HTTPParserError' });
  const cases: [Error, boolean, string][] = [
    [failed('connect ECONNREFUSED', 'ECONNREFUSED'), false, 'UPSTREAM_CONNECT'],
    [failed('Connect Timeout', 'UND_ERR_CONNECT_TIMEOUT'), false, 'UPSTREAM_CONNECT'],
    [failed('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'), false, 'UPSTREAM_CONNECT'],
    [failed('other side closed', 'UND_ERR_SOCKET'), true, 'UPSTREAM_CLOSED'],
    [failed('read ECONNRESET', 'ECONNRESET'), true, 'UPSTREAM_CLOSED'],
    [failed('Headers Timeout', 'UND_ERR_HEADERS_TIMEOUT'), true, 'UPSTREAM_TIMEOUT'],
    [failed('Body Timeout', 'UND_ERR_BODY_TIMEOUT'), true, 'UPSTREAM_TIMEOUT'],
    [failed('Headers Overflow', 'UND_ERR_HEADERS_OVERFLOW'), true, 'UPSTREAM_PROTOCOL'],
    [failed('bad response', 'UND_ERR_SOCKET'), true, 'UPSTREAM_PROTOCOL'],
    [parser, true, 'UPSTREAM_PROTOCOL'],
    [failed('invalid header', 'UND_ERR_INVALID_ARG'), false, 'BAD_REQUEST'],
  ];
  for (const [error, written, code] of cases) {
    const failure = upstreamFailure('http://up', error, written);
    assert.equal(failure.code, code, error.message);
    assert.equal(failure.cause, error);
  }
});

test('an error of ours stays what it is', () => {
  const error = new GatewayError('CANCELLED', 'x');
  assert.equal(upstreamFailure('http://up', error, true), error);
});

test('the reason is found where both address families failed', () => {
  const error = new AggregateError([
    failed('connect ECONNREFUSED ::1:80'),
    failed('connect ECONNREFUSED 127.0.0.1:80'),
  ]);
  assert.match(
    upstreamFailure('http://up', error, false).message,
    /^cannot connect to http:\/\/up: connect ECONNREFUSED ::1:80$/,
  );
});

test('only a connection that went away counts as dropped', () => {
  for (const code of ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
    assert.ok(isDropped(failed('closed', code)), code);
  for (const code of ['ECONNREFUSED', 'UND_ERR_HEADERS_TIMEOUT', undefined])
    assert.ok(!isDropped(failed('x', code)), code);
  assert.ok(!isDropped(failed('bad response', 'UND_ERR_SOCKET')));
});

test('only a refused stream counts as untouched', () => {
  assert.ok(
    isUnprocessed(failed('Stream closed with error code NGHTTP2_REFUSED_STREAM', 'ERR_HTTP2_STREAM_ERROR')),
  );
  assert.ok(!isUnprocessed(failed('Stream closed with error code NGHTTP2_CANCEL', 'ERR_HTTP2_STREAM_ERROR')));
});
