import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { faultOf } from './request-fault.ts';

function code(version: string, coding?: string): string | undefined {
  const [httpVersionMajor, httpVersionMinor] = version.split('.').map(Number);
  const headers = coding === undefined ? {} : { 'transfer-encoding': coding };
  const fault = faultOf({ httpVersionMajor, httpVersionMinor, headers } as IncomingMessage);
  return (fault as NodeJS.ErrnoException | undefined)?.code;
}

test('a request of 1.0 or 1.1 is served, with chunks only in 1.1', () => {
  assert.deepEqual([code('1.0'), code('1.1'), code('1.1', 'Chunked')], [undefined, undefined, undefined]);
  assert.equal(code('1.0', 'chunked'), 'HPE_INVALID_TRANSFER_ENCODING');
});

test('other versions and codings are not', () => {
  for (const version of ['0.9', '2.0']) assert.equal(code(version), 'HPE_INVALID_VERSION');
  for (const coding of ['', 'gzip, chunked', 'identity, chunked', ',chunked'])
    assert.equal(code('1.1', coding), 'HPE_INVALID_TRANSFER_ENCODING');
});
