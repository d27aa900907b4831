import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessage, SLOT } from '../message.ts';
import { untagged } from './untagged.ts';

const TAG = '"io.modelcontextprotocol/subscriptionId":7';
const notification = (params: string): string =>
  `{"jsonrpc":"2.0","method":"notifications/resources/updated"${params}}`;
const without = (params: string): string =>
  untagged(readMessage(Buffer.from(notification(params)))).toString();

test('the id of a subscription is taken out, and what is left is as the server wrote it', () => {
  const params = (meta: string): string => `,"params":{"n":1.0,"_meta":${meta},"uri":"x:\\u0041"}`;
  for (const [tagged, plain] of [
    [`{${TAG},"big":12345678901234567890,"":-0}`, '{"big":12345678901234567890,"":-0}'],
    [`{"a":1.0,${TAG}}`, '{"a":1.0}'],
    [`{"a":1.0,${TAG},"b":[1e2]}`, '{"a":1.0,"b":[1e2]}'],
    ['{"a":1.0}', '{"a":1.0}'],
  ] as const)
    assert.equal(without(params(tagged)), notification(params(plain)));
});

test('a _meta that held nothing else goes with it', () => {
  assert.equal(without(`,"params":{"_meta":{${TAG}},"uri":"x:1"}`), notification(',"params":{"uri":"x:1"}'));
  assert.equal(without(`,"params":{"_meta":{${TAG}}}`), notification(',"params":{}'));
  assert.equal(without(''), notification(''));
});

test('other members are replaced on the way', () => {
  const message = readMessage(Buffer.from(notification(`,"params":{"_meta":{${TAG}},"uri":"x:1"}`)));
  const exposed = untagged(message, [[SLOT.uri, Buffer.from('"one+x:1"')]]);
  assert.equal(exposed.toString(), notification(',"params":{"uri":"one+x:1"}'));
});
