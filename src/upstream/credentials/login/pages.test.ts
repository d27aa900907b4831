import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExchangeScript, testExchange } from '../../../../test/fixtures/test-exchange.ts';
import { testPorts } from '../../../../test/fixtures/test-ports.ts';
import { type Answer, type Exchange, isTunnel, type Reply } from '../../../core/exchange.ts';
import type { Service } from '../../../core/service.ts';
import { LoginDesk, type Undertaking } from './desk.ts';
import { LoginPages } from './pages.ts';

const AUTHORITY = 'localhost:3000';

class World {
  readonly ports = testPorts();
  readonly desk = new LoginDesk(this.ports);
  readonly pages = new Map<string, Service<Exchange, Answer>>();
  readonly codes: string[] = [];
  failure: Error | undefined;

  constructor() {
    const own = new LoginPages({ desk: this.desk, ports: this.ports });
    own.serveOn({ serve: (path, service) => void this.pages.set(path, service), reachedAt() {} });
  }

  offer(more: Partial<Undertaking> = {}, origin = `http://${AUTHORITY}`) {
    const login = this.desk.offer(`key ${this.desk.size}`, {
      person: 'ann',
      server: 'notes',
      message: 'Log in to notes',
      authority: 'auth.example',
      publicUrl: undefined,
      redirectUri: undefined,
      begin: async ({ state }) => ({
        location: new URL(`https://auth.example/authorize?state=${state}`),
        finish: async (parameters) => {
          if (this.failure) throw this.failure;
          this.codes.push(parameters.get('code') ?? '');
          return 'done';
        },
      }),
      ...more,
    });
    if (more.publicUrl === undefined) login.at?.(origin);
    return login.id;
  }

  async ask(page: string, script: ExchangeScript): Promise<Seen> {
    const answer = await this.pages.get(page)?.(testExchange({ authority: AUTHORITY, ...script }));
    assert.ok(answer && !isTunnel(answer));
    return seen(answer);
  }

  show(id: string, more: ExchangeScript = {}): Promise<Seen> {
    return this.ask('oauth/login', { query: `id=${id}`, ...more });
  }

  post(fields: Record<string, string>, headers: Record<string, string> = {}, more: ExchangeScript = {}) {
    const body = new URLSearchParams(fields).toString();
    return this.ask('oauth/login', { method: 'POST', body, headers, ...more });
  }

  /** To the authorization server: its state, and the browser's cookie. */
  async begun(id = this.offer()): Promise<{ state: string; cookie: string }> {
    const shown = await this.show(id);
    const cookie = cookieOf(shown);
    const answer = await this.post({ id, proof: proofIn(shown) }, { cookie });
    assert.equal(answer.status, 303, answer.body);
    const state = new URL(answer.headers['location'] ?? '').searchParams.get('state') ?? '';
    return { state, cookie };
  }

  back(query: string, headers: Record<string, string> = {}): Promise<Seen> {
    return this.ask('oauth/callback', { query, headers });
  }
}

interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function seen({ status, headers, body }: Reply): Promise<Seen> {
  const named: Record<string, string> = {};
  for (let at = 0; at < headers.length; at += 2) named[headers[at] as string] = headers[at + 1] as string;
  return { status, headers: named, body: (await body.collect(100_000)).toString() };
}

const cookieOf = ({ headers }: Seen) => (headers['set-cookie'] ?? '').split(';')[0] as string;
const proofIn = ({ body }: Seen) => /name="proof" value="([^"]+)"/.exec(body)?.[1] ?? '';

test('the way from the page to the end', async () => {
  const world = new World();
  const { state, cookie } = await world.begun();
  const end = await world.back(`state=${state}&code=c`, { cookie });
  assert.equal(end.status, 200);
  assert.match(end.body, /You are connected/);
  assert.deepEqual(world.codes, ['c']);
});

