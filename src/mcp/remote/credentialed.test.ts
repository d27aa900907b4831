import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptedUpstream } from '../../../test/fixtures/scripted-upstream.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { CredentialOwner, UpstreamCredentials } from '../../core/outgoing.ts';
import { Cancel } from '../../lib/cancel.ts';
import { CredentialedUpstream } from './credentialed.ts';

/** Numbered tokens; each refusal of the one in force makes another one possible, as often as `renewals` says. */
class Tokens implements UpstreamCredentials {
  readonly key = 'tokens';
  readonly personal = true;
  readonly names = ['authorization'];
  readonly said: string[] = [];
  #at: readonly string[] | undefined;
  #count = 0;
  #renewals: number;

  constructor(renewals = 1) {
    this.#renewals = renewals;
  }

  ready(): readonly string[] | undefined {
    return this.#at;
  }

  async fetch(owner: CredentialOwner, cancel: Cancel): Promise<readonly string[]> {
    this.said.push(`fetch for ${owner}`);
    await settled(1);
    if (cancel.reason) throw cancel.reason;
    this.#count += 1;
    this.#at = ['authorization', `Bearer ${this.#count}`];
    return this.#at;
  }

  refused(_owner: CredentialOwner, headers: readonly string[]): boolean {
    this.said.push(`refused ${headers[1]}`);
    this.#at = undefined;
    this.#renewals -= 1;
    return this.#renewals >= 0;
  }
}

const POST = {
  method: 'POST',
  path: '/mcp',
  headers: ['content-type', 'application/json', 'Authorization', 'Bearer of the client', 'x-user', 'ann'],
  body: Buffer.from('{}'),
};

function world(renewals?: number) {
  const upstream = new ScriptedUpstream();
  const tokens = new Tokens(renewals);
  return { upstream, tokens, sender: new CredentialedUpstream(upstream, tokens, 'jwt:ann') };
}

const is = (code: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
};

test('each request carries the credentials of its owner in place of those of the client', async () => {
  const { upstream, tokens, sender } = world();
  for (let turn = 0; turn < 2; turn += 1) {
    const reply = sender.request(POST);
    await settled();
    assert.deepEqual(upstream.last.request.headers, [
      'content-type',
      'application/json',
      'x-user',
      'ann',
      'authorization',
      'Bearer 1',
    ]);
    upstream.last.reply(200);
    assert.equal((await reply).status, 200);
  }
  assert.deepEqual(tokens.said, ['fetch for jwt:ann'], 'what is at hand is not fetched');
});

test('credentials that stand in the query are put there', async () => {
  const { upstream } = world();
  const query = { key: 'k', personal: false, names: ['code'], place: 'query' } as const;
  const sender = new CredentialedUpstream(
    upstream,
    { ...query, ready: () => ['code', 'a b'], fetch: () => Promise.reject(), refused: () => false },
    undefined,
  );
  void sender.request({ ...POST, path: '/message?sessionId=7&code=mine' });
  assert.equal(upstream.last.request.path, '/message?sessionId=7&code=a%20b');
  assert.equal(upstream.last.header('x-user'), 'ann');
});

test('a request that is answered with 401 is sent once more with fresh credentials', async () => {
  const { upstream, tokens, sender } = world();
  const reply = sender.request(POST);
  await settled();
  upstream.last.reply(401, { 'www-authenticate': 'Bearer' }, 'expired');
  await settled();
  assert.equal(upstream.requests.length, 2);
  assert.equal(upstream.last.header('authorization'), 'Bearer 2');
  assert.equal(upstream.last.text, '{}');
  upstream.last.reply(202);
  assert.equal((await reply).status, 202);
  assert.deepEqual(tokens.said, ['fetch for jwt:ann', 'refused Bearer 1', 'fetch for jwt:ann']);
});

test('an upstream that refuses the fresh ones too is a fault that no client can meet', async () => {
  const { upstream, tokens, sender } = world(5);
  const reply = assert.rejects(
    sender.request(POST),
    is('CREDENTIALS_UNAVAILABLE', /credentials of the gateway \(HTTP 401\): no way$/),
  );
  for (let turn = 0; turn < 2; turn += 1) {
    await settled();
    upstream.last.reply(401, { 'www-authenticate': 'Bearer realm="theirs"' }, 'no way');
  }
  await reply;
  assert.equal(upstream.requests.length, 2, 'no third try');
  assert.equal(tokens.said.at(-1), 'refused Bearer 2', 'they are not given to anybody else');
});

test('credentials that cannot become better are not tried again', async () => {
  const { upstream, sender } = world(0);
  const reply = assert.rejects(sender.request(POST), is('CREDENTIALS_UNAVAILABLE', /HTTP 401\)$/));
  await settled();
  upstream.last.reply(401);
  await reply;
  assert.equal(upstream.requests.length, 1);
});

test('what the credentials may not do is no demand for other rights of the client', async () => {
  const { upstream, sender } = world();
  const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="all"' };
  const first = assert.rejects(sender.request(POST), is('UPSTREAM_STATUS', /HTTP 403: too little$/));
  await settled();
  upstream.last.reply(403, challenge, 'too little');
  await first;
  const second = assert.rejects(sender.request(POST), is('UPSTREAM_STATUS', /HTTP 403$/));
  await settled();
  upstream.last.reply(401);
  await settled();
  upstream.last.reply(403, challenge);
  await second;
});

test('who gives up while credentials are fetched sends nothing', async () => {
  const { upstream, sender } = world();
  const cancel = new Cancel();
  const reply = assert.rejects(sender.request({ ...POST, cancel }), is('CANCELLED', /gone/));
  cancel.cancel(new GatewayError('CANCELLED', 'gone'));
  await reply;
  assert.equal(upstream.requests.length, 0);
});
