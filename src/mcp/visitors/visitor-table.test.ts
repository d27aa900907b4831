import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import type { Visitor } from './visitor.ts';
import { VisitorTable } from './visitor-table.ts';

function world({ max = 3, idleMs = 1000 } = {}) {
  const ports = testPorts();
  const table = new VisitorTable({ ports, max, idleMs });
  const closed: string[] = [];
  const visit = (name: string, holdsServers = false): Visitor & { busy: number; lastSeen: number } =>
    table.get(name, () => {
      const close = (): Promise<void> => Promise.resolve(void closed.push(name));
      const lastSeen = ports.clock.monotonic();
      return { busy: 0, lastSeen, holdsServers, close } as unknown as Visitor;
    });
  return { ports, table, closed, visit };
}

test('a visitor is found again, until it has been idle', async () => {
  const { ports, table, closed, visit } = world();
  const first = visit('a');
  assert.equal(visit('a'), first);
  first.busy = 1;
  visit('b');
  await ports.clock.advance(2000);
  assert.deepEqual([closed, table.size], [['b'], 1]);
  first.busy = 0;
  await ports.clock.advance(2000);
  assert.deepEqual([closed, table.size], [['b', 'a'], 0]);
});

test('the longest idle makes room; where all are busy a new one is refused', async () => {
  const { ports, table, closed, visit } = world();
  for (const name of ['a', 'b', 'c']) {
    visit(name);
    await ports.clock.advance(1);
  }
  visit('a').busy = 1;
  visit('d');
  assert.deepEqual(closed, ['b']);
  for (const each of table.values()) (each as { busy: number }).busy = 1;
  assert.throws(() => visit('e'), { code: 'OVERLOADED' });
});

test('a server that has to be started takes the place of one whose visitor is idle', async () => {
  const { ports, table, closed, visit } = world();
  visit('remote');
  await ports.clock.advance(1);
  visit('child', true);
  await ports.clock.advance(1);
  visit('busy child', true).busy = 1;
  assert.equal(await table.freeServer(), true);
  assert.deepEqual(closed, ['child']);
  assert.equal(await table.freeServer(), false);
});

test('a table that is closed keeps nobody and takes nobody', async () => {
  const { table, closed, visit } = world();
  visit('a');
  await table.close();
  assert.deepEqual([closed, table.size], [['a'], 0]);
  assert.throws(() => visit('b'), { code: 'SHUTTING_DOWN' });
});
