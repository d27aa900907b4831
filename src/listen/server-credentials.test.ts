import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { Authority, type Pair, pemOf } from '../../test/fixtures/certificates.ts';
import { type LogEntry, recordedLog, temporaryFolder } from '../../test/fixtures/child-host.ts';
import { testTls } from '../../test/fixtures/test-plan.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { type Credentials, WatchedCredentials } from './server-credentials.ts';

const authority = new Authority();
after(() => authority.remove());
const first = authority.issue('a.test');
const second = authority.issue('a.test');

/** Credentials in a folder of their own, and what becomes of them. */
class World {
  readonly folder: string;
  readonly used: Credentials[] = [];
  readonly logged: LogEntry[] = [];
  readonly clock = new FakeClock(Date.now());

  constructor(t: TestContext) {
    this.folder = temporaryFolder(t);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  put({ cert, key }: Partial<Pair>): void {
    if (cert !== undefined) copyFileSync(cert, this.path('cert.pem'));
    if (key !== undefined) copyFileSync(key, this.path('key.pem'));
  }

  watch(t: TestContext, root?: string): WatchedCredentials {
    const watched = new WatchedCredentials({
      tls: testTls({ cert: this.path('cert.pem'), key: this.path('key.pem') }, { root }),
      listener: 'default',
      ports: { clock: this.clock, log: recordedLog(this.logged) },
      use: (credentials) => void this.used.push(credentials),
    });
    t.after(() => watched.close());
    return watched;
  }

  get last(): Credentials | undefined {
    return this.used.at(-1);
  }

  said(): string[] {
    return this.logged
      .splice(0)
      .map(({ level, fields }) => `${level} ${(fields as { reason?: string }).reason ?? ''}`);
  }
}

test('what is there is used at once, and not again while it stays as it is', async (t) => {
  const world = new World(t);
  world.put(first);
  const watched = world.watch(t);
  assert.deepEqual(world.used, [{ ...pemOf(first), root: undefined }]);
  await watched.look();
  assert.equal(world.used.length, 1);
  assert.deepEqual(world.said(), []);
});

test('a new pair is used', async (t) => {
  const world = new World(t);
  world.put(first);
  const watched = world.watch(t);
  world.put(second);
  await watched.look();
  assert.deepEqual(world.last, { ...pemOf(second), root: undefined });
  assert.deepEqual(world.said(), ['info ']);
});

test('files are looked at every two seconds, until closed', async (t) => {
  const world = new World(t);
  world.put(first);
  const watched = world.watch(t);
  world.put(second);
  while (world.used.length < 2) await world.clock.advance(2000);
  watched.close();
  assert.equal(world.clock.waiting, 0);
});

test('half a pair is waited for, and complained about when it stays alone; the pair before stays', async (t) => {
  const world = new World(t);
  world.put(first);
  const watched = world.watch(t);
  world.put({ cert: second.cert });
  await watched.look();
  assert.deepEqual(world.said(), []);
  await watched.look();
  assert.deepEqual(world.said(), ['warn key: it is not the key of the certificate']);
  await watched.look();
  assert.deepEqual([world.said(), world.used.length], [[], 1]);
  world.put({ key: second.key });
  await watched.look();
  assert.deepEqual(world.last, { ...pemOf(second), root: undefined });
  assert.deepEqual(world.said(), ['info ']);
});

test('a pair that arrives in two steps is taken without a complaint', async (t) => {
  const world = new World(t);
  world.put(first);
  const watched = world.watch(t);
  world.put({ key: second.key });
  await watched.look();
  world.put({ cert: second.cert });
  await watched.look();
  assert.deepEqual(world.last?.cert, pemOf(second).cert);
  assert.deepEqual(world.said(), ['info ']);
});

test('files that are missing, empty or half written leave the pair before in force', async (t) => {
  const world = new World(t);
  world.put(first);
  const watched = world.watch(t);
  const twice = async (): Promise<string[]> => {
    await watched.look();
    await watched.look();
    return world.said();
  };
  rmSync(world.path('key.pem'));
  assert.deepEqual(await twice(), [`warn key: ${world.path('key.pem')}: no such file`]);
  writeFileSync(world.path('key.pem'), '');
  assert.deepEqual(await twice(), ['warn key: there is no private key in it (PEM)']);
  world.put(first);
  writeFileSync(world.path('cert.pem'), pemOf(first).cert.slice(0, 100));
  assert.deepEqual(await twice(), ['warn cert: there is no certificate in it (PEM)']);
  writeFileSync(world.path('cert.pem'), pemOf(first).cert.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'));
  assert.deepEqual(await twice(), ['warn cert: a certificate in it cannot be read']);
  assert.equal(world.used.length, 1);
});

test('a folder that is swapped by its link, as Kubernetes does, is followed', async (t) => {
  const world = new World(t);
  for (const [name, pair] of Object.entries({ one: first, two: second })) {
    mkdirSync(world.path(name));
    copyFileSync(pair.cert, world.path(`${name}/cert.pem`));
    copyFileSync(pair.key, world.path(`${name}/key.pem`));
  }
  symlinkSync('one', world.path('data'));
  for (const file of ['cert.pem', 'key.pem']) symlinkSync(`data/${file}`, world.path(file));
  const watched = world.watch(t);
  symlinkSync('two', world.path('fresh'));
  renameSync(world.path('fresh'), world.path('data'));
  await watched.look();
  assert.deepEqual(world.last, { ...pemOf(second), root: undefined });
});

test('authorities of clients are watched, too', async (t) => {
  const world = new World(t);
  const other = new Authority('other.test');
  t.after(() => other.remove());
  world.put(first);
  copyFileSync(authority.root, world.path('root.pem'));
  const watched = world.watch(t, world.path('root.pem'));
  assert.equal(world.last?.root, authority.rootPem);
  writeFileSync(world.path('root.pem'), authority.rootPem + other.rootPem);
  await watched.look();
  assert.equal(world.last?.root, authority.rootPem + other.rootPem);
});

test('texts are taken as they are, and nothing is watched then', async (t) => {
  const world = new World(t);
  const watched = new WatchedCredentials({
    tls: testTls(pemOf(first)),
    listener: 'default',
    ports: { clock: world.clock, log: recordedLog(world.logged) },
    use: (credentials) => void world.used.push(credentials),
  });
  await watched.look();
  assert.deepEqual(world.used, [{ ...pemOf(first), root: undefined }]);
  assert.equal(world.clock.waiting, 0);
});

test('what cannot be used at the start is an error that names the key and never shows it', (t) => {
  const world = new World(t);
  const refused = (message: RegExp, root?: string): void =>
    assert.throws(() => world.watch(t, root), { code: 'CONFIG_INVALID', message });
  world.put({ cert: first.cert });
  refused(/^listener "default": tls\.key: .*key\.pem: no such file$/);
  world.put({ key: second.key });
  refused(/^listener "default": tls\.key: it is not the key of the certificate$/);
  writeFileSync(world.path('key.pem'), pemOf(first).cert);
  refused(/tls\.key: there is no private key in it/);
  world.put(first);
  writeFileSync(world.path('root.pem'), pemOf(first).key);
  refused(/tls\.root: there is no certificate in it/, world.path('root.pem'));
  writeFileSync(world.path('cert.pem'), pemOf(first).key);
  refused(/tls\.cert: there is no certificate in it/);
  assert.equal(world.clock.waiting, 0);
});

test('a key that is encrypted is called that', (t) => {
  const world = new World(t);
  world.put(first);
  authority.encrypt(first.key, world.path('key.pem'));
  assert.throws(() => world.watch(t), { message: /tls\.key: it is encrypted$/ });
});

test('a certificate that has expired is served, with a warning', (t) => {
  const world = new World(t);
  world.put(authority.issue('a.test', { days: -1 }));
  world.watch(t);
  assert.deepEqual(
    world.logged.map(({ level, message }) => [level, message]),
    [['warn', 'the certificate of a listener is not valid now']],
  );
});
