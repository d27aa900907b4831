import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionOf, viewOf } from '../../../test/fixtures/scripted-session.ts';
import { type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Session, SessionOptions } from './session.ts';
import { SessionTable } from './session-table.ts';

const KEY = Buffer.alloc(32, 7);
const DAY = 24 * 3_600_000;

interface World {
  readonly ports: TestPorts;
  readonly table: SessionTable;
  begin(options?: Partial<SessionOptions>): { session: Session; token: string };
}

function world({ max = 10, key = KEY, seed = 1, ports = testPorts(seed) } = {}): World {
  const table = new SessionTable({ ports, key, idleMs: 10_000, max });
  return {
    ports,
    table,
    begin: (options = {}) => {
      const session = sessionOf(viewOf([]), ports, { id: table.newId(), ...options });
      return { session, token: table.add(session) };
    },
  };
}

const kind = async (found: ReturnType<SessionTable['find']>): Promise<string> => (await found).kind;
const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof GatewayError && error.code === wanted;

test('a session is found by its token, at its backend and by its principal alone', async () => {
  const { table, begin } = world();
  const { session, token } = begin({ principal: 'alice' });
  assert.equal(table.here(token, 'backend', 'alice'), session);
  assert.deepEqual(await table.find(token, 'backend', 'alice'), { kind: 'here', session });
  for (const [backend, principal] of [
    ['backend', 'mallory'],
    ['backend', ''],
    ['other', 'alice'],
  ] as const) {
    assert.equal(table.here(token, backend, principal), undefined);
    assert.equal(await kind(table.find(token, backend, principal)), 'gone');
  }
  assert.equal(await kind(table.find('nonsense', 'backend', 'alice')), 'gone');
});

test('a token belongs to its backend, whoever shows it and wherever its session is', () => {
  const [one, other, stranger] = [world(), world({ seed: 2 }), world({ key: Buffer.alloc(32, 9) })];
  const { token } = one.begin({ principal: 'alice' });
  for (const { table } of [one, other]) {
    assert.equal(table.belongs(token, 'backend'), true);
    assert.equal(table.belongs(token, 'other'), false);
  }
  assert.equal(stranger.table.belongs(token, 'backend'), false);
  assert.equal(one.table.belongs('nonsense', 'backend'), false);
});

test('a process that shares the key can go on with a session, for a day and for its principal', async () => {
  const [one, other] = [world(), world({ seed: 2 })];
  const { token, session } = one.begin({ principal: 'alice' });
  const found = await other.table.find(token, 'backend', 'alice');
  assert.ok(found.kind === 'elsewhere');
  assert.deepEqual(
    [found.locator.sid, found.locator.version, found.locator.capabilities, found.locator.info],
    [session.id, '2025-11-25', '{}', '{"name":"client"}'],
  );
  assert.equal(await kind(other.table.find(token, 'backend', 'mallory')), 'gone');
  assert.equal(await kind(other.table.find(token, 'other', 'alice')), 'gone');
  assert.equal(await kind(world({ key: Buffer.alloc(32, 9) }).table.find(token, 'backend', 'alice')), 'gone');
  await other.ports.clock.advance(DAY);
  assert.equal(await kind(other.table.find(token, 'backend', 'alice')), 'elsewhere');
  await other.ports.clock.advance(1);
  assert.equal(await kind(other.table.find(token, 'backend', 'alice')), 'gone');
});

test('a session whose capabilities do not fit into a token lives only where it began', async () => {
  const [one, other] = [world(), world({ seed: 2 })];
  const capabilities = Buffer.from(JSON.stringify({ experimental: { x: 'y'.repeat(1000) } }));
  const identity = { version: '2025-11-25', capabilities, info: Buffer.from('{}') };
  const { token } = one.begin({ identity });
  assert.equal(await kind(one.table.find(token, 'backend', '')), 'here');
  assert.equal(await kind(other.table.find(token, 'backend', '')), 'gone');
  assert.equal(other.table.belongs(token, 'backend'), true);
});

test('a session that goes on here keeps its token', async () => {
  const [one, other] = [world(), world({ seed: 2 })];
  const { token } = one.begin();
  const resumed = sessionOf(viewOf([]), other.ports, { id: 'resumed' });
  other.table.adopt(token, resumed);
  assert.equal(other.table.here(token, 'backend', ''), resumed);
});

