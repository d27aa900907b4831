import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { replyHeaderOf, replyOf, testExchange } from '../../../test/fixtures/test-exchange.ts';
import { requestRedirectSchema } from './schema.ts';

async function location(config: object, authority: string): Promise<string | undefined> {
  const layer = policyBench('requestRedirect').build(config).exchange ?? assert.fail('no layer');
  const exchange = testExchange({ path: '/a', query: 'q=1', authority });
  return replyHeaderOf(replyOf(await layer(() => assert.fail('reached'))(exchange)), 'location');
}

test('the port goes with the scheme, and the usual one is not said', async () => {
  for (const [config, authority, expected] of [
    [{ scheme: 'https' }, 'a.example:8080', 'https://a.example/a?q=1'],
    [{ scheme: 'http' }, 'a.example:8080', 'http://a.example:8080/a?q=1'],
    [{ scheme: 'https', authority: { port: 8443 } }, '[::1]:8080', 'https://[::1]:8443/a?q=1'],
    [{ scheme: 'https', authority: { port: 443 } }, 'a.example', 'https://a.example/a?q=1'],
    [{ authority: { full: 'b.example:80' } }, 'a.example', 'http://b.example/a?q=1'],
  ] as const)
    assert.equal(await location(config, authority), expected);
});

test('a redirect leads elsewhere, by a status that says so', () => {
  for (const wrong of [
    {},
    { status: 301 },
    { scheme: 'https', status: 200 },
    { scheme: 'ftp' },
    { authority: 'auto' },
    { path: { full: '//evil.example' } },
  ])
    assert.throws(() => requestRedirectSchema.parse(wrong), JSON.stringify(wrong));
});
