import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberOf, sessionOf } from '../../../test/fixtures/scripted-session.ts';
import { scriptedTarget } from '../../../test/fixtures/scripted-target.ts';
import { GatewayError } from '../../core/errors.ts';
import type { McpGate } from '../../core/guard.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import { readMessage } from '../message.ts';
import { View } from '../view/view.ts';
import { limited } from './gates.ts';

const RESULT: McpOutcome = { kind: 'result', body: Buffer.from('{}') };

function world({ ofView, ofTarget }: { ofView?: McpGate; ofTarget?: McpGate }) {
  const { target, ports } = scriptedTarget();
  const view = new View({
    members: [memberOf(target, { gate: ofTarget })],
    prefixMode: 'conditional',
    failureMode: 'failClosed',
    nameLimit: 64,
    gate: ofView,
  });
  const caller = sessionOf(view, ports);
  const message = readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}'));
  const call = { message, method: 'tools/call', cancel: new Cancel() } as unknown as McpCall;
  const run = (work: () => Promise<McpOutcome>) =>
    limited({ caller, call, at: { member: view.members[0] } }, work);
  return { run };
}

function counting(said: string[], name: string): McpGate {
  return {
    enter: () => {
      said.push(`${name} in`);
      return () => void said.push(`${name} out`);
    },
  };
}

test('a call passes the gates of the endpoint, then those of its target, and leaves them when it is over', async () => {
  const said: string[] = [];
  const { run } = world({ ofView: counting(said, 'all'), ofTarget: counting(said, 'one') });
  await run(async () => {
    said.push('work');
    return RESULT;
  });
  assert.deepEqual(said, ['all in', 'one in', 'work', 'one out', 'all out']);
});

test('a call that fails leaves them too', async () => {
  const said: string[] = [];
  const { run } = world({ ofTarget: counting(said, 'one') });
  await assert.rejects(
    run(() => Promise.reject(new Error('lost'))),
    { message: 'lost' },
  );
  assert.deepEqual(said, ['one in', 'one out']);
});

test('who is refused by the second gate gives back what the first one gave, and nothing is done', async () => {
  const said: string[] = [];
  const refuse: McpGate = { enter: () => Promise.reject(new GatewayError('RATE_LIMITED', 'too often')) };
  const { run } = world({ ofView: counting(said, 'all'), ofTarget: refuse });
  const work = (): Promise<McpOutcome> => assert.fail('the call was made');
  await assert.rejects(run(work), { code: 'RATE_LIMITED' });
  assert.deepEqual(said, ['all in', 'all out']);
});
