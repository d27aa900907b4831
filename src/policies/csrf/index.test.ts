import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { type ExchangeScript, testExchange } from '../../../test/fixtures/test-exchange.ts';
import { Flow } from '../../lib/flow.ts';
import { csrfSchema } from './schema.ts';

async function passes(script: ExchangeScript): Promise<boolean> {
  const config = { additionalOrigins: ['https://Partner.example'] };
  const layer = policyBench('csrf').build(config).exchange ?? assert.fail('no layer');
  const serve = layer(async () => ({ status: 200, headers: [], body: Flow.empty() }));
  const exchange = testExchange({ method: 'POST', authority: 'here.example', ...script });
  return serve(exchange).then(
    () => true,
    (error: { code?: string }) => {
      assert.equal(error.code, 'FORBIDDEN_ORIGIN');
      return false;
    },
  );
}

test('a browser is believed where its page is from', async () => {
  for (const [headers, expected] of [
    [{}, true],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    // The page could be served over plain HTTP by somebody on the way.
    [{ 'sec-fetch-site': 'cross-site', origin: 'http://here.example' }, false],
    [{ 'sec-fetch-site': 'cross-site', origin: 'https://partner.example' }, true],
    [{ origin: 'https://partner.example' }, true],
    [{ origin: 'https://partner.example.evil' }, false],
    [{ origin: 'https://here.example' }, true],
    [{ origin: 'http://here.example' }, true],
    [{ origin: 'https://here.example:8443' }, false],
    [{ origin: 'https://here.example.evil' }, false],
    [{ origin: 'null' }, false],
    [{ origin: '' }, false],
  ] as const)
    assert.equal(await passes({ headers }), expected, JSON.stringify(headers));
});

test('the usual port may be said or not', async () => {
  const headers = { origin: 'https://here.example' };
  assert.ok(await passes({ headers, authority: 'here.example:443' }));
  assert.ok(!(await passes({ headers, authority: 'here.example:80' })));
});

test('reading harms nobody, but a WebSocket is more than reading', async () => {
  const headers = { origin: 'https://evil.example' };
  for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.ok(await passes({ method, headers }), method);
  for (const method of ['PUT', 'PATCH', 'DELETE', 'PURGE'])
    assert.ok(!(await passes({ method, headers })), method);
  assert.ok(!(await passes({ method: 'GET', headers, upgrade: 'websocket' })));
  assert.ok(
    await passes({ method: 'GET', headers: { origin: 'http://here.example' }, upgrade: 'websocket' }),
  );
});

test('origins are whole ones', () => {
  for (const origin of ['partner.example', 'https://a/b', '*', 'https://*.a', 'null'])
    assert.throws(() => csrfSchema.parse({ additionalOrigins: [origin] }), origin);
});
