import assert from 'node:assert/strict';
import { rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../test/fixtures/child-host.ts';
import { description, PetApi } from '../../../test/fixtures/pet-api.ts';
import { settled, type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Scope } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Api } from './api.ts';
import { type DocumentReader, readDescription } from './reading.ts';
import { type DocumentSource, FileSource, inlineSource, UrlSource } from './source.ts';

const TEXT = JSON.stringify(description('3.1'));

/** A source whose texts are given one after the other; an error is thrown. */
function scripted(
  ...texts: (string | undefined | Error)[]
): DocumentSource & { reads: number; changed(): void } {
  const source = {
    place: 'a test',
    reads: 0,
    changed: () => {},
    async read() {
      source.reads += 1;
      const text = texts.shift();
      if (text instanceof Error) throw text;
      return text === undefined ? undefined : Buffer.from(text);
    },
    forget() {},
    watch(changed: () => void) {
      source.changed = changed;
    },
    close() {},
  };
  return source;
}

function apiOf(
  t: TestContext,
  source: DocumentSource,
  ports: TestPorts = testPorts(),
  reader: DocumentReader = { read: readDescription },
) {
  const tools = { style: 'grouped', selection: {}, outputSchemas: true } as const;
  const api = new Api({
    source,
    reader,
    ports,
    tools,
    base: undefined,
    externalReferences: true,
    authenticated: true,
  });
  t.after(() => api.close());
  return { api, ports };
}

/** Long enough for what was begun before on the file system. */
async function readsAgain(): Promise<void> {
  for (let times = 0; times < 20; times += 1) await stat('.');
}

const without = (path: string): string => {
  const { paths, ...rest } = description('3.1') as { paths: Record<string, object> };
  return JSON.stringify({
    ...rest,
    paths: Object.fromEntries(Object.entries(paths).filter(([name]) => name !== path)),
  });
};

test('a description is read once, whoever asks for it and however often', async (t) => {
  const source = scripted(TEXT);
  const { api } = apiOf(t, source);
  const [one, other] = await Promise.all([api.current(), api.current()]);
  assert.equal(one, other);
  assert.equal(await api.current(), one);
  assert.equal(source.reads, 1);
  assert.deepEqual(one.tools.size, JSON.parse(one.listing.toString()).tools.length);
});

test('it is looked at again at a certain age, and everybody hears of other tools', async (t) => {
  const source = scripted(TEXT, undefined, TEXT.replace('1.2.3', '1.2.4'), without('/large'));
  const { api, ports } = apiOf(t, source);
  let told = 0;
  api.watch(() => {
    told += 1;
  });
  const first = await api.renewed();
  assert.equal(source.reads, 1);
  for (const [changes, size] of [
    [0, 8],
    [0, 8],
    [1, 7],
  ] as const) {
    await ports.clock.advance(LIMITS.reconcile.value);
    assert.equal((await api.renewed()).tools.size, size);
    assert.equal(told, changes);
  }
  assert.equal(source.reads, 4);
  assert.equal(first.tools.size, 8);
});

test('the time that a description may take begins when it is its turn', async (t) => {
  const ports = testPorts();
  const turns: (() => void)[] = [];
  const failed: string[] = [];
  const readings: Promise<unknown>[] = [];
  for (const name of ['one', 'other']) {
    const { api } = apiOf(t, { ...scripted(TEXT), place: name }, ports, {
      read: (_, { cancel, begun }) =>
        new Promise((_resolve, reject) => {
          turns.push(() => begun?.());
          cancel.onCancel(reject);
        }),
    });
    readings.push(api.current().catch((error: Error) => failed.push(error.message)));
  }
  await settled();
  turns[0]?.();
  await ports.clock.advance(60_000);
  assert.deepEqual(failed, ['one was not read within 60000 ms']);
  turns[1]?.();
  await ports.clock.advance(59_000);
  assert.equal(failed.length, 1);
  await ports.clock.advance(1000);
  await Promise.all(readings);
  assert.equal(failed.length, 2);
});

test('a description that cannot be used is said with where it is, line and column', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'pets.yaml');
  await writeFile(file, 'openapi: 3.0.0\npaths: {\n');
  const { api, ports } = apiOf(t, new FileSource(file, { clock: testPorts().clock }));
  const message = /^.*pets\.yaml: the API description cannot be used: .* at line 3, column 1$/;
  await assert.rejects(api.current(), { code: 'CONFIG_INVALID', message });
  assert.equal(ports.logged.length, 0);
});

test('a description that is deleted is said once, and stays in force', async (t) => {
  const file = join(temporaryFolder(t), 'pets.json');
  await writeFile(file, TEXT);
  const ports = testPorts();
  const { api } = apiOf(t, new FileSource(file, ports), ports);
  const { tools } = await api.current();
  await rm(file);
  for (let looks = 0; looks < 3; looks += 1) {
    await ports.clock.advance(2000);
    await readsAgain();
  }
  const said = ports.logged.map(({ fields }) => JSON.stringify(fields));
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /there is no such file/);
  assert.equal((await api.current()).tools, tools);
});