test('a deleted session stays dead, and is closed', async () => {
  const { table, begin, ports } = world();
  const { token, session } = begin();
  await table.delete(token);
  await table.delete(token);
  assert.equal(session.scope.closed, true);
  assert.equal(await kind(table.find(token, 'backend', '')), 'gone');
  assert.equal(table.size, 0);
  await ports.clock.advance(DAY + 1);
  assert.equal(await kind(table.find(token, 'backend', '')), 'gone');
});

test('a session ends when it is idle, not while something keeps it busy, and not for others', async () => {
  const { table, begin, ports } = world();
  const [idle, busy, touched] = [begin(), begin(), begin()];
  busy.session.busy += 1;
  await ports.clock.advance(8000);
  touched.session.touch();
  await ports.clock.advance(4600);
  const sizes = [table.size];
  assert.equal(await kind(table.find(idle.token, 'backend', '')), 'gone');
  assert.equal(idle.session.scope.closed, true);
  assert.deepEqual(ports.counted, ['mcp_sessions_expired_total']);
  busy.session.busy -= 1;
  await ports.clock.advance(20_000);
  sizes.push(table.size);
  assert.deepEqual(sizes, [2, 0]);
});

test('beyond the cap nothing begins and nobody loses a session; one that ends makes room', async () => {
  const { table, begin } = world({ max: 2 });
  const first = begin();
  begin();
  assert.throws(
    () => table.check(),
    (error) => {
      assert.ok(code('SESSION_LIMIT')(error));
      assert.deepEqual((error as GatewayError).detail.headers, ['retry-after', '10']);
      return true;
    },
  );
  assert.throws(() => begin(), code('SESSION_LIMIT'));
  const another = sessionOf(viewOf([]), testPorts());
  assert.throws(() => table.adopt('token', another), code('SESSION_LIMIT'));
  assert.equal(table.size, 2);
  await table.delete(first.token);
  begin();
  assert.equal(table.size, 2);
});

test('when a backend is gone its sessions end, and could go on if it came back', async () => {
  const { table, begin } = world();
  const [mine, theirs] = [begin(), begin({ backend: 'other' })];
  table.endAll('backend');
  assert.deepEqual([mine.session.scope.closed, theirs.session.scope.closed, table.size], [true, false, 1]);
  assert.equal(await kind(table.find(mine.token, 'backend', '')), 'elsewhere');
});

test('closing ends every session and every timer, and nothing begins any more', async () => {
  const { table, begin, ports } = world();
  const all = [begin(), begin()];
  await table.close();
  assert.ok(all.every(({ session }) => session.scope.closed));
  assert.equal(ports.clock.waiting, 0);
  assert.throws(() => begin(), code('SHUTTING_DOWN'));
});

test('other settings are in force at once, and cost no session its token', async () => {
  const { table, begin, ports } = world();
  const old = begin();
  table.configure({ key: Buffer.alloc(32, 9), idleMs: 1000, max: 2 });
  const fresh = begin();
  assert.throws(() => begin(), code('SESSION_LIMIT'));
  assert.equal(await kind(table.find(old.token, 'backend', '')), 'here');
  const same = world({ key: Buffer.alloc(32, 9), seed: 3 });
  assert.equal(await kind(same.table.find(fresh.token, 'backend', '')), 'elsewhere');
  assert.equal(await kind(same.table.find(old.token, 'backend', '')), 'gone');
  await ports.clock.advance(1300);
  assert.equal(table.size, 0);
  table.configure({ key: undefined, idleMs: 1000, max: 2 });
  assert.equal(
    await kind(same.table.find(begin().token, 'backend', '')),
    'elsewhere',
    'the key stays without another',
  );
  await table.close();
  table.configure({ key: undefined, idleMs: 5000, max: 2 });
  assert.equal(ports.clock.waiting, 0);
});

test('the number of sessions can be read as a gauge', () => {
  const read: (() => Iterable<{ value: number }>)[] = [];
  const base = testPorts();
  let forgotten = 0;
  const gauge = (each: { read: () => Iterable<{ value: number }> }): (() => void) => {
    read.push(each.read);
    return () => {
      forgotten += 1;
    };
  };
  const ports: TestPorts = { ...base, signals: { ...base.signals, gauge } };
  const { table, begin } = world({ ports });
  begin();
  assert.deepEqual(
    [...(read[0]?.() ?? [])].map(({ value }) => value),
    [1],
  );
  void table.close();
  assert.equal(forgotten, 1);
});
