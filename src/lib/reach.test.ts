import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inner, mayLead, type Reach, reachOf } from './reach.ts';

const CASES: Readonly<Record<Reach, readonly string[]>> = {
  public: ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'],
  private: [
    '10.0.0.1',
    '172.16.9.9',
    '192.168.1.1',
    '100.64.0.1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
  ],
  loopback: ['127.0.0.1', '127.9.9.9', '::1', '[::1]', '::ffff:127.0.0.1'],
  never: [
    '0.0.0.0',
    '169.254.169.254',
    '168.63.129.16',
    '::ffff:168.63.129.16',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    'fd00:ec2::254',
    'fe80::1',
    'ff02::1',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    '2002:a9fe:a9fe::1',
    '2001::1',
    '192.0.2.1',
  ],
};

test('addresses reach as far as their registries say, whatever form they are written in', () => {
  for (const [reach, addresses] of Object.entries(CASES))
    for (const address of addresses) assert.equal(reachOf(address), reach, address);
  for (const none of ['example.com', '', '1.2.3', '0x7f.1', '127.1', '2130706433'])
    assert.equal(reachOf(none), undefined, none);
});

test('nobody leads further inside than where they are, and nobody to where no server is', () => {
  assert.ok(mayLead('public', 'public'));
  assert.ok(!mayLead('public', 'private'));
  assert.ok(!mayLead('private', 'loopback'));
  assert.ok(mayLead('private', 'public'));
  assert.ok(mayLead('loopback', 'private'));
  for (const from of ['public', 'private', 'loopback', 'never'] as const) assert.ok(!mayLead(from, 'never'));
  assert.equal(inner('public', 'loopback'), 'loopback');
  assert.equal(inner('private', 'public'), 'private');
});
