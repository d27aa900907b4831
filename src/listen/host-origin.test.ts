import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Exchange, Reply } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';
import { type HostOriginOptions, hostOrigin } from './host-origin.ts';

/** The code of the refusal, or 'served'. */
async function ask(
  authority: string,
  origin: string | undefined,
  { exchange: more, ...options }: Partial<HostOriginOptions> & { exchange?: Partial<Exchange> } = {},
): Promise<string> {
  const layer = hostOrigin({ loopback: true, originAllowed: () => false, ...options });
  const reply: Reply = { status: 200, headers: [], body: Flow.empty() };
  const serve = layer(async () => reply);
  const exchange = {
    authority,
    headers: origin === undefined ? {} : { origin },
    ...more,
  } as unknown as Exchange;
  return serve(exchange).then(
    () => 'served',
    (error: { code: string }) => error.code,
  );
}

describe('on loopback', () => {
  for (const host of [
    'localhost',
    'localhost:3000',
    '127.0.0.1:3000',
    '127.0.0.53',
    '[::1]:3000',
    'app.localhost',
  ]) {
    test(`the host ${host} is served`, async () => assert.equal(await ask(host, undefined), 'served'));
  }

  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1:3000',
    '',
    '[::2]',
  ]) {
    test(`the host "${host}" is refused`, async () =>
      assert.equal(await ask(host, undefined), 'FORBIDDEN_HOST'));
  }

  for (const origin of [
    'http://localhost:5173',
    'https://localhost',
    'http://127.0.0.1:6274',
    'http://[::1]:80',
  ]) {
    test(`the origin ${origin} is served`, async () =>
      assert.equal(await ask('localhost', origin), 'served'));
  }

  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'file://localhost',
    'localhost',
    '',
  ]) {
    test(`the origin "${origin}" is refused`, async () =>
      assert.equal(await ask('localhost', origin), 'FORBIDDEN_ORIGIN'));
  }

  test('an origin that cors allows is served, on a local host only', async () => {
    const originAllowed = (origin: string) => origin === 'https://app.example';
    assert.equal(await ask('localhost', 'https://app.example', { originAllowed }), 'served');
    assert.equal(await ask('localhost', 'https://other.example', { originAllowed }), 'FORBIDDEN_ORIGIN');
    assert.equal(await ask('evil.example', 'https://app.example', { originAllowed }), 'FORBIDDEN_HOST');
  });

  test('a host that is listed is served besides', async () => {
    const hosts = ['Gateway.internal'];
    assert.equal(await ask('gateway.internal:3000', undefined, { hosts }), 'served');
    assert.equal(await ask('localhost', undefined, { hosts }), 'served');
    assert.equal(await ask('other.internal', undefined, { hosts }), 'FORBIDDEN_HOST');
  });
});

describe('on other addresses', () => {
  test('every host and origin is served without a list', async () => {
    assert.equal(await ask('gateway.example', 'https://app.example', { loopback: false }), 'served');
  });

  test('a list of hosts is the whole list', async () => {
    const options = { loopback: false, hosts: ['gateway.example'] };
    assert.equal(await ask('gateway.example:443', undefined, options), 'served');
    assert.equal(await ask('localhost', undefined, options), 'FORBIDDEN_HOST');
  });
});

describe('a forward proxy on loopback', () => {
  const proxied = [{ absolute: 'http' }, { method: 'CONNECT' }] as const;

  test('is asked for any host by whoever was told to use it', async () => {
    for (const exchange of proxied)
      assert.equal(await ask('api.example', 'https://page.example', { forwards: true, exchange }), 'served');
  });

  test('is asked for no other host by pages that were led to it, and other routes by nobody', async () => {
    assert.equal(await ask('evil.example', undefined, { forwards: true }), 'FORBIDDEN_HOST');
    for (const exchange of proxied)
      assert.equal(await ask('api.example', undefined, { exchange }), 'FORBIDDEN_HOST');
  });

  test('what came through a tunnel may be for any host; what comes after it may not', async () => {
    const exchange = { destination: { address: 'api.example', port: 443 } };
    assert.equal(await ask('api.example', 'https://page.example', { exchange }), 'served');
    const serve = hostOrigin({ loopback: true, originAllowed: () => false })(async () => {
      return { status: 200, headers: [], body: Flow.empty() };
    });
    const plain = { authority: 'api.example', headers: {} } as unknown as Exchange;
    await serve({ ...plain, ...exchange });
    await assert.rejects(async () => serve(plain), { code: 'FORBIDDEN_HOST' });
  });
});
