import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { requestMessage } from '../../../test/fixtures/parked-world.ts';
import { seededBytes } from '../../../test/fixtures/test-ports.ts';
import { Seal } from '../../lib/seal.ts';
import { readMessage } from '../message.ts';
import { TokenSeal } from '../sessions/token.ts';
import { isSameRequest, RequestStates } from './request-state.ts';

const KEY = Buffer.alloc(32, 3);
const seal = (key = KEY): Seal => new Seal(key, seededBytes(5));
const states = new RequestStates(seal());
const PARKED = { id: '17', owner: 'here', principal: 'alice' };
const foreign = { code: 'STATE_INVALID' };

test('a parked call and the state of a server come back to the principal they were given to', () => {
  assert.deepEqual(states.open(states.forParked(PARKED), 'alice'), {
    kind: 'parked',
    id: '17',
    owner: 'here',
  });
  const upstream = { target: 'files', principal: '', state: 'opaque' };
  assert.deepEqual(states.open(states.forUpstream(upstream), ''), {
    kind: 'upstream',
    target: 'files',
    state: 'opaque',
  });
});

test('the state of a server comes back byte for byte, whatever is in it and however long it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (state) => {
      const opened = states.open(states.forUpstream({ target: 't', principal: 'p', state }), 'p');
      assert.deepEqual(opened, { kind: 'upstream', target: 't', state });
    }),
    { seed: SEED, numRuns: 300 },
  );
  for (const state of ['', '\ud800 alone', '"}', '\u0000', 'x'.repeat(3_000_000)]) {
    const opened = states.open(states.forUpstream({ target: 't', principal: 'p', state }), 'p');
    assert.ok(opened.kind === 'upstream' && opened.state === state);
  }
});

test('another principal cannot use a state, and is told no more than with one that is made up', () => {
  const refusal = (state: string, principal: string): string => {
    try {
      states.open(state, principal);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'STATE_INVALID');
      return (error as Error).message;
    }
    return 'opened';
  };
  const own = states.forParked(PARKED);
  const made = refusal('made up', 'alice');
  for (const principal of ['bob', '', 'alicf']) assert.equal(refusal(own, principal), made);
  assert.equal(refusal(states.forParked({ ...PARKED, principal: '' }), 'alice'), made);
  for (const text of ['', '{}', 'A'.repeat(60), `${own}A`, own.slice(1)])
    assert.equal(refusal(text, 'alice'), made);
});

test('a state does not outlive its key', () => {
  assert.throws(
    () => new RequestStates(seal(Buffer.alloc(32, 4))).open(states.forParked(PARKED), 'alice'),
    foreign,
  );
});

test('under one key a session token is no state, a state no session token, and neither is what the bare key sealed', () => {
  const tokens = new TokenSeal(new Seal(KEY, seededBytes(6)));
  const token = tokens.seal({
    sid: 'sid',
    owner: 'here',
    backend: '',
    subject: '',
    issued: 1,
    version: '2025-11-25',
    capabilities: '{}',
    info: '{}',
  });
  assert.throws(() => states.open(token, ''), foreign);
  assert.equal(tokens.open(states.forParked(PARKED)), undefined);
  assert.throws(() => states.open(seal().seal('["p","","here","17"]'), ''), foreign);
});

test('a request is the same with other white space, order of members, id, envelope, answers and state', () => {
  const called = (params: string, method = 'tools/call') =>
    readMessage(Buffer.from(`{"jsonrpc":"2.0","id":7,"method":"${method}","params":${params}}`));
  const first = called('{"name":"a","arguments":{"x":[1,2],"y":"é"},"_meta":{"progressToken":1}}');
  for (const same of [
    '{"name":"a","arguments":{"x":[1,2],"y":"é"}}',
    '{"name":"a","inputResponses":{"q1":{}},"requestState":"s","arguments":{"x":[1,2],"y":"é"},"_meta":{}}',
    '{"_meta":null, "name":"a","arguments":{"x":[1,2],"y":"é"} , "requestState":"s"}',
    '{ "requestState":"s", "arguments":{"y":"\\u00e9","x":[1,2]}, "inputResponses":{"q1":{}}, "name":"a" }',
  ]) {
    assert.equal(isSameRequest(first, called(same)), true, same);
    assert.equal(isSameRequest(called(same), first), true, same);
  }
  for (const other of [
    '{"name":"b","arguments":{"x":[1,2],"y":"é"}}',
    '{"name":"a","arguments":{"x":[2,1],"y":"é"}}',
    '{"name":"a","arguments":{"x":[1,2]}}',
    '{"name":"a","arguments":{"x":[1,2],"y":"é","requestState":"s"}}',
    '{"name":"a","arguments":{"x":[1,2],"y":"é"},"__proto__":{}}',
    '[]',
  ])
    assert.equal(isSameRequest(first, called(other)), false, other);
  assert.equal(isSameRequest(called('{"name":"a"}', 'prompts/get'), called('{"name":"a"}')), false);
  const roots = { method: 'roots/list' };
  assert.equal(isSameRequest(requestMessage(roots), requestMessage({ ...roots, id: 'other' })), true);
});
