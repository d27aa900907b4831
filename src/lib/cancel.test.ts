import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancel } from './cancel.ts';

const REASON = new Error('enough');

test('a listener hears the cancellation once, with its reason', () => {
  const cancel = new Cancel();
  const heard: Error[] = [];
  cancel.onCancel((reason) => heard.push(reason));
  assert.deepEqual([cancel.cancelled, cancel.reason], [false, undefined]);
  cancel.cancel(REASON);
  cancel.cancel(new Error('too late'));
  assert.deepEqual(heard, [REASON]);
  assert.deepEqual([cancel.cancelled, cancel.reason], [true, REASON]);
});

test('a listener that comes late hears of it at once', () => {
  const cancel = new Cancel();
  cancel.cancel(REASON);
  const heard: Error[] = [];
  const forget = cancel.onCancel((reason) => heard.push(reason));
  assert.deepEqual(heard, [REASON]);
  forget();
});

test('a listener that was forgotten hears nothing', () => {
  const cancel = new Cancel();
  const forget = cancel.onCancel(() => assert.fail('was told'));
  forget();
  forget();
  cancel.cancel(REASON);
});

test('a listener can be forgotten while the others are told', () => {
  const cancel = new Cancel();
  let forgetSecond = (): void => {};
  cancel.onCancel(() => forgetSecond());
  forgetSecond = cancel.onCancel(() => assert.fail('was told'));
  cancel.cancel(REASON);
});

test('a listener added while the others are told is told at once, and once', () => {
  const cancel = new Cancel();
  let told = 0;
  cancel.onCancel(() => {
    cancel.onCancel(() => {
      told += 1;
    });
    assert.equal(told, 1);
  });
  cancel.cancel(REASON);
  assert.equal(told, 1);
});

test('a child follows its parent, and its own end leaves the parent alone', () => {
  const parent = new Cancel();
  const one = parent.child();
  const other = parent.child();
  one.cancel.cancel(new Error('mine'));
  assert.deepEqual([parent.cancelled, other.cancel.cancelled], [false, false]);
  parent.cancel(REASON);
  assert.equal(other.cancel.reason, REASON);
  assert.equal(one.cancel.reason?.message, 'mine');
  assert.equal(parent.child().cancel.reason, REASON);
});

test('a child whose tie is cut no longer follows', () => {
  const parent = new Cancel();
  const { cancel, forget } = parent.child();
  forget();
  parent.cancel(REASON);
  assert.equal(cancel.cancelled, false);
});

test('the signal aborts with the reason, whether it was asked for before or after', () => {
  const early = new Cancel();
  const signal = early.signal();
  assert.equal(early.signal(), signal);
  assert.equal(signal.aborted, false);
  early.cancel(REASON);
  assert.deepEqual([signal.aborted, signal.reason], [true, REASON]);
  const late = new Cancel();
  late.cancel(REASON);
  assert.deepEqual([late.signal().aborted, late.signal().reason], [true, REASON]);
});
