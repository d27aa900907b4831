import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../core/limits.ts';
import { begunTask } from '../view/rewrite.ts';
import { TaskOwners } from './task-owners.ts';

test('a task is used by whoever has begun it, and by nobody else', () => {
  const owners = new TaskOwners({ complete: false });
  owners.begun('t1', 'ann');
  owners.begun('t2', '');
  assert.equal(owners.mayUse('t1', 'ann'), true);
  assert.equal(owners.mayUse('t1', 'bob'), false);
  assert.equal(owners.mayUse('t1', ''), false);
  assert.equal(owners.mayUse('t2', ''), true);
  assert.equal(owners.mayUse('t2', 'ann'), false);
});

test('a task from before is the server’s to judge, unless it cannot have outlived the link', () => {
  assert.equal(new TaskOwners({ complete: false }).mayUse('old', 'ann'), true);
  assert.equal(new TaskOwners({ complete: true }).mayUse('old', 'ann'), false);
});

test('no more are remembered than the limit says', () => {
  const owners = new TaskOwners({ complete: true });
  for (let at = 0; at <= LIMITS.taskOwners.value; at += 1) owners.begun(`t${at}`, 'ann');
  assert.equal(owners.mayUse('t0', 'ann'), false);
  assert.equal(owners.mayUse('t1', 'ann'), true);
});

test('what a call became is found in either era, and in nothing that only looks like it', () => {
  const found = (body: string) => begunTask(Buffer.from(body));
  assert.equal(found('{"resultType":"task","taskId":"a","status":"working"}'), 'a');
  assert.equal(found('{"task":{"taskId":"b","status":"working"}}'), 'b');
  assert.equal(found('{"content":[],"taskId":"c"}'), undefined);
  assert.equal(found('{"structuredContent":{"task":{"taskId":"d"}}}'), undefined);
  assert.equal(found('{"taskId":'), undefined);
});
