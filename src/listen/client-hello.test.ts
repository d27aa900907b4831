import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { helloFor } from '../../test/fixtures/tls-client.ts';
import { readClientHello } from './client-hello.ts';

const LIMIT = 16 * 1024;
let real: Buffer;

before(async () => {
  real = await helloFor('Host.Example');
});

/** A hello with these extensions, each a type and its data. */
function hello(
  extensions: readonly (readonly [number, Buffer])[] | undefined,
  after = Buffer.alloc(0),
): Buffer {
  const blocks = extensions?.map(([type, data]) => Buffer.concat([u16(type), u16(data.length), data]));
  const all = blocks && Buffer.concat(blocks);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    Buffer.from([0, 2, 0x13, 1]),
    Buffer.from([1, 0]),
    ...(all ? [u16(all.length), all] : []),
    after,
  ]);
  return record(Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]));
}

function record(fragment: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x16, 3, 1]), u16(fragment.length), fragment]);
}

function serverName(name: string, type = 0): [number, Buffer] {
  const entry = Buffer.concat([Buffer.from([type]), u16(name.length), Buffer.from(name, 'latin1')]);
  return [0, Buffer.concat([u16(entry.length), entry])];
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

const named = (name: string | undefined) => ({ kind: 'hello', serverName: name });

test('a hello says which name is asked for, in lower case', () => {
  assert.deepEqual(readClientHello(real, LIMIT), named('host.example'));
  assert.deepEqual(readClientHello(hello([serverName('a.Test.')]), LIMIT), named('a.test'));
});

test('a hello without a name, or without any extension, asks for none', async () => {
  assert.deepEqual(readClientHello(await helloFor(undefined), LIMIT), named(undefined));
  assert.deepEqual(readClientHello(hello([]), LIMIT), named(undefined));
  assert.deepEqual(readClientHello(hello(undefined), LIMIT), named(undefined));
});

test('a hello that is cut anywhere is not complete, and never needs less than there is', () => {
  for (let length = 0; length < real.length; length += 1) {
    const reading = readClientHello(real.subarray(0, length), LIMIT);
    assert.equal(reading.kind, 'more', `after ${length} bytes`);
    if (reading.kind === 'more') assert.ok(reading.need > length && reading.need <= real.length);
  }
});

test('a hello in several records is one hello', () => {
  const message = real.subarray(5);
  for (const size of [1, 3, 100]) {
    const records: Buffer[] = [];
    for (let at = 0; at < message.length; at += size) records.push(record(message.subarray(at, at + size)));
    assert.deepEqual(
      readClientHello(Buffer.concat(records), LIMIT),
      named('host.example'),
      `of ${size} bytes`,
    );
    assert.equal(readClientHello(Buffer.concat(records.slice(0, -1)), LIMIT).kind, 'more');
  }
});

test('bytes after the hello do not matter', () => {
  assert.deepEqual(readClientHello(Buffer.concat([real, Buffer.from('more')]), LIMIT), named('host.example'));
});

test('what two readers could read differently is refused', () => {
  const one = serverName('a.test');
  const longer: [number, Buffer] = [0, Buffer.concat([one[1], Buffer.from([0])])];
  const two: [number, Buffer] = [
    0,
    Buffer.concat([u16(2 * (one[1].length - 2)), one[1].subarray(2), serverName('b.test')[1].subarray(2)]),
  ];
  const overlong = hello([[51, Buffer.alloc(3)]]);
  const wrong = {
    'two extensions with a name': hello([one, serverName('b.test')]),
    'any other extension twice': hello([[51, Buffer.alloc(0)], one, [51, Buffer.alloc(0)]]),
    'two names in one': hello([two]),
    'bytes after the name': hello([longer]),
    'bytes after the extensions': hello([one], Buffer.from([0])),
    'a name of another type': hello([serverName('a.test', 1)]),
    'an empty name': hello([serverName('')]),
    'a name with a zero': hello([serverName('a.test\0.evil.test')]),
    'an extension that is longer than all of them': Buffer.concat([
      overlong.subarray(0, -5),
      u16(4),
      Buffer.alloc(3),
    ]),
    'another message': record(Buffer.from([2, 0, 0, 1, 0])),
    'another record inside': Buffer.concat([
      record(real.subarray(5, 20)),
      Buffer.from([0x15, 3, 1, 0, 2, 1, 0]),
    ]),
    'an empty record': Buffer.from([0x16, 3, 1, 0, 0]),
    'a record beyond what TLS has': Buffer.from([0x16, 3, 1, 0x40, 1]),
    'another protocol': Buffer.from([0x16, 2, 1, 0, 5]),
  };
  for (const [what, bytes] of Object.entries(wrong))
    assert.equal(readClientHello(bytes, LIMIT).kind, 'invalid', what);
});

test('a hello beyond the limit is refused as soon as its size is known', () => {
  const beginning = record(Buffer.from([1, 1, 0, 0]));
  assert.deepEqual(readClientHello(beginning, LIMIT), {
    kind: 'invalid',
    reason: `a hello of more than ${LIMIT} bytes`,
  });
});
