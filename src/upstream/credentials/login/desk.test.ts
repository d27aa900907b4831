import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, testPorts } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { type Begun, LoginDesk, type Undertaking } from './desk.ts';

const BASE = 'http://localhost:3000';

class World {
  readonly ports = testPorts();
  readonly desk = new LoginDesk(this.ports);
  readonly states: string[] = [];
  readonly redirects: string[] = [];
  readonly finished: string[] = [];
  outcome: () => Promise<'done' | 'again'> = async () => 'done';

  undertaking(more: Partial<Undertaking> = {}): Undertaking {
    return {
      person: 'ann',
      server: 'notes',
      message: 'Log in to notes',
      authority: 'auth.example',
      publicUrl: undefined,
      redirectUri: undefined,
      begin: async ({ state, redirectUri }): Promise<Begun> => {
        this.states.push(state);
        this.redirects.push(redirectUri);
        return {
          location: new URL(`https://auth.example/?state=${state}`),
          finish: (parameters) => {
            this.finished.push(String(parameters.get('code')));
            return this.outcome();
          },
        };
      },
      ...more,
    };
  }

  offer(key = 'ann at notes', more?: Partial<Undertaking>) {
    const login = this.desk.offer(key, this.undertaking(more));
    return login.at?.(BASE) ?? login;
  }

  async confirm(id: string, browser = 'firefox'): Promise<string> {
    await this.desk.confirm(id, { browser, base: BASE });
    return this.states.at(-1) as string;
  }

  finish(state: string, browsers: readonly string[] = ['firefox'], code = 'c') {
    return this.desk.finish(state, browsers, new URLSearchParams({ code, state }));
  }
}

const forbidden = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, 'FORBIDDEN');
  assert.match(error.message, pattern);
  return true;
};

test('a login goes from its page over a confirmation to the callback, and whoever waits for it goes on', async () => {
  const world = new World();
  const login = world.offer();
  assert.equal(login.url, `${BASE}/.agentgateway/oauth/login?id=${login.id}`);
  const waiting = [login.done(new Cancel()), world.offer().done(new Cancel())];
  const state = await world.confirm(login.id);
  assert.deepEqual(world.redirects, [`${BASE}/.agentgateway/oauth/callback`]);
  assert.equal((await world.finish(state)).kind, 'done');
  await Promise.all(waiting);
  assert.equal(world.desk.size, 0);
  assert.equal(world.ports.clock.waiting, 0);
});

test('there is one login for one person and server at a time, and another one after it', async () => {
  const world = new World();
  const login = world.offer();
  assert.equal(world.offer().id, login.id);
  assert.notEqual(world.offer('bob at notes').id, login.id);
  await world.finish(await world.confirm(login.id));
  assert.notEqual(world.offer().id, login.id);
});

test('a state counts once, whatever came of it', async () => {
  const world = new World();
  const login = world.offer();
  const state = await world.confirm(login.id);
  await assert.rejects(world.finish(state, ['chrome']), forbidden(/another browser/));
  await assert.rejects(world.finish(state), forbidden(/over/));
  const second = await world.confirm(login.id);
  await world.finish(second);
  await assert.rejects(world.finish(second), forbidden(/over/));
  assert.deepEqual(world.finished, ['c']);
});

test('only the browser that confirmed comes back, and without a cookie none does', async () => {
  const world = new World();
  const login = world.offer();
  for (const browsers of [[], ['chrome'], ['']])
    await assert.rejects(world.finish(await world.confirm(login.id), browsers), forbidden(/another browser/));
  assert.deepEqual(world.finished, []);
  assert.equal((await world.finish(await world.confirm(login.id), ['old', 'firefox'])).kind, 'done');
});

test('a later confirmation takes the place of an earlier one', async () => {
  const world = new World();
  const login = world.offer();
  const first = await world.confirm(login.id, 'firefox');
  const second = await world.confirm(login.id, 'chrome');
  await assert.rejects(world.finish(first), forbidden(/over/));
  assert.equal((await world.finish(second, ['chrome'])).kind, 'done');
});

test('a login that fails is over, and says why', async () => {
  const world = new World();
  const login = world.offer();
  const reason = new GatewayError('CREDENTIALS_UNAVAILABLE', 'access_denied');
  world.outcome = () => Promise.reject(reason);
  const waiting = assert.rejects(login.done(new Cancel()), reason);
  const outcome = await world.finish(await world.confirm(login.id));
  assert.ok(outcome.kind === 'failed' && outcome.error === reason);
  await waiting;
  assert.equal(world.desk.size, 0);
});

