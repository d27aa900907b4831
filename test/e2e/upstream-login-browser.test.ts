/** A login at an upstream in a real browser: what it does with cookies, policies and redirects is not what we think it does. */
// needs: chromium
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { KEYS, LoginClient, linkIn, place } from '../fixtures/login-place.ts';
import { noBrowser, startBrowser } from './clients/browser.ts';

describe('Chromium', { skip: noBrowser() ?? false }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  test('shows who gets to use the login, goes through it, and comes back', async (t) => {
    const at = await place(t);
    at.oidc.person = 'ann@upstream';
    const client = await LoginClient.open(at.gateway.url, { era: 'modern', key: KEYS.ann });
    t.after(() => client.close());
    const link = linkIn(await client.refusal('whoami'));
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(link);
    await page.getByText(/the owner of API key/).waitFor();
    const font = await page.evaluate<string>('getComputedStyle(document.body).fontFamily');
    assert.match(font, /system-ui/, 'its own style is applied');
    await page.getByRole('button').click();
    await page.getByText('You may close this window').waitFor();
    assert.equal(await client.call('whoami'), 'ann@upstream');
    await page.reload();
    await page.getByText('this login is over').waitFor();
    assert.deepEqual(
      complaints.filter((text) => /policy|refused/i.test(text)),
      [],
    );
    await page.close();
  });

  test('gets no further with a login that was begun in another browser', async (t) => {
    const at = await place(t);
    const client = await LoginClient.open(at.gateway.url, { era: 'legacy', key: KEYS.ann });
    t.after(() => client.close());
    const link = linkIn(await client.refusal('whoami'));
    const [ann, mallory] = [await browser.newContext(), await browser.newContext()];
    const page = await ann.newPage();
    const sent = new Promise<string>((resolve) => {
      at.oidc.intercept = ({ url = '' }, reply) => {
        if (!url.startsWith('/auth?')) return false;
        resolve(new URL(url, at.oidc.issuer).href);
        reply.writeHead(200).end('wait');
        return true;
      };
    });
    await page.goto(link);
    await page.getByRole('button').click();
    const stolen = await sent;
    at.oidc.intercept = () => false;
    const hers = await mallory.newPage();
    await hers.goto(stolen);
    await hers.getByText('begun in another browser').waitFor();
    assert.match(await client.refusal('whoami'), /Log in to notes/);
    await Promise.all([ann.close(), mallory.close()]);
  });
});
