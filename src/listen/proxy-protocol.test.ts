import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ProxyReading, readProxyProtocol } from './proxy-protocol.ts';

const LIMIT = 4096;
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

const read = (bytes: Buffer | string, version: 'v1' | 'v2' | 'all' = 'all'): ProxyReading =>
  readProxyProtocol(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, version, LIMIT);

/** A header of version 2: command and family as bytes, then all that follows the length. */
function v2(command: number, family: number, block: Buffer, length = block.length): Buffer {
  const head = Buffer.from([command, family, length >> 8, length & 255]);
  return Buffer.concat([SIGNATURE, head, block]);
}

const IPV4 = Buffer.from('c0000201c6336401303901bb', 'hex');
const IPV6 = Buffer.from(`${'20010db8'.padEnd(31, '0')}1${'20010db8'.padEnd(31, '0')}2303901bb`, 'hex');
const field = (type: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);

const between = (client: string, local: string) => ({
  client: { address: client, port: 12345 },
  local: { address: local, port: 443 },
});

describe('version 1', () => {
  test('names both ends, over IPv4 and over IPv6', () => {
    for (const [line, addresses] of [
      ['PROXY TCP4 192.0.2.1 198.51.100.1 12345 443\r\n', between('192.0.2.1', '198.51.100.1')],
      ['PROXY TCP6 2001:DB8:0::1 2001:db8::2 12345 443\r\n', between('2001:db8::1', '2001:db8::2')],
      ['PROXY TCP6 ::ffff:10.0.0.1 ::ffff:10.0.0.2 12345 443\r\n', between('10.0.0.1', '10.0.0.2')],
    ] as const)
      assert.deepEqual(read(`${line}GET /`), { kind: 'header', length: line.length, addresses });
  });

  test('may not know them; whatever stands in the line then', () => {
    for (const line of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff:: 1 2 3 4 5\r\n'])
      assert.deepEqual(read(`${line}x`), { kind: 'header', length: line.length, addresses: undefined });
  });

  test('that makes no sense is refused', () => {
    for (const line of [
      'PROXY TCP4 192.0.2.1 198.51.100.1 12345\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 12345 443 1\r\n',
      'PROXY TCP4  192.0.2.1 198.51.100.1 12345 443\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 12345 443 \r\n',
      'PROXY TCP4 192.0.2.01 198.51.100.1 12345 443\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 012345 443\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n',
      'PROXY TCP4 192.0.2.1 2001:db8::1 1 443\r\n',
      'PROXY TCP4 2001:db8::1 2001:db8::1 1 443\r\n',
      'PROXY TCP6 192.0.2.1 192.0.2.2 1 443\r\n',
      'PROXY TCP6 fe80::1%eth0 fe80::2 1 443\r\n',
      'PROXY TCP4 localhost localhost 1 443\r\n',
      'PROXY UDP4 192.0.2.1 198.51.100.1 1 443\r\n',
      'PROXY tcp4 192.0.2.1 198.51.100.1 1 443\r\n',
      'PROXY TCP4 192.0.2.1\n 198.51.100.1 1 443\r\n',
      'PROXY \r\n',
      `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
      `PROXY UNKNOWN ${'x'.repeat(500)}`,
    ])
      assert.equal(read(line).kind, 'invalid', JSON.stringify(line));
    assert.equal(read(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`).kind, 'header', '107 bytes');
  });
});

describe('version 2', () => {
  test('names both ends, over IPv4 and over IPv6, whatever fields follow', () => {
    const fields = Buffer.concat([
      field(1, Buffer.from('h2')),
      field(4, Buffer.alloc(9)),
      field(0xee, Buffer.alloc(0)),
    ]);
    for (const [family, block, addresses] of [
      [0x11, IPV4, between('192.0.2.1', '198.51.100.1')],
      [0x21, IPV6, between('2001:db8::1', '2001:db8::2')],
    ] as const)
      for (const more of [Buffer.alloc(0), fields]) {
        const header = v2(0x21, family, Buffer.concat([block, more]));
        const reading = read(Buffer.concat([header, Buffer.from('GET /')]));
        assert.deepEqual(reading, { kind: 'header', length: header.length, addresses });
      }
  });

  test('says nothing of the client where it is about the load balancer itself, a Unix socket or nothing known', () => {
    for (const header of [
      v2(0x20, 0x00, Buffer.alloc(0)),
      v2(0x20, 0x11, IPV4),
      v2(0x20, 0x99, Buffer.alloc(7)),
      v2(0x21, 0x00, Buffer.alloc(0)),
      v2(0x21, 0x00, Buffer.alloc(5)),
      v2(0x21, 0x31, Buffer.alloc(216)),
    ])
      assert.deepEqual(read(header), { kind: 'header', length: header.length, addresses: undefined });
  });

  test('that makes no sense is refused', () => {
    for (const [header, reason] of [
      [v2(0x22, 0x11, IPV4), /version or command/],
      [v2(0x11, 0x11, IPV4), /version or command/],
      [v2(0x01, 0x11, IPV4), /version or command/],
      [v2(0x21, 0x12, IPV4), /family or transport/],
      [v2(0x21, 0x10, IPV4), /family or transport/],
      [v2(0x21, 0x01, IPV4), /family or transport/],
      [v2(0x21, 0x41, IPV4), /family or transport/],
      [v2(0x21, 0x11, IPV4.subarray(1)), /cut short/],
      [v2(0x21, 0x21, IPV4), /cut short/],
      [v2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([1, 0])])), /fields/],
      [v2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([1, 0, 9, 1])])), /fields/],
      [v2(0x21, 0x11, Buffer.alloc(0), 65_535), /more than 4096/],
    ] as const) {
      const reading = read(header);
      assert.equal(reading.kind, 'invalid', header.toString('hex'));
      assert.match('reason' in reading ? reading.reason : '', reason);
    }
  });
});

