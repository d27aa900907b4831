import assert from 'node:assert/strict';
import { after, afterEach, describe, test } from 'node:test';
import { seededBytes } from '../../test/fixtures/test-ports.ts';
import { LIMITS } from '../core/limits.ts';
import { type Htpasswd, parseHtpasswd } from './htpasswd.ts';
import { PasswordChecks } from './password-checks.ts';
import { readPasswordHash } from './password-hash.ts';
import { Passwords } from './passwords.ts';

const BCRYPT = '$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC';
const SHA = '{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=';
const LIST = parseHtpasswd(`ann:${BCRYPT}\nbøb:${SHA}`);

const open: Passwords[] = [];
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

function passwords(users: () => Htpasswd = () => LIST): Passwords {
  const made = new Passwords({ users, random: seededBytes(1) });
  open.push(made);
  return made;
}

const basic = (text: string) => Buffer.from(text).toString('base64');
const unknown = { code: 'UNAUTHENTICATED', message: 'unknown user or wrong password' };

describe('basic credentials', () => {
  test('say who the user is', async () => {
    const one = passwords();
    const expected = { principal: 'basic:ann', basicAuth: { username: 'ann' } };
    assert.deepEqual(await one.verify(basic('ann:myPassword')), expected);
    assert.deepEqual(await one.verify(basic('ann:myPassword')), expected);
    assert.equal((await one.verify(basic('bøb:myPassword'))).principal, 'basic:bøb');
  });

  test('are refused alike for a wrong password and for a user that does not exist', async () => {
    const one = passwords();
    for (const text of [
      'ann:wrong',
      'ann:',
      'nobody:myPassword',
      ':myPassword',
      '__proto__:x',
      'ann:myPassword:',
    ])
      await assert.rejects(one.verify(basic(text)), unknown, text);
  });

  test('that are none are refused before anything is compared', async () => {
    const one = passwords(() => assert.fail('asked for users'));
    for (const text of ['', '====', basic('ann'), basic('ann:a\nb'), basic('a\0:b'), '/w==', basic(`\uFEFF`)])
      await assert.rejects(one.verify(text), { code: 'UNAUTHENTICATED', message: /not a user/ }, text);
    await assert.rejects(one.verify(basic(`ann:${'x'.repeat(2000)}`)), { message: /longer than 1024 bytes/ });
  });

  test('that were right are compared anew when the list has changed', async () => {
    let list = LIST;
    const one = passwords(() => list);
    await one.verify(basic('ann:myPassword'));
    list = parseHtpasswd(`bob:${SHA}`);
    await assert.rejects(one.verify(basic('ann:myPassword')), unknown);
    list = LIST;
    assert.ok(await one.verify(basic('ann:myPassword')));
  });
});

describe('the thread that compares', () => {
  const hash = readPasswordHash(BCRYPT);
  assert.ok(typeof hash !== 'string');
  const checks = new PasswordChecks();
  after(() => checks.close());

  test('keeps so many waiting and refuses more, whoever asks', async () => {
    const limit = LIMITS.passwordsWaiting.value;
    const waiting = Array.from({ length: limit }, () => checks.matches(hash, 'myPassword'));
    await assert.rejects(checks.matches(hash, 'x'), { code: 'OVERLOADED' });
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([true]));
    assert.equal(await checks.matches(hash, 'x'), false);
  });

  test('leaves nobody waiting when it is closed', async () => {
    const other = new PasswordChecks();
    const waiting = assert.rejects(other.matches(hash, 'x'), { code: 'SHUTTING_DOWN' });
    await other.close();
    await waiting;
    await assert.rejects(other.matches(hash, 'x'), { code: 'SHUTTING_DOWN' });
  });
});
