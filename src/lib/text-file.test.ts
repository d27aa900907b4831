import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { utf8Text, whyUnread } from './text-file.ts';

function said(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    return whyUnread(error);
  }
  return 'nothing';
}

test('why a file cannot be read is said in words', () => {
  assert.equal(
    said(() => readFileSync(join(tmpdir(), 'no', 'such'))),
    'no such file',
  );
  assert.equal(
    said(() => readFileSync(tmpdir())),
    'it is a folder',
  );
  assert.equal(
    said(() => utf8Text(Buffer.from([0x61, 0xff]))),
    'it is no UTF-8 text',
  );
  assert.equal(whyUnread(Object.assign(new Error('x'), { code: 'EIO' })), 'EIO');
  assert.equal(whyUnread(new Error('the list is empty')), 'the list is empty');
});

test('a byte order mark is no part of a text', () => {
  assert.equal(utf8Text(Buffer.from('\ufeffä')), 'ä');
});
