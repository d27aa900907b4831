import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areOutside, parseHostPattern, type WebhookRules, webhookFault } from './webhook.ts';

const rules = (hosts: string[] = [], others: WebhookRules['others'] = 'public'): WebhookRules => ({
  hosts: hosts.flatMap((text) => parseHostPattern(text) ?? []),
  others,
});

test('hosts of the Internet are allowed', () => {
  for (const url of [
    'https://hooks.example.com/a?b=c#d',
    'http://hooks.example.com:8080',
    'https://8.8.8.8/',
    'https://[2606:4700::1]/x@y',
  ])
    assert.equal(webhookFault(url, rules()), undefined, url);
});

test('whatever lies in a network of one’s own is refused, in any spelling', () => {
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '[::ffff:7f00:1]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[64:ff9b::a00:1]',
    'localhost',
    'LOCALHOST.',
    'a.localhost',
    'metadata.google.internal',
    'printer.local',
    'redis',
    'redis.',
    '127%2e0.0.1',
  ])
    assert.notEqual(webhookFault(`http://${host}/`, rules()), undefined, host);
});

test('what parsers take for different hosts is refused', () => {
  for (const url of [
    'https://hooks.example.com\\@127.0.0.1/',
    'https://hooks.example.com@127.0.0.1/',
    'https://user@hooks.example.com/',
    'https://127.0.0.1:80@hooks.example.com/',
    'https://@hooks.example.com/',
    ' https://hooks.example.com/',
    'https://hooks.example.com/\n',
    'https://h\tooks.example.com/',
    'https://hooks。example.com/',
    'https:///127.0.0.1/',
    'https:127.0.0.1',
    '//hooks.example.com/',
    'hooks.example.com',
    'ftp://hooks.example.com/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_',
    '',
    '7',
  ])
    assert.notEqual(webhookFault(url, rules()), undefined, JSON.stringify(url));
});

test('hosts that are named are allowed, and with `none` no others', () => {
  const named = rules(['10.1.0.0/16', '*.corp.internal', 'Hooks.Local', '[::1]', '192.168.0.7']);
  for (const host of [
    '10.1.2.3',
    'a.corp.internal',
    'a.b.corp.internal',
    'hooks.local',
    '[::1]',
    '192.168.0.7',
  ])
    assert.equal(webhookFault(`http://${host}/`, named), undefined, host);
  for (const host of ['10.2.0.1', 'corp.internal', 'xcorp.internal', 'a.hooks.local', '192.168.0.8'])
    assert.notEqual(webhookFault(`http://${host}/`, named), undefined, host);
  const only = rules(['hooks.example.com'], 'none');
  assert.equal(webhookFault('https://hooks.example.com/', only), undefined);
  assert.notEqual(webhookFault('https://other.example.com/', only), undefined);
});

test('IPv4 within IPv6 is IPv4, in what is asked for and in what is named', () => {
  const named = rules(['10.1.0.0/16', '::ffff:10.2.0.0/112', '[::ffff:192.168.0.7]']);
  for (const host of [
    '[::ffff:10.1.2.3]',
    '[::ffff:a01:203]',
    '10.2.3.4',
    '[::ffff:10.2.3.4]',
    '192.168.0.7',
  ])
    assert.equal(webhookFault(`http://${host}/`, named), undefined, host);
  for (const host of ['[::ffff:10.3.0.1]', '10.3.0.1', '192.168.0.8'])
    assert.notEqual(webhookFault(`http://${host}/`, named), undefined, host);
  assert.equal(areOutside(['::ffff:10.1.2.3', '10.2.3.4'], named), true);
  assert.equal(parseHostPattern('::ffff:0:0/64'), undefined);
});

test('what is no host is no pattern', () => {
  for (const text of ['', '*', '*.', 'a..b', 'http://a', 'a/b', 'a:80', '10.0.0.0/33', '-', 'a b', '*a.b'])
    assert.equal(parseHostPattern(text), undefined, text);
});
