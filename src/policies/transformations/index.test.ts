import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asUser, policyBench } from '../../../test/fixtures/policy-parts.ts';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { HeaderMapping } from '../../core/outgoing.ts';
import { transformationsSchema } from './schema.ts';

function world(request: object) {
  const { build, ports } = policyBench('transformations');
  const mapping = build({ request }).mapping as HeaderMapping;
  return { mapping, ports };
}

function user(claims: Record<string, unknown> = {}): Exchange {
  const exchange = asUser(testExchange({ headers: { 'x-tenant': 'blue' } }), 'ann');
  exchange.identity = { principal: 'jwt:issuer|ann', jwt: { sub: 'ann', ...claims } };
  exchange.credentials = [{ kind: 'jwt', place: 'header authorization', value: 'raw.token.text' }];
  return exchange;
}

test('values come from who asks and what is asked', () => {
  const { mapping } = world({
    set: { 'X-User': 'jwt.sub', 'x-level': 'jwt.level', 'x-admin': '"admin" in jwt.groups' },
    add: { 'x-from': 'request.headers["x-tenant"] + "@" + source.address' },
    remove: ['Cookie', 'x-user'],
  });
  assert.deepEqual(mapping.names, ['x-user', 'x-level', 'x-admin', 'cookie']);
  assert.deepEqual(mapping.map(user({ level: 3, groups: ['admin'] })), [
    'x-user',
    'ann',
    'x-level',
    '3',
    'x-admin',
    'true',
    'x-from',
    'blue@127.0.0.1',
  ]);
});

test('a token is passed on only where the expression says that it may be seen', () => {
  assert.deepEqual(world({ set: { 'x-token': 'jwt.rawToken.unredacted()' } }).mapping.map(user()), [
    'x-token',
    'raw.token.text',
  ]);
  assert.throws(() => world({ set: { 'x-token': 'jwt.rawToken' } }).mapping.map(user()), /x-token/);
});

const SECRET = 's3cret-value';

test('a request that does not give a proper value is refused, and the value not told', () => {
  for (const [expression, exchange] of [
    ['jwt.team', user()],
    ['jwt.sub', testExchange({})],
    ['jwt.value', user({ value: null })],
    ['jwt.value', user({ value: '' })],
    ['jwt.value', user({ value: [SECRET] })],
    ['jwt.value', user({ value: { a: SECRET } })],
    ['jwt.value', user({ value: `${SECRET}\r\nx-admin: true` })],
    ['jwt.value', user({ value: `${SECRET}\nx` })],
    ['jwt.value', user({ value: `${SECRET}\u0000` })],
    ['jwt.value', user({ value: `${SECRET} ` })],
    ['jwt.value', user({ value: ` ${SECRET}` })],
    ['jwt.value', user({ value: `${SECRET}é` })],
    ['jwt.value', user({ value: SECRET.repeat(1000) })],
    ['int(jwt.value)', user({ value: SECRET })],
    ['request.headers["missing"]', user()],
  ] as const) {
    const { mapping, ports } = world({ set: { 'X-User': expression } });
    const refused = (error: unknown): boolean => {
      assert.ok(error instanceof GatewayError);
      assert.deepEqual([error.code, error.http], ['FORBIDDEN', 403]);
      assert.match(error.message, /"x-user"/);
      return true;
    };
    assert.throws(() => mapping.map(exchange), refused, expression);
    assert.throws(() => mapping.map(exchange), refused, expression);
    assert.deepEqual(
      ports.logged.map(({ level }) => level),
      ['warn', 'debug'],
      'once aloud',
    );
    assert.ok(!JSON.stringify(ports.logged).includes(SECRET), expression);
  }
});

test('the log says for whom, and for which server, a header cannot be made', () => {
  const { mapping, ports } = world({ set: { 'x-user': 'jwt.team' } });
  assert.throws(() => mapping.map(user(), 'billing'));
  const [{ fields } = { fields: {} }] = ports.logged;
  const { target, header, 'user.id': who } = fields as Record<string, unknown>;
  assert.deepEqual([target, who, header], ['billing', 'jwt:issuer|ann', 'x-user']);
});

test('one client never gets what was made for another', () => {
  const { mapping } = world({ set: { 'x-user': 'jwt.sub' } });
  const [ann, bob] = [user(), asUser(testExchange({}), 'bob')];
  for (let turn = 0; turn < 3; turn += 1) {
    assert.deepEqual(mapping.map(ann), ['x-user', 'ann']);
    assert.deepEqual(mapping.map(bob), ['x-user', 'bob']);
  }
});

test('expressions that cannot be read are mistakes with a place', () => {
  const { problems, build } = policyBench('transformations');
  const config = {
    request: { set: { a: 'jwt.sub', b: 'jwt.' }, add: { c: 'mcp.tool.name', d: 'request.body' } },
  };
  const found = problems(config);
  assert.deepEqual(
    found.map((problem) => problem.split(':')[0]),
    ['request.set.b', 'request.add.c', 'request.add.d'],
  );
  assert.match(found[2] ?? '', /streamed/);
  assert.throws(() => build(config), /transformations/);
});

test('headers of connections, of framing and of the protocol cannot be changed', () => {
  for (const name of [
    'Host',
    'content-length',
    'Connection',
    'TE',
    'transfer-encoding',
    'upgrade',
    'proxy-authorization',
    'Mcp-Session-Id',
    'mcp-protocol-version',
    'mcp-param-x',
    'accept',
    'content-type',
    'last-event-id',
    ':path',
    'a b',
    '',
    'x:y',
    'x\n',
  ])
    for (const request of [{ set: { [name]: '"a"' } }, { add: { [name]: '"a"' } }, { remove: [name] }])
      assert.throws(() => transformationsSchema.parse({ request }), JSON.stringify(request));
  for (const wrong of [
    {},
    { response: {} },
    { request: { body: '"a"' } },
    { request: { set: { a: '' } } },
    { request: { set: { a: '"1"', A: '"2"' } } },
  ])
    assert.throws(() => transformationsSchema.parse(wrong), JSON.stringify(wrong));
});
