import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { containsCidr, containsIp, formatCidr, formatIp, masked, parseCidr, parseIp } from './ip.ts';

const ip = (text: string): Uint8Array => parseIp(text) ?? assert.fail(text);
const cidr = (text: string) => parseCidr(text) ?? assert.fail(text);

test('addresses are written in their canonical form', () => {
  const forms: Readonly<Record<string, string>> = {
    '10.1.2.3': '10.1.2.3',
    '::': '::',
    '::1': '::1',
    '2001:DB8:0:0:0:0:0:68': '2001:db8::68',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '1:0:0:2:0:0:0:3': '1:0:0:2::3',
    'fe80:0:0:0:0:0:0:0': 'fe80::',
    '::ffff:1.2.3.4': '::ffff:102:304',
  };
  for (const [text, canonical] of Object.entries(forms)) assert.equal(formatIp(ip(text)), canonical);
});

test('anything but an address is none', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4:80',
    '[::1]',
    'fe80::1%eth0',
    ':::',
    'x',
  ])
    assert.equal(parseIp(text), undefined, text);
  for (const text of [
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '::/129',
    '/8',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
  ])
    assert.equal(parseCidr(text), undefined, text);
});

test('networks contain what has their prefix', () => {
  assert.ok(containsIp(cidr('10.0.0.0/8'), ip('10.255.0.1')));
  assert.ok(!containsIp(cidr('10.0.0.0/8'), ip('11.0.0.1')));
  assert.ok(containsIp(cidr('10.0.0.128/25'), ip('10.0.0.255')));
  assert.ok(!containsIp(cidr('10.0.0.128/25'), ip('10.0.0.127')));
  assert.ok(containsIp(cidr('0.0.0.0/0'), ip('1.2.3.4')));
  assert.ok(!containsIp(cidr('0.0.0.0/0'), ip('::1')), 'families do not mix');
  assert.ok(containsCidr(cidr('127.0.0.1/8'), cidr('127.0.0.1/27')));
  assert.ok(!containsCidr(cidr('127.0.0.1/27'), cidr('127.0.0.1/8')));
  assert.equal(formatCidr(masked(cidr('127.0.7.1/8'))), '127.0.0.0/8');
  assert.equal(formatCidr(masked(cidr('2001:db8::1/33'))), '2001:db8::/33');
});

test('an address is the same after it was written and read', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(bytes, (address) => {
      const text = formatIp(address);
      assert.ok(isIP(text) > 0, text);
      assert.deepEqual(parseIp(text), address);
    }),
  );
});