test('what would go through a second time is begun once more in the same browser, and not again', async () => {
  const world = new World();
  const login = world.offer();
  world.outcome = async () => 'again';
  const outcome = await world.finish(await world.confirm(login.id));
  assert.ok(outcome.kind === 'again');
  const state = outcome.location.searchParams.get('state') as string;
  const waiting = assert.rejects(login.done(new Cancel()), /twice/);
  assert.equal((await world.finish(state)).kind, 'failed');
  await waiting;
});

test('time runs out for whoever does nothing, and begins anew with each step', async () => {
  const world = new World();
  const login = world.offer();
  const most = LIMITS.loginTime.value;
  const waiting = assert.rejects(login.done(new Cancel()), /in time/);
  await world.ports.clock.advance(most - 1);
  world.offer();
  await world.ports.clock.advance(most - 1);
  const state = await world.confirm(login.id);
  await world.ports.clock.advance(most - 1);
  assert.equal(world.desk.size, 1);
  await world.ports.clock.advance(1);
  await waiting;
  await assert.rejects(world.finish(state), forbidden(/over/));
  await assert.rejects(world.confirm(login.id), forbidden(/over/));
});

test('who gives up waiting leaves the login to the others', async () => {
  const world = new World();
  const login = world.offer();
  const cancel = new Cancel();
  const reason = new Error('the client went away');
  const gone = assert.rejects(login.done(cancel), reason);
  const waits = login.done(new Cancel());
  cancel.cancel(reason);
  await gone;
  await assert.rejects(login.done(cancel), reason);
  await world.finish(await world.confirm(login.id));
  await waits;
});

test('ten thousand people who ask for a login and go away leave no more than fits', async () => {
  const world = new World();
  let refused = 0;
  for (let count = 0; count < 10_000; count += 1) {
    try {
      world.offer(`person ${count}`);
    } catch (error) {
      assert.equal((error as GatewayError).code, 'OVERLOADED');
      refused += 1;
    }
  }
  assert.equal(world.desk.size, LIMITS.logins.value);
  assert.equal(refused, 10_000 - LIMITS.logins.value);
  assert.ok(world.offer('person 0'), 'who has one keeps it');
  await world.ports.clock.advance(LIMITS.loginTime.value);
  assert.equal(world.desk.size, 0);
  assert.ok(world.offer('person 9999'));
});

test('pages are where the client reaches the gateway, if nobody listens in there', () => {
  const world = new World();
  const login = world.desk.offer('key', world.undertaking());
  assert.match(login.url, /^\/\.agentgateway\/oauth\/login\?id=/);
  for (const origin of ['https://gateway.example', 'http://127.0.0.1:8', 'http://[::1]:8'])
    assert.ok(login.at?.(origin).url.startsWith(`${origin}/.agentgateway/`));
  for (const bad of ['http://gateway.example', 'http://a b', 'http://'])
    assert.throws(() => login.at?.(bad), /publicUrl/);
  const pending = world.desk.find(login.id);
  assert.ok(pending);
  assert.ok(pending.isAt('https://gateway.example'));
  assert.ok(!pending.isAt('http://gateway.example') && !pending.isAt('https://evil.example'));
});

test('pages are where a client was last told, however many names of the gateway came before', () => {
  const world = new World();
  const login = world.desk.offer('key', world.undertaking());
  for (let count = 0; count < 20; count += 1) login.at?.(`https://false-${count}.example`);
  login.at?.('https://gateway.example');
  const pending = world.desk.find(login.id);
  assert.ok(pending?.isAt('https://gateway.example'));
  assert.ok(!pending?.isAt('https://false-0.example'));
});

test('pages are at the public URL where there is one, and browsers come back to where it was written', async () => {
  const world = new World();
  const publicUrl = 'https://gateway.example/prefix';
  const redirectUri = 'https://gateway.example/back';
  const login = world.desk.offer('key', world.undertaking({ publicUrl, redirectUri }));
  assert.ok(login.url.startsWith(`${publicUrl}/.agentgateway/oauth/login?id=`));
  await world.desk.confirm(login.id, { browser: 'b', base: publicUrl });
  assert.deepEqual(world.redirects, [redirectUri]);
});

test('a gateway that stops lets nobody wait', async () => {
  const world = new World();
  const waiting = assert.rejects(world.offer().done(new Cancel()), /stops/);
  world.desk.close();
  await waiting;
  await settled();
  assert.equal(world.ports.clock.waiting, 0);
});