test('one version alone is taken where only that one is meant', () => {
  const one = 'PROXY UNKNOWN\r\n';
  const two = v2(0x20, 0, Buffer.alloc(0));
  assert.deepEqual([read(one, 'v1').kind, read(one, 'v2').kind], ['header', 'invalid']);
  assert.deepEqual([read(two, 'v1').kind, read(two, 'v2').kind], ['invalid', 'header']);
});

test('what begins otherwise is no header, from the first byte that differs', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'PUT / HTTP/1.1\r\n',
    'PRI * HTTP/2.0',
    'PROX\r\n',
    '\r\nGET',
    '\x16\x03\x01',
  ])
    assert.deepEqual(read(text), { kind: 'none' }, JSON.stringify(text));
  for (const text of ['P', 'PROXY', '\r', '\r\n\r\n\0']) assert.equal(read(text).kind, 'more');
});

const whole = fc.oneof(
  fc.constantFrom('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'PROXY UNKNOWN\r\n').map((text) => Buffer.from(text)),
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 5 })
    .map((fields) =>
      v2(
        0x21,
        0x11,
        Buffer.concat([IPV4, ...fields.map(([type, value]) => field(type, Buffer.from(value)))]),
      ),
    ),
);

test('a header is read the same however it is cut into pieces, and asks for no byte behind it', () => {
  const property = fc.property(whole, fc.uint8Array({ maxLength: 20 }), (header, rest) => {
    const expected = read(header);
    assert.deepEqual([expected.kind, 'length' in expected && expected.length], ['header', header.length]);
    assert.deepEqual(read(Buffer.concat([header, rest])), expected);
    for (let size = 0, need = 1; size < header.length; size += 1) {
      if (size < need) continue;
      const reading = read(header.subarray(0, size));
      assert.equal(reading.kind, 'more');
      if (reading.kind !== 'more') return;
      assert.ok(reading.need > size && reading.need <= header.length, 'it needs what is still to come');
      need = reading.need;
    }
  });
  fc.assert(property, { seed: 20, numRuns: 300 });
});

test('whatever comes, something is made of it: never more than there is, never an address that is none', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([SIGNATURE, Buffer.from(bytes)])),
    fc
      .uint8Array({ maxLength: 120 })
      .map((bytes) => Buffer.concat([Buffer.from('PROXY '), Buffer.from(bytes)])),
    fc.tuple(whole, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([header, at, byte]) => {
      const changed = Buffer.from(header);
      changed[at % header.length] = byte;
      return changed;
    }),
  );
  const property = fc.property(noise, (bytes) => {
    const reading = read(bytes);
    if (reading.kind === 'more') assert.ok(reading.need > bytes.length);
    if (reading.kind !== 'header') return;
    assert.ok(reading.length <= bytes.length && reading.length > 0);
    for (const { address, port } of Object.values(reading.addresses ?? {})) {
      assert.match(address, /^[0-9a-f.:]+$/);
      assert.ok(port >= 0 && port <= 65_535);
    }
  });
  fc.assert(property, { seed: 21, numRuns: 5000 });
});
