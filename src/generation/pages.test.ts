import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExchangeScript, testExchange } from '../../test/fixtures/test-exchange.ts';
import { asGatewayError } from '../core/errors.ts';
import { type Answer, isTunnel } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';
import { OwnPages } from './pages.ts';

const answer = (status: number): Answer => ({ status, headers: [], body: Flow.empty() });

/** What a request is answered with: 200 the page, 299 what lies behind, else an error. */
function world(address?: string) {
  const pages = new OwnPages();
  const serve = pages.layer({ address }, { hostname: undefined })(async () => answer(299));
  const ask = async (script: ExchangeScript): Promise<number | string> => {
    try {
      const got = await serve(testExchange({ path: '/.agentgateway/a', ...script }));
      return isTunnel(got) ? 'tunnel' : got.status;
    } catch (error) {
      return asGatewayError(error).code;
    }
  };
  return { pages, ask };
}

test("paths below the prefix are the gateway's where it has pages, and nobody else's", async () => {
  const { pages, ask } = world();
  assert.equal(await ask({}), 299);
  pages.serve('a', async () => answer(200));
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ path: '/.agentgateway/b' }), 'ROUTE_NOT_FOUND');
  assert.equal(await ask({ path: '/other' }), 299);
});

test('on loopback they are for this machine, and for who comes through the proxy they are known behind', async () => {
  const { pages, ask } = world();
  pages.serve('a', async () => answer(200));
  const proxied = { authority: 'gateway.example' };
  const origin = { headers: { origin: 'https://gateway.example' } };
  assert.equal(await ask(proxied), 'FORBIDDEN_HOST');
  assert.equal(await ask(origin), 'FORBIDDEN_ORIGIN');
  pages.reachedAt('https://gateway.example/prefix');
  for (const script of [proxied, origin, { ...proxied, ...origin }, {}]) assert.equal(await ask(script), 200);
  assert.equal(await ask({ authority: 'evil.example' }), 'FORBIDDEN_HOST');
  assert.equal(await ask({ ...proxied, headers: { origin: 'https://evil.example' } }), 'FORBIDDEN_ORIGIN');
});

test('elsewhere every host is theirs', async () => {
  const { pages, ask } = world('0.0.0.0');
  pages.serve('a', async () => answer(200));
  assert.equal(await ask({ authority: 'any.example', headers: { origin: 'https://any.example' } }), 200);
});
