import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { silentLog, systemClock } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import type { Resolve } from '../../upstream/resolve.ts';
import { Webhooks } from './webhooks.ts';

const HOOK = 'https://hooks.example.com/a';

function webhooks(resolve: Resolve, hosts: string[] = [], clock = systemClock): Webhooks {
  return new Webhooks({ hosts, others: 'public' }, { ports: { clock, log: silentLog }, resolve });
}

const leadingTo =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

const check = (hooks: Webhooks, ...urls: string[]) => hooks.check(urls, new Cancel());

function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GatewayError && error.code === code;
}

test('every address of a name has to be outside, or in a network that is allowed', async () => {
  await check(webhooks(leadingTo('8.8.8.8', '2606:4700::1111')), HOOK);
  await check(webhooks(leadingTo('8.8.8.8', '10.1.2.3'), ['10.1.0.0/16']), HOOK);
  for (const addresses of [
    ['10.1.2.3'],
    ['8.8.8.8', '127.0.0.1'],
    ['::1'],
    ['::ffff:10.0.0.1'],
    ['169.254.169.254'],
    ['fe80::1%eth0'],
    ['nonsense'],
    [],
  ])
    await assert.rejects(check(webhooks(leadingTo(...addresses)), HOOK), refused('INVALID_PARAMS'));
});

test('what the list names, and what needs no look, is not looked up', async () => {
  const resolve: Resolve = () => assert.fail('looked up');
  await check(webhooks(resolve, ['hooks.example.com']), HOOK, 'https://8.8.8.8/', '');
  await assert.rejects(check(webhooks(resolve), 'http://10.0.0.1/'), refused('INVALID_PARAMS'));
  // One that is refused by what it says spares the others the look.
  await assert.rejects(check(webhooks(resolve), HOOK, 'ftp://a.example.com/'), refused('INVALID_PARAMS'));
});

test('what cannot be looked up is refused, in the words for what leads inside', async () => {
  const messages = new Set<string>();
  for (const resolve of [
    leadingTo('10.0.0.1'),
    leadingTo(),
    () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })),
  ])
    await check(webhooks(resolve), HOOK).catch((error: Error) => messages.add(error.message));
  assert.equal(messages.size, 1);
});

test('a look that takes too long is a refusal', async () => {
  const clock = new FakeClock();
  const checked = check(
    webhooks(() => new Promise(() => {}), [], clock),
    HOOK,
  );
  clock.advance(LIMITS.webhookLookup.value);
  await assert.rejects(checked, refused('INVALID_PARAMS'));
});

test('a name is looked up once at a time, and only so many are', async () => {
  let asked = 0;
  let answer = (): void => {};
  const answers = new Promise<void>((resolve) => (answer = resolve));
  const hooks = webhooks(async () => {
    asked += 1;
    await answers;
    return [{ address: '8.8.8.8', family: 4 }];
  });
  const names = Array.from({ length: LIMITS.webhookHosts.value }, (_, at) => `https://h${at}.example.com/`);
  const first = [check(hooks, ...names), check(hooks, ...names)];
  await assert.rejects(check(hooks, HOOK), refused('OVERLOADED'));
  answer();
  await Promise.all(first);
  assert.equal(asked, names.length);
  await check(hooks, HOOK);
});