test('no page runs or loads anything, is kept, framed, or tells others where it is', async () => {
  const world = new World();
  const id = world.offer();
  for (const page of [await world.show(id), await world.show('none'), await world.back('state=none')]) {
    const policy = page.headers['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"])
      assert.ok(policy.includes(part), policy);
    assert.equal(page.headers['cache-control'], 'no-store');
    assert.equal(page.headers['referrer-policy'], 'same-origin');
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.doesNotMatch(page.body, /<script|https?:\/\//);
  }
});

test('names of people and servers are text, whatever is in them', async () => {
  const world = new World();
  const evil = `"><script>alert('1')</script>&lt;`;
  const shown = await world.show(world.offer({ person: evil, server: evil, authority: evil }));
  assert.doesNotMatch(shown.body, /<script|alert\('1'\)/);
  assert.ok(shown.body.includes('&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;lt;'));
  const { state, cookie } = await world.begun(world.offer({ person: evil, server: evil }));
  assert.doesNotMatch((await world.back(`state=${state}&code=c`, { cookie })).body, /<script/);
  world.failure = new Error(evil);
  const failing = await world.begun(world.offer());
  assert.doesNotMatch(
    (await world.back(`state=${failing.state}`, { cookie: failing.cookie })).body,
    /script/,
  );
});

test('a page that is asked for changes nothing', async () => {
  const world = new World();
  const id = world.offer();
  const [first, second] = [await world.show(id), await world.show(id)];
  assert.equal(first.status, 200);
  assert.notEqual(cookieOf(first), cookieOf(second), 'each browser is somebody else');
  const again = await world.show(id, { headers: { cookie: cookieOf(first) } });
  assert.equal(again.headers['set-cookie'], undefined);
  assert.equal(proofIn(again), proofIn(first));
});

test('a confirmation comes from the page, in the browser that it was shown to', async () => {
  const world = new World();
  const id = world.offer();
  const shown = await world.show(id);
  const cookie = cookieOf(shown);
  const good = { id, proof: proofIn(shown) };
  const other = world.offer();
  const theirs = await world.show(id);
  for (const [fields, headers] of [
    [good, {}],
    [good, { cookie: cookieOf(theirs) }],
    [good, { cookie: 'agentgateway-login=short' }],
    [good, { cookie, origin: 'https://evil.example' }],
    [good, { cookie, origin: 'null' }],
    [{ ...good, proof: '' }, { cookie }],
    [{ ...good, proof: proofIn(theirs) }, { cookie }],
    [{ ...good, id: other }, { cookie }],
    [{ ...good, id: 'none' }, { cookie }],
    [{ proof: good.proof }, { cookie }],
  ] as const)
    assert.equal((await world.post(fields as Record<string, string>, headers)).status, 403);
  assert.equal((await world.post(good, { cookie, origin: `http://${AUTHORITY}` })).status, 303);
});

test('a page at an address that the login was not offered under says nothing', async () => {
  const world = new World();
  const id = world.offer();
  const shown = await world.show(id);
  const elsewhere = { authority: 'evil.example' };
  assert.equal((await world.show(id, elsewhere)).status, 403);
  const cookie = cookieOf(shown);
  assert.equal((await world.post({ id, proof: proofIn(shown) }, { cookie }, elsewhere)).status, 403);
  assert.doesNotMatch((await world.show(id, elsewhere)).body, /ann|notes/);
});

test('behind a proxy that ends TLS the public URL counts, whatever the request says', async () => {
  const world = new World();
  const id = world.offer({ publicUrl: 'https://gateway.example' });
  const shown = await world.show(id, { authority: '10.0.0.1:3000' });
  assert.equal(shown.status, 200);
  assert.match(
    shown.headers['set-cookie'] ?? '',
    /^__Host-agentgateway-login=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  );
  const cookie = cookieOf(shown);
  const plain = cookie.replace('__Host-', '');
  assert.equal((await world.post({ id, proof: proofIn(shown) }, { cookie: plain })).status, 403);
  const headers = { cookie, origin: 'https://gateway.example' };
  const answer = await world.post({ id, proof: proofIn(shown) }, headers);
  assert.equal(answer.status, 303);
  const state = new URL(answer.headers['location'] ?? '').searchParams.get('state');
  assert.equal(
    (await world.back(`state=${state}&code=c`, { cookie: plain })).status,
    403,
    'set by another host',
  );
});

test('the callback is for the browser that confirmed, once', async () => {
  const world = new World();
  for (const headers of [{}, { cookie: `agentgateway-login=${'x'.repeat(43)}` }]) {
    const { state, cookie } = await world.begun();
    assert.equal((await world.back(`state=${state}&code=stolen`, headers)).status, 403);
    assert.equal((await world.back(`state=${state}&code=c`, { cookie })).status, 403, 'it counted');
  }
  const { state, cookie } = await world.begun();
  assert.equal((await world.back(`state=${state}&code=c`, { cookie })).status, 200);
  assert.equal((await world.back(`state=${state}&code=c`, { cookie })).status, 403);
  assert.deepEqual(world.codes, ['c']);
});

test('requests that no browser makes are refused', async () => {
  const world = new World();
  const id = world.offer();
  assert.equal((await world.show(id, { method: 'PUT' })).status, 405);
  assert.equal((await world.ask('oauth/callback', { method: 'POST', query: 'state=x' })).status, 405);
  assert.equal((await world.back('')).status, 400);
  assert.equal((await world.back(`state=${'x'.repeat(10_000)}`)).status, 400);
  assert.equal((await world.post({ id, proof: 'x'.repeat(10_000) })).status, 413);
});

test('what went wrong inside is for the log', async () => {
  const world = new World();
  world.failure = new Error('secret of the database');
  const { state, cookie } = await world.begun();
  const page = await world.back(`state=${state}&code=c`, { cookie });
  assert.equal(page.status, 502);
  assert.doesNotMatch(page.body, /secret/);
});
