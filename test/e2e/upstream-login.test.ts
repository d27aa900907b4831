/** A remote MCP server that wants a login: people go through it in a browser, each for themselves, and their calls go on. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KEYS, LoginClient, linkIn, logIn, type Place, place } from '../fixtures/login-place.ts';
import { WebBrowser } from '../fixtures/web-browser.ts';

const ERAS = ['legacy', 'modern'] as const;

async function clientOf(t: TestContext, { gateway }: Place, options: Parameters<typeof LoginClient.open>[1]) {
  const client = await LoginClient.open(gateway.url, options);
  t.after(() => client.close());
  return client;
}

for (const era of ERAS) {
  test(`a ${era} client that opens pages is asked to, and its call goes on after the login`, async (t) => {
    const at = await place(t);
    const client = await clientOf(t, at, {
      era,
      key: KEYS.ann,
      opens: (url) => logIn(at, 'ann@upstream', url),
    });
    assert.deepEqual(await client.tools(), ['login']);
    assert.equal(await client.call('whoami'), 'ann@upstream');
    assert.equal(client.asked.length, 1);
    assert.match(client.asked[0]?.message ?? '', /^Log in to notes /);
    assert.deepEqual(client.completed, era === 'legacy' ? [client.asked[0]?.id] : []);
    await client.changed();
    assert.deepEqual(await client.tools(), ['whoami', 'danger']);
    assert.equal(await client.call('whoami'), 'ann@upstream');
    assert.equal(client.asked.length, 1);
    assert.ok(at.server.subjects.every((each) => each === 'ann@upstream'));
  });

  test(`a ${era} client that opens none gets the link, and its next call goes through`, async (t) => {
    const at = await place(t);
    const client = await clientOf(t, at, { era, key: KEYS.ann });
    const link = linkIn(await client.refusal('whoami'));
    assert.equal(linkIn(await client.refusal('whoami')), link, 'one login for all its calls');
    await logIn(at, 'ann@upstream', link);
    assert.equal(await client.call('whoami'), 'ann@upstream');
  });

  test(`the tool "login" answers a ${era} client with a link, and real tools take its place`, async (t) => {
    const at = await place(t);
    const client = await clientOf(t, at, { era, key: KEYS.ann });
    assert.deepEqual(await client.tools(), ['login']);
    const link = linkIn(await client.call('login'));
    await logIn(at, 'ann@upstream', link);
    await client.changed();
    assert.deepEqual(await client.tools(), ['whoami', 'danger']);
    assert.match(await client.call('login'), /You are logged in to notes/);
  });

  test(`a ${era} client that declines is told so, and asked again by its next call`, async (t) => {
    const at = await place(t);
    const answers = ['decline', 'accept'] as const;
    let turn = 0;
    const opens = async (url: string) => {
      if (answers[turn++] === 'decline') return 'decline' as const;
      return logIn(at, 'ann@upstream', url);
    };
    const client = await clientOf(t, at, { era, key: KEYS.ann, opens });
    assert.match(await client.refusal('whoami'), /the login was declined/);
    assert.equal(await client.call('whoami'), 'ann@upstream');
  });

  test(`a ${era} client hears that the person said no at the authorization server`, async (t) => {
    const at = await place(t);
    at.oidc.refuses = true;
    const opens = async (url: string) => {
      const browser = new WebBrowser();
      const page = await browser.press(await browser.open(url));
      assert.equal(page.status, 502);
      assert.match(page.body, /access_denied/);
    };
    const client = await clientOf(t, at, { era, key: KEYS.ann, opens });
    assert.match(await client.refusal('whoami'), /access_denied/);
  });
}

test('two people use logins of their own at the same time', async (t) => {
  const at = await place(t);
  const of = (name: 'ann' | 'bob', era: 'legacy' | 'modern') => clientOf(t, at, { era, key: KEYS[name] });
  const [ann, bob] = [await of('ann', 'legacy'), await of('bob', 'legacy')];
  const [annsLink, bobsLink] = [linkIn(await ann.refusal('whoami')), linkIn(await bob.refusal('whoami'))];
  assert.notEqual(annsLink, bobsLink);
  await logIn(at, 'ann@upstream', annsLink);
  assert.match(await bob.refusal('whoami'), /Log in to notes/);
  await logIn(at, 'bob@upstream', bobsLink);
  const clients = [ann, bob, await of('ann', 'modern'), await of('bob', 'modern')];
  const said = await Promise.all([...clients, ...clients].map((client) => client.call('whoami')));
  assert.deepEqual(said.slice(0, 2), ['ann@upstream', 'bob@upstream']);
  for (const [index, each] of said.entries()) assert.equal(each, said[index % 2]);
});

test('the page says whose login it will be at which server, and runs nothing', async (t) => {
  const at = await place(t);
  const client = await clientOf(t, at, { era: 'legacy', key: KEYS.ann });
  const page = await new WebBrowser().open(linkIn(await client.refusal('whoami')));
  assert.match(page.body, /the owner of API key [0-9a-f]+/);
  assert.match(page.body, /notes \(127\.0\.0\.1:\d+\)/);
  assert.ok(page.body.includes(new URL(at.oidc.issuer).host));
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.equal(page.headers.get('x-frame-options'), 'DENY');
  assert.match(page.headers.get('set-cookie') ?? '', /HttpOnly; SameSite=Lax/);
  assert.doesNotMatch(page.body, /<script/);
});

test('a tool that takes more rights than the login gave is carried out after another one', async (t) => {
  const at = await place(t, {
    oidc: { scopes: ['read', 'delete'] },
    server: { scope: 'read', danger: 'delete' },
  });
  const opens = (url: string) => logIn(at, 'ann@upstream', url);
  const client = await clientOf(t, at, { era: 'modern', key: KEYS.ann, opens });
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(await client.call('danger'), 'dangerous for ann@upstream');
  assert.match(client.asked[1]?.message ?? '', /for more rights: delete$/);
  assert.equal(await client.call('danger'), 'dangerous for ann@upstream');
  assert.equal(await client.call('whoami'), 'ann@upstream');
  assert.equal(client.asked.length, 2);
});
