import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { UpstreamCredentials } from '../../core/outgoing.ts';
import { type Closable, Scope } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Wire } from '../definition.ts';
import { postHeaders, type RemoteWireOptions, remoteConnector } from './connector.ts';
import type { RemoteConfig } from './schema.ts';

const WIRE: Wire = { relates: true, send: () => Promise.resolve(), close() {} };
const EVENTS = { message() {}, closed() {} };

class World {
  readonly scope = new Scope();
  readonly held: string[] = [];
  readonly opened: { readonly options: RemoteWireOptions; readonly cancel: Cancel }[] = [];

  connector(config: RemoteConfig, credentials?: UpstreamCredentials) {
    const lasting = {
      hold: <T extends Closable>(scope: Scope, key: string, make: () => T): T => {
        this.held.push(key);
        return scope.own(make());
      },
    };
    const deps = {
      ports: testPorts(),
      name: 'remote',
      backend: { lasting, scope: this.scope, policies: {} },
      timeouts: { connectMs: 1234 },
      credentials,
    };
    return remoteConnector(config, deps, {
      path: '/default',
      transport: {
        relates: true,
        open: (options, { cancel }) => {
          this.opened.push({ options, cancel });
          return WIRE;
        },
      },
    });
  }
}

test('a wire is opened with the URL, its credentials, and what the one who asks for it gives', async (t) => {
  const world = new World();
  t.after(() => world.scope.close());
  const connector = world.connector({ host: 'http://ann:s3cret@upstream.example/x?key=1' });
  assert.equal(connector.address, 'http://upstream.example/x');
  const cancel = new Cancel();
  const headers = ['x-user', 'ann'];
  assert.equal(
    await connector.open({ events: EVENTS, headers, cancel, purpose: 'session', era: 'legacy' }),
    WIRE,
  );
  const [first] = world.opened;
  assert.ok(first);
  assert.equal(first.cancel, cancel);
  assert.equal(first.options.events, EVENTS);
  assert.equal(first.options.headers, headers);
  assert.equal(first.options.url.search, '?key=1');
  assert.deepEqual(first.options.fixed, ['authorization', 'Basic YW5uOnMzY3JldA==']);
});

test('what a wire sends carries the credentials of whom it was opened for', async (t) => {
  const world = new World();
  t.after(() => world.scope.close());
  const asked: unknown[] = [];
  const credentials: UpstreamCredentials = {
    key: 'own',
    personal: true,
    names: ['authorization'],
    ready: () => undefined,
    fetch: (owner) => {
      asked.push(owner);
      return Promise.reject(new GatewayError('CREDENTIALS_UNAVAILABLE', 'none'));
    },
    refused: () => false,
  };
  const connector = world.connector({ host: 'http://upstream.example/mcp' }, credentials);
  const options = { events: EVENTS, headers: [], cancel: new Cancel(), era: 'legacy' } as const;
  await connector.open({ ...options, purpose: 'session', owner: 'jwt:ann' });
  await connector.open({ ...options, purpose: 'probe' });
  const request = { method: 'POST', path: '/mcp', headers: [], body: Buffer.from('{}') };
  for (const { options } of world.opened) await assert.rejects(options.upstream.request(request), /none/);
  assert.deepEqual(asked, ['jwt:ann', undefined]);
});

test('host and port alone lead to the path of the kind, and all wires use one pool', async (t) => {
  const world = new World();
  t.after(() => world.scope.close());
  const connector = world.connector({ host: 'upstream.example', port: 81 });
  assert.equal(connector.address, 'http://upstream.example:81/default');
  const options = {
    events: EVENTS,
    headers: [],
    cancel: new Cancel(),
    purpose: 'probe',
    era: 'legacy',
  } as const;
  await connector.open(options);
  await connector.open(options);
  assert.equal(world.held.length, 1);
  assert.equal(world.opened[0]?.options.upstream, world.opened[1]?.options.upstream);
});

test('a configuration without a URL is an error', () => {
  assert.throws(
    () => new World().connector({ host: 'upstream.example' }),
    (error: GatewayError) => error.code === 'CONFIG_INVALID',
  );
});

test('credentials of the configuration keep those of the client away', () => {
  const client = ['Authorization', 'client', 'x-user', 'ann'];
  assert.deepEqual(postHeaders(['authorization', 'fixed'], client).slice(4), [
    'authorization',
    'fixed',
    'x-user',
    'ann',
  ]);
  assert.deepEqual(postHeaders([], ['authorization', 'client']).slice(4), ['authorization', 'client']);
});
