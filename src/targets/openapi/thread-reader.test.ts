import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { description } from '../../../test/fixtures/pet-api.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Surroundings } from '../../openapi/bundle.ts';
import { planAt, readDescription } from './reading.ts';
import { ThreadReader } from './thread-reader.ts';

const tools = { style: 'grouped', selection: {}, outputSchemas: true } as const;

function readerOf(t: TestContext, memory?: number) {
  const reader = new ThreadReader(memory);
  t.after(() => reader.close());
  return (text: string, surroundings?: Surroundings, cancel = new Cancel()) =>
    reader.read({ bytes: Buffer.from(text), tools, surroundings }, { cancel });
}

test('a thread reads what would be read here', async (t) => {
  const read = readerOf(t);
  for (const version of ['2.0', '3.1'] as const) {
    const text = JSON.stringify(description(version));
    const here = await readDescription({ bytes: Buffer.from(text), tools, surroundings: undefined });
    const there = await read(text);
    assert.deepEqual(JSON.parse(Buffer.from(there.listing).toString()), JSON.parse(String(here.listing)));
    assert.deepEqual(
      there.names.map((_, at) => planAt(there, at)),
      here.names.map((_, at) => planAt(here, at)),
    );
    assert.deepEqual([there.title, there.wanted, there.problems], [here.title, here.wanted, here.problems]);
  }
});

test('other files are read outside of the thread, and their refusal is its own', async (t) => {
  const read = readerOf(t);
  const whole = JSON.stringify(description('3.0'));
  const text = whole.replaceAll('#/components', 'parts.json#/components');
  const asked: string[] = [];
  const base = new URL('http://pets.example/api/openapi.json');
  const around: Surroundings = {
    base,
    read: async (address) => {
      asked.push(address.href);
      return whole;
    },
  };
  const { names } = await read(text, around);
  assert.deepEqual([names.length, asked], [8, ['http://pets.example/api/parts.json']]);
  const refusing: Surroundings = {
    base,
    read: () => Promise.reject(new GatewayError('UPSTREAM_STATUS', 'not for you')),
  };
  await assert.rejects(read(text, refusing), { code: 'UPSTREAM_STATUS', message: 'not for you' });
});

test('descriptions are read one at a time; one that is no longer wanted, or bad, holds up no other', async (t) => {
  const read = readerOf(t);
  const unwanted = new Cancel();
  const waiting = [
    read('{}'),
    read(JSON.stringify(description('3.1')), undefined, unwanted),
    read(JSON.stringify(description('3.1'))),
  ] as const;
  const given = assert.rejects(waiting[1], /never mind/);
  unwanted.cancel(new GatewayError('CANCELLED', 'never mind'));
  await assert.rejects(waiting[0], { code: 'CONFIG_INVALID', message: /neither "openapi" nor "swagger"/ });
  await given;
  assert.equal((await waiting[2]).names.length, 8);
});

test('each is told when its turn has come, which those before it do not count towards', async (t) => {
  const reader = new ThreadReader();
  t.after(() => reader.close());
  const bytes = Buffer.from(JSON.stringify(description('3.1')));
  const cancel = new Cancel();
  const said: string[] = [];
  let release = (): void => {};
  const held = new Promise<string>((resolve) => {
    release = () => resolve('{}');
  });
  const asked = new Promise<void>((resolve) => {
    const slow: Surroundings = {
      base: new URL('file:///api.json'),
      read: () => {
        resolve();
        return held;
      },
    };
    const text = JSON.stringify(description('3.0')).replaceAll('#/components', 'parts.json#/components');
    const begun = (): void => void said.push('one');
    reader.read({ bytes: Buffer.from(text), tools, surroundings: slow }, { cancel, begun }).catch(() => {});
  });
  await asked;
  const begun = (): void => void said.push('other');
  const other = reader.read({ bytes, tools, surroundings: undefined }, { cancel: new Cancel(), begun });
  const impatient = new Cancel();
  const waiting = reader.read({ bytes, tools, surroundings: undefined }, { cancel: impatient });
  impatient.cancel(new GatewayError('CANCELLED', 'never mind'));
  await assert.rejects(waiting, /never mind/);
  assert.deepEqual(said, ['one']);
  release();
  assert.equal((await other).names.length, 8);
  assert.deepEqual(said, ['one', 'other']);
});

test('a reading that would never end ends when nobody waits for it', async (t) => {
  const read = readerOf(t);
  const cancel = new Cancel();
  const never: Surroundings = {
    base: new URL('file:///api.json'),
    read: () => {
      cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', 'too late'));
      return new Promise(() => {});
    },
  };
  await assert.rejects(
    read('{"openapi":"3.1.0","paths":{"/a":{"$ref":"b.json"}}}', never, cancel),
    /too late/,
  );
  assert.equal((await read(JSON.stringify(description('3.1')))).names.length, 8);
});

test('after the end nothing is read', async () => {
  const reader = new ThreadReader();
  const task = { bytes: Buffer.from(JSON.stringify(description('3.1'))), tools, surroundings: undefined };
  const reading = reader.read(task, { cancel: new Cancel() });
  reader.close();
  await assert.rejects(reading, { code: 'SHUTTING_DOWN' });
  await assert.rejects(reader.read(task, { cancel: new Cancel() }), { code: 'SHUTTING_DOWN' });
});

test('what the tools of one description write out is bounded together', async (t) => {
  const read = readerOf(t);
  // Each operation writes out the same long text, and none of them is too large by itself.
  const schema = { type: 'string', enum: Array.from({ length: 70 }, (_, at) => `${at}${'x'.repeat(1500)}`) };
  const parameters = [{ name: 'a', in: 'query', schema: { $ref: '#/components/schemas/S' } }];
  const get = { parameters, responses: {} };
  const paths = Object.fromEntries(
    Array.from({ length: LIMITS.apiOperations.value }, (_, at) => [`/p${at}`, { get }]),
  );
  const text = JSON.stringify({ openapi: '3.1.0', paths, components: { schemas: { S: schema } } });
  const { names, problems, listing } = await read(text);
  assert.ok(names.length > 100 && names.length < LIMITS.apiOperations.value, String(names.length));
  assert.match(problems[0]?.message ?? '', /as many as there can be/);
  assert.ok(listing.length < LIMITS.catalogueBytes.value);
});

test('a description that takes too much memory ends its thread, and says so', async (t) => {
  const read = readerOf(t, 16 * 1024 ** 2);
  const paths = Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`/p${at}`, { get: {} }]));
  await assert.rejects(read(JSON.stringify({ openapi: '3.1.0', paths })), {
    code: 'CONFIG_INVALID',
    message: /to read it takes more than 16 MiB of memory/,
  });
  assert.equal((await read(JSON.stringify(description('3.1')))).names.length, 8);
});
