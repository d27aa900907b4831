import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPrivateHost } from './private-host.ts';

test('addresses that are not on the Internet are private, however they are spelled', () => {
  const spelled = [
    'localhost',
    'db.localhost',
    'LOCALHOST.',
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.100.100.200',
    '0.0.0.0',
    '[::1]',
    '::',
    '[fd00:ec2::254]',
    'fe80::1',
    '[::ffff:10.0.0.1]',
    '[::ffff:a00:1]',
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b:1::7f00:1]',
    '[::7f00:1]',
    '[::ffff:0:7f00:1]',
    '[fec0::1]',
    '[2002:7f00:1::]',
    '[ff02::1]',
    '224.0.0.1',
    '255.255.255.255',
    'printer.local',
    'metadata.google.internal',
    'nas.home.arpa',
    'keycloak',
  ];
  for (const host of spelled) assert.equal(isPrivateHost(host), true, host);
  for (const url of ['http://2130706433/', 'http://0x7f.1/', 'http://0251.0376.0251.0376/'])
    assert.equal(isPrivateHost(new URL(url).hostname), true, url);
});

test('other addresses and names are not', () => {
  for (const host of [
    'example.com',
    'localhost.example.com',
    'internal.example.com',
    '172.32.0.1',
    '8.8.8.8',
    '[2606:4700::1111]',
    '[::ffff:8.8.8.8]',
    '',
  ])
    assert.equal(isPrivateHost(host), false, host);
});