test('what cannot be read later leaves the description in force, and is said once', async (t) => {
  const failure = new GatewayError('UPSTREAM_CONNECT', 'not there');
  const source = scripted(TEXT, failure, failure, '{"openapi":', without('/large'));
  const { api, ports } = apiOf(t, source);
  await api.current();
  for (const said of [1, 1, 2, 2]) {
    source.changed();
    await new Promise(setImmediate);
    assert.equal(ports.logged.filter(({ level }) => level === 'warn').length, said);
  }
  assert.equal((await api.current()).tools.size, 7);
});

test('a description that cannot be used says why to whoever asks, until it can', async (t) => {
  let text = '{}';
  const source: DocumentSource = {
    place: 'a test',
    read: async () => Buffer.from(text),
    forget() {},
    close() {},
  };
  const { api } = apiOf(t, source);
  await assert.rejects(api.current(), /neither "openapi" nor "swagger"/);
  await assert.rejects(api.current(), /neither "openapi" nor "swagger"/);
  text = TEXT;
  assert.equal((await api.current()).tools.size, 8);
});

test('a text of the configuration that cannot be used does not become usable by asking again', async (t) => {
  const { api } = apiOf(t, inlineSource('{}'));
  for (let round = 0; round < 2; round += 1) await assert.rejects(api.current(), /neither "openapi" nor/);
});

test('an end while it is being read ends the reading', async (t) => {
  const source: DocumentSource = {
    place: 'a test',
    read: (cancel) => new Promise((_, reject) => cancel.onCancel(reject)),
    forget() {},
    close() {},
  };
  const { api } = apiOf(t, source);
  const reading = api.current();
  api.close();
  await assert.rejects(reading, /no longer in use/);
  await assert.rejects(api.current(), /no longer in use/);
});

test('a URL is asked with what it said last, and 304 means that nothing has changed', async (t) => {
  const server = await PetApi.start();
  const scope = new Scope();
  t.after(() => scope.close());
  t.after(() => server.close());
  const lasting = {
    hold: <T extends { close(): void | Promise<void> }>(owner: Scope, _key: string, make: () => T): T =>
      owner.own(make()),
  };
  const source = new UrlSource(`${server.url}/openapi.json`, { lasting, scope, connectTimeoutMs: 5000 });
  server.description = TEXT;
  assert.equal(String(await source.read(new Cancel())), TEXT);
  assert.equal(await source.read(new Cancel()), undefined);
  server.description = without('/large');
  assert.equal(String(await source.read(new Cancel())), server.description);
  source.forget();
  assert.equal(String(await source.read(new Cancel())), server.description);
  const around = source.surroundings(new Cancel());
  assert.equal(await around.read(new URL('/openapi.json', server.url)), server.description);
  await assert.rejects(around.read(new URL('http://127.0.0.1:1/x')), /lies outside of/);
  await assert.rejects(around.read(new URL('file:///etc/passwd')), /lies outside of/);
  const gone = new UrlSource(`${server.url}/v1/pets/99`, { lasting, scope, connectTimeoutMs: 5000 });
  await assert.rejects(gone.read(new Cancel()), /answered with HTTP 404/);
});

test('a URL is not followed elsewhere, and what is too long is not read', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    else response.end(Buffer.alloc(LIMITS.apiDocument.value + 1, ' '));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const scope = new Scope();
  t.after(async () => {
    await scope.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const lasting = {
    hold: <T extends { close(): void | Promise<void> }>(owner: Scope, _key: string, make: () => T): T =>
      owner.own(make()),
  };
  const sourceAt = (path: string) => {
    const { port } = server.address() as AddressInfo;
    return new UrlSource(`http://127.0.0.1:${port}${path}`, { lasting, scope, connectTimeoutMs: 5000 });
  };
  await assert.rejects(sourceAt('/moved').read(new Cancel()), /\/moved answered with HTTP 302/);
  await assert.rejects(sourceAt('/long').read(new Cancel()), /\/long is not read: it is longer than 32 MiB/);
});

test('a file that is too long is not read', async (t) => {
  const file = join(temporaryFolder(t), 'api.json');
  await writeFile(file, '');
  await truncate(file, LIMITS.apiDocument.value + 1);
  const source = new FileSource(file, testPorts());
  await assert.rejects(source.read(), { code: 'CONFIG_INVALID', message: /longer than 32 MiB/ });
});

test('files beside a description are read from its folder and below, and looked at with it', async (t) => {
  const folder = temporaryFolder(t);
  const ports = testPorts();
  const source = new FileSource(join(folder, 'api.yaml'), ports);
  t.after(() => source.close());
  await assert.rejects(source.read(), /there is no such file/);
  await writeFile(join(folder, 'api.yaml'), 'one');
  await writeFile(join(folder, 'part.yaml'), 'part');
  assert.equal(String(await source.read()), 'one');
  assert.equal(await source.read(), undefined);
  const { base, read } = source.surroundings();
  assert.equal(await read(new URL('part.yaml', base)), 'part');
  assert.equal(await source.read(), undefined);
  for (const outside of ['../x.yaml', '/etc/hostname', 'http://127.0.0.1:1/x', 'gone.yaml'])
    await assert.rejects(read(new URL(outside, base)), GatewayError, outside);
  let changes = 0;
  const seen = new Promise<void>((resolve) => {
    source.watch(() => {
      changes += 1;
      resolve();
    });
  });
  await writeFile(join(folder, 'part.yaml'), 'another part');
  await ports.clock.advance(2000);
  await seen;
  assert.equal(String(await source.read()), 'one');
  assert.equal(changes, 1);
});
