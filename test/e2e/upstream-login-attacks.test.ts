/** Logins at upstreams under attack: stolen links, states and codes, servers that lie, browsers that are somebody else's. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Authority } from '../fixtures/authority.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';
import { KEYS, LoginClient, linkIn, type Place, place } from '../fixtures/login-place.ts';
import { McpHttpClient } from '../fixtures/mcp-http.ts';
import { WebBrowser } from '../fixtures/web-browser.ts';

async function annsLink(t: TestContext, at: Place): Promise<{ client: LoginClient; link: string }> {
  const client = await LoginClient.open(at.gateway.url, { era: 'legacy', key: KEYS.ann });
  t.after(() => client.close());
  return { client, link: linkIn(await client.refusal('whoami')) };
}

const LOGIN_NEEDED = /Log in to notes/;

test("a callback that is opened again, or in another browser, is nobody's", async (t) => {
  const at = await place(t);
  const { client, link } = await annsLink(t, at);
  at.oidc.person = 'ann@upstream';
  const [ann, mallory] = [new WebBrowser(), new WebBrowser()];
  const stolen = await ann.leave(await ann.open(link));
  for (const browser of [mallory, ann]) {
    const page = await browser.open(stolen);
    assert.equal(page.status, 403, 'a state that was tried elsewhere is worth nothing to its owner either');
    assert.doesNotMatch(page.body, /connected/);
  }
  assert.match(await client.refusal('whoami'), LOGIN_NEEDED);
  const good = await ann.leave(await ann.open(link));
  assert.match((await ann.open(good)).body, /You are connected/);
  assert.equal((await ann.open(good)).status, 403);
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(at.oidc.tokenRequests.length, 1, 'no code went out but one');
});

test('a code of somebody else does not go into a login', async (t) => {
  const at = await place(t);
  const { client, link } = await annsLink(t, at);
  const [ann, mallory] = [new WebBrowser(), new WebBrowser()];
  at.oidc.person = 'mallory@upstream';
  // Mallory has a login of her own at the same gateway, and so codes for its client.
  const other = await LoginClient.open(at.gateway.url, { era: 'legacy', key: KEYS.bob });
  t.after(() => other.close());
  const hers = await mallory.leave(await mallory.open(linkIn(await other.refusal('whoami'))));
  at.oidc.person = 'ann@upstream';
  const anns = await ann.leave(await ann.open(link));
  anns.searchParams.set('code', hers.searchParams.get('code') ?? '');
  const page = await ann.open(anns);
  assert.equal(page.status, 502);
  assert.match(page.body, /invalid_grant/);
  assert.match(await client.refusal('whoami'), LOGIN_NEEDED);
});

test('an answer in the name of another authorization server is not taken', async (t) => {
  const at = await place(t);
  const { client, link } = await annsLink(t, at);
  const ann = new WebBrowser();
  const back = await ann.leave(await ann.open(link));
  assert.equal(back.searchParams.get('iss'), at.oidc.issuer);
  back.searchParams.set('iss', 'https://evil.example');
  assert.equal((await ann.open(back)).status, 502);
  assert.equal(at.oidc.tokenRequests.length, 0);
  assert.match(await client.refusal('whoami'), LOGIN_NEEDED);
});

test('a page of another site cannot confirm a login', async (t) => {
  const at = await place(t);
  const { link } = await annsLink(t, at);
  const page = await new WebBrowser().open(link);
  const form = new URLSearchParams(
    [...page.body.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']): [string, string] => [name, value],
    ),
  );
  for (const headers of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
    const reply = await fetch(link, { method: 'POST', body: form, headers, redirect: 'manual' });
    assert.equal(reply.status, 403);
    assert.equal(reply.headers.get('location'), null);
  }
  const elsewhere = new URL(link);
  elsewhere.hostname = '127.0.0.1';
  assert.equal((await fetch(elsewhere)).status, 403, 'offered at localhost, not there');
});

test('who a token says one is does not become part of the page', async (t) => {
  const key = ecKey('one');
  const sub = `"><img src=x onerror=alert(1)><script>alert(1)</script>`;
  const at = await place(t, {
    policies: { jwtAuth: { issuer: ISSUER, audiences: ['tools'], jwks: keySetText(key) } },
  });
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const jwt = await token(key, { claims: { sub, aud: 'tools', exp } });
  const client = await LoginClient.open(at.gateway.url, { era: 'modern', key: jwt });
  t.after(() => client.close());
  const page = await new WebBrowser().open(linkIn(await client.refusal('whoami')));
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.body, /<img|<script/);
  assert.ok(page.body.includes('&#60;script&#62;'));
});

const PRM = '/.well-known/oauth-protected-resource/mcp';

/** What a server says of where to log in, and what calls to it are answered. */
const LIES: Readonly<
  Record<string, readonly [(at: Authority) => Parameters<Authority['pages']['set']>[1], RegExp]>
> = {
  metadata: [named('https://169.254.169.254/latest'), /further inside/],
  metadata6: [named('https://[fd00:ec2::254]/'), /further inside/],
  plain: [named('http://169.254.169.254/latest'), /not https/],
  file: [named('file:///etc/passwd'), /not https/],
  another: [() => ({ resource: 'https://bank.example/mcp', authorization_servers: [] }), /another resource/],
  garbage: [() => (_, reply) => reply.writeHead(200).end('{"resource":'), /no JSON object/],
  huge: [() => (_, reply) => reply.writeHead(200).end('x'.repeat(300_000)), /longer than/],
  away: [() => (_, reply) => reply.writeHead(302, { location: 'http://localhost:1/' }).end(), /status 302/],
  broken: [() => (_, reply) => reply.destroy(), /closed the connection/],
};

function named(server: string) {
  return ({ url }: Authority) => ({ resource: url.href, authorization_servers: [server] });
}

test('servers that lie about where to log in are told apart, and the others serve on', async (t) => {
  const servers = await Promise.all(
    [...Object.entries(LIES), ['honest', undefined] as const].map(async ([name, lie]) => {
      const at = await Authority.start();
      t.after(() => at.close());
      if (lie) at.pages.set(PRM, lie[0](at));
      return { name, mcp: { host: at.url.href }, policies: { backendAuth: { oauthAuthorizationCode: {} } } };
    }),
  );
  const gateway = await startGateway({
    mcp: { targets: servers, failureMode: 'failOpen' },
    policies: { apiKey: { keys: [{ key: KEYS.ann }] } },
  });
  t.after(() => gateway.stop());
  const client = await McpHttpClient.open(gateway.url, { headers: { authorization: `Bearer ${KEYS.ann}` } });
  t.after(() => client.close());
  const answers = await Promise.all(
    servers.map(({ name }) => client.request('resources/read', { uri: `${name}+x:y` })),
  );
  for (const [at, [name, [, pattern]]] of Object.entries(LIES).entries()) {
    assert.match(answers[at]?.error?.message ?? '', pattern, name);
    assert.equal(answers[at]?.error?.data?.['code'], 'CREDENTIALS_UNAVAILABLE');
  }
  assert.match(answers.at(-1)?.error?.message ?? '', /Log in to honest/);
  const tools = (await client.request('tools/list')).result as { tools: { name: string }[] };
  assert.deepEqual(
    tools.tools.map(({ name }) => name),
    ['honest_login'],
  );
});
