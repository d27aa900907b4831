import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AllowList, type Destination, patternProblem } from './allow-list.ts';
import { parseAuthority } from './authority.ts';
import { parseIp } from './ip.ts';

const destination = (text: string): Destination => {
  const { host, port = 443, address } = parseAuthority(text) ?? assert.fail(text);
  return { host, port, address, usual: [80, 443] };
};

/** Whether `allow` lets a client be led to a place whose name leads to `found`. */
function leads(allow: readonly string[] | undefined, place: string, found = '93.184.216.34'): boolean {
  const list = new AllowList(allow);
  const to = destination(place);
  const address = to.address ?? parseIp(found) ?? assert.fail(found);
  const permitted = list.permits(to, address);
  if (permitted) assert.ok(list.admits(to), `${place} is refused before it is resolved`);
  return permitted;
}

describe('without patterns', () => {
  test('names that lead to public addresses may be gone to, on the usual ports', () => {
    assert.ok(leads(undefined, 'api.example.com'));
    assert.ok(leads(undefined, 'api.example.com:80'));
    assert.ok(leads(undefined, '93.184.216.34'));
    assert.ok(leads(undefined, '[2606:4700::1111]'));
    for (const place of ['api.example.com:22', '93.184.216.34:8080', 'api.example.com:25'])
      assert.ok(!leads(undefined, place), place);
  });

  test('nothing that is not public may be, be it an address or what a name leads to', () => {
    const inside = [
      '127.0.0.1',
      '127.255.0.1',
      '10.1.2.3',
      '172.16.0.1',
      '192.168.1.1',
      '100.64.0.1',
      '169.254.169.254',
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
      '::1',
      '::',
      'fe80::1',
      'fd00:ec2::254',
      'fc00::1',
      'ff02::1',
      '::ffff:10.0.0.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
    ];
    for (const address of inside) {
      assert.ok(!leads(undefined, address.includes(':') ? `[${address}]` : address), address);
      assert.ok(!leads(undefined, 'rebound.example.com', address), address);
      assert.ok(!leads(['*', 'rebound.example.com'], 'rebound.example.com', address), address);
    }
  });
});

describe('a pattern', () => {
  test('that is a name lets through that name alone', () => {
    const allow = ['api.github.com', 'Other.Example.'];
    assert.ok(leads(allow, 'API.github.com.'));
    assert.ok(leads(allow, 'other.example'));
    for (const place of [
      'github.com',
      'x.api.github.com',
      'api.github.com.evil.example',
      'api.github.com:22',
    ])
      assert.ok(!leads(allow, place), place);
  });

  test('with a star lets through what lies below, and no addresses', () => {
    const allow = ['*.example.com'];
    assert.ok(leads(allow, 'a.example.com'));
    assert.ok(leads(allow, 'a.b.example.com'));
    for (const place of ['example.com', 'aexample.com', 'example.com.evil.example'])
      assert.ok(!leads(allow, place), place);
  });

  test('with a port is for that port alone, and with a star for all', () => {
    assert.ok(leads(['git.example:22'], 'git.example:22'));
    assert.ok(!leads(['git.example:22'], 'git.example'));
    assert.ok(leads(['git.example:*'], 'git.example:9418'));
    assert.ok(leads(['*:8443'], 'anything.example:8443'));
    assert.ok(!leads(['*:8443'], 'anything.example', '10.0.0.1'));
    assert.ok(!leads(['*:*'], 'anything.example:8443', '10.0.0.1'));
  });

  test('that is a network lets through what lies in it, whatever its name', () => {
    assert.ok(leads(['10.0.0.0/8'], '10.1.2.3'));
    assert.ok(leads(['10.0.0.0/8'], 'db.corp', '10.1.2.3'));
    assert.ok(!leads(['10.0.0.0/8'], 'db.corp', '11.1.2.3'));
    assert.ok(!leads(['10.0.0.0/8'], '10.1.2.3:5432'));
    assert.ok(leads(['10.0.0.0/8:5432'], '10.1.2.3:5432'));
    assert.ok(leads(['127.0.0.1:9000'], '[::ffff:127.0.0.1]:9000'));
    assert.ok(leads(['::1'], '[::1]'));
    assert.ok(leads(['[::1]:9000'], '[::1]:9000'));
    assert.ok(leads(['[fd00::/8]:9000'], '[fd12::1]:9000'));
    assert.ok(leads(['::ffff:10.0.0.0/104'], '10.1.2.3'));
    assert.ok(leads(['169.254.169.254'], '169.254.169.254'));
  });

  test('that is a name leads to an address that is not public where another names that address', () => {
    const allow = ['registry.corp:5000', '10.0.0.0/8'];
    assert.ok(leads(allow, 'registry.corp:5000', '10.2.0.9'));
    assert.ok(!leads(allow, 'other.corp:5000', '10.2.0.9'));
    assert.ok(!leads(allow, 'registry.corp:5000', '192.168.0.9'));
    assert.ok(!leads(allow, '10.2.0.9:5000'));
  });

  test('that is a network with a port is for that port alone, however wide the names beside it are', () => {
    const allow = ['*', '10.0.0.5:5432'];
    assert.ok(leads(allow, '10.0.0.5:5432'));
    assert.ok(leads(allow, 'db.corp:5432', '10.0.0.5'));
    for (const place of ['10.0.0.5:80', '10.0.0.5:443', '10.0.0.5:22'])
      assert.ok(!leads(allow, place), place);
    for (const place of ['evil.example:80', 'evil.example'])
      assert.ok(!leads(allow, place, '10.0.0.5'), place);
    assert.ok(!leads(['localhost:*', '127.0.0.1:9101'], 'localhost:9102', '127.0.0.1'));
    assert.ok(leads(['localhost:*', '127.0.0.1:9101'], 'localhost:9101', '127.0.0.1'));
    assert.ok(leads(['localhost:*', '127.0.0.1'], 'localhost:9102', '127.0.0.1'));
    assert.ok(!leads(['localhost:*', '127.0.0.1'], '127.0.0.1:9102'));
  });

  test('that is every name takes none of them to a network on ports which that does not have', () => {
    assert.ok(!leads(['*:*', '10.0.0.0/8'], 'evil.example:22', '10.2.0.9'));
    assert.ok(!leads(['*:*', '10.0.0.0/8'], '10.2.0.9:22'));
    assert.ok(leads(['*:*', '10.0.0.0/8'], 'evil.example:22'));
    assert.ok(leads(['*.corp:*', '10.0.0.0/8'], 'git.corp:22', '10.2.0.9'));
  });
});

test('patterns that mean nothing, or too much, say so', () => {
  for (const text of [
    '*',
    '*:*',
    'a.example',
    '*.a.example:80',
    '10.0.0.0/8',
    'fc00::/7',
    '1.2.3.4:5',
    '[::1]:5',
  ])
    assert.equal(patternProblem(text), undefined, text);
  assert.match(patternProblem('0.0.0.0/0') ?? '', /public and private/);
  assert.match(patternProblem('::/0') ?? '', /public and private/);
  assert.match(patternProblem('a.example:0') ?? '', /1 to 65535/);
  assert.match(patternProblem('a.example:70000') ?? '', /1 to 65535/);
  for (const text of [
    '',
    'https://a.example',
    'a.*.example',
    '*a.example',
    'a.example/x',
    '10.0.0.0/33',
    'fd00::/8:80',
    'u@a',
    '*.10.0.0.1',
    '*.',
  ])
    assert.match(patternProblem(text) ?? '', /expected a host/, text);
});
