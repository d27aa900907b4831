import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../core/ports.ts';
import { type Closable, Scope } from '../core/scope.ts';
import { type Dial, type DialOptions, dial } from './dial.ts';

const OPTIONS: DialOptions = {
  authority: 'a.test:1',
  unixSocket: undefined,
  tls: undefined,
  connectTimeoutMs: 1_000,
  keepalives: undefined,
  log: silentLog,
};

test('connections that are made otherwise are not shared', () => {
  const held = new Map<string, Closable>();
  const lasting = {
    hold<T extends Closable>(_: Scope, key: string, make: () => T): T {
      const made = held.get(key) ?? make();
      held.set(key, made);
      return made as T;
    },
  };
  const dialled = (changes: Partial<DialOptions>): Dial =>
    dial(lasting, new Scope(), { ...OPTIONS, ...changes });
  const one = dialled({});
  assert.equal(dialled({}), one);
  const others = [
    { authority: 'b.test:1' },
    { tls: {} },
    { connectTimeoutMs: 2_000 },
    { keepalives: { enabled: true, time: 1_000 } },
  ];
  assert.equal(new Set([one, ...others.map(dialled)]).size, 5);
});
