import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expr } from '../../../test/fixtures/expressions.ts';
import { asUser, policyBench } from '../../../test/fixtures/policy-parts.ts';
import { type ExchangeScript, replyOf, testExchange } from '../../../test/fixtures/test-exchange.ts';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange, Reply } from '../../core/exchange.ts';
import type { HeaderMapping } from '../../core/outgoing.ts';
import type { PolicyDeps } from '../../core/policy.ts';
import { Flow } from '../../lib/flow.ts';
import { transformations } from './index.ts';
import { targetSchema, transformationsSchema } from './schema.ts';

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
  const config = { request: { set: { a: 'jwt.sub', b: 'jwt.' }, add: { c: 'mcp.tool.name' } } };
  const found = problems(config);
  assert.deepEqual(
    found.map((problem) => problem.split(':')[0]),
    ['request.set.b', 'request.add.c'],
  );
  assert.throws(() => build(config), /transformations/);
});

test('before MCP servers no body is read', () => {
  const config = { request: { set: { a: 'string(request.body)' } } };
  const { build, problems } = policyBench('transformations');
  const [problem] = problems(config, 'target');
  assert.match(problem ?? '', /^request\.set\.a: .*streamed/);
  assert.throws(() => build(config, { route: { backends: ['mcp'] } }), /bodies cannot be read/);
});

test('towards an MCP server headers of connections, of framing and of the protocol cannot be changed', () => {
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
      assert.throws(() => targetSchema.parse({ request }), JSON.stringify(request));
  for (const wrong of [{ response: {} }, { request: { body: '"a"' } }])
    assert.throws(() => targetSchema.parse(wrong), JSON.stringify(wrong));
  for (const wrong of [{}, { request: { set: { a: '' } } }, { request: { set: { a: '"1"', A: '"2"' } } }])
    for (const schema of [targetSchema, transformationsSchema])
      assert.throws(() => schema.parse(wrong), JSON.stringify(wrong));
});

describe('a layer', () => {
  const reply = (text = '{"id": 1}', headers: readonly string[] = ['x-old', '1']): Reply => ({
    status: 200,
    headers,
    body: Flow.of(text),
  });
  async function through(config: object, script: ExchangeScript = {}, answer: Answer = reply()) {
    const { build, ports } = policyBench('transformations');
    const layer = build(config).exchange ?? assert.fail('no layer');
    const seen: Exchange[] = [];
    const exchange = testExchange(script);
    const serve = layer(async (one) => {
      seen.push(one);
      return answer;
    });
    return { answered: serve(exchange), seen, exchange, ports };
  }

  test('puts what is rewritten beside what came', async () => {
    const set = { ':path': '"/x"', ':method': '"PUT"', ':authority': 'request.host' };
    const body = 'string(request.body) + "!"';
    const script = { method: 'POST', path: '/a', query: 'q=1', body: 'text' };
    const { answered, seen } = await through({ request: { set, body } }, script);
    await answered;
    const [one] = seen;
    const { outbound } = one as Exchange;
    assert.deepEqual([one?.url, one?.method, String(await one?.body.read(10))], ['/a?q=1', 'POST', 'text']);
    assert.deepEqual(
      { ...outbound, body: String(outbound?.body) },
      {
        url: '/x',
        method: 'PUT',
        host: 'localhost',
        body: 'text!',
      },
    );
  });

  test('refuses what is no method, path or authority', async () => {
    for (const [name, value] of [
      [':method', 'A B'],
      [':method', 'CONNECT'],
      [':method', 'HEAD'],
      [':path', '/a/../b'],
      [':path', '/a?b c'],
      [':path', '/a?b#c'],
      [':path', 'http://evil.example/'],
      [':authority', 'a/b'],
      [':authority', 'a\r\nx-b: c'],
      [':authority', ''],
    ] as const) {
      const set = { [name]: 'request.headers["x-value"]' };
      const { answered, seen } = await through({ request: { set } }, { headers: { 'x-value': value } });
      await assert.rejects(answered, { code: 'EXPRESSION_FAILED' }, `${name} ${value}`);
      assert.deepEqual(seen, []);
    }
  });

  test('reads no body that no expression reads', async () => {
    const { answered, seen, exchange } = await through({
      request: { set: { ':path': '"/x"', 'x-a': 'request.path' } },
      response: { set: { 'x-b': 'string(response.code)' }, remove: ['X-Old'] },
    });
    const body = new Flow();
    assert.equal(seen[0], exchange);
    assert.deepEqual((await answered).headers, ['x-b', '200']);
    const streaming = await through({ response: { set: { 'x-b': '"1"' } } }, {}, { ...reply(), body });
    assert.equal(replyOf(await streaming.answered).body, body);
  });

  test('leaves a reply that cannot be made to nobody', async () => {
    const told: string[] = [];
    const source = { pause() {}, resume() {}, cancel: (reason: Error) => void told.push(reason.message) };
    const { answered } = await through(
      { response: { set: { 'x-a': 'jwt.sub' } } },
      {},
      {
        ...reply(),
        body: new Flow(source),
      },
    );
    await assert.rejects(answered, { code: 'EXPRESSION_FAILED' });
    assert.equal(told.length, 1, 'the upstream learns that nobody reads it');
  });

  test('makes no other status than a final one', async () => {
    for (const status of ['"100"', '600', '"abc"', '200.5']) {
      const { answered } = await through({ response: { set: { ':status': status } } });
      await assert.rejects(answered, { code: 'EXPRESSION_FAILED' }, status);
    }
    assert.equal((await (await through({ response: { set: { ':status': '404' } } })).answered).status, 404);
  });

  test('changes of a tunnel, of a stream and of a reply to HEAD no body', async () => {
    const config = { response: { set: { 'x-a': '"1"', 'x-b': 'string(response.body)' }, body: '"b"' } };
    const tunnel: Answer = { status: 101, headers: [], attach() {} };
    assert.deepEqual(await (await through(config, {}, tunnel)).answered, {
      ...tunnel,
      headers: ['x-a', '1'],
    });
    const events = reply('data: 1', ['content-type', 'text/event-stream']);
    const made = replyOf(await (await through(config, {}, events)).answered);
    assert.equal(made.body, events.body);
    const sized = reply('', ['content-length', '9', 'etag', '"1"']);
    const head = await (await through(config, { method: 'HEAD' }, sized)).answered;
    assert.deepEqual(head.headers, ['x-a', '1']);
  });
});

test('a condition decides for headers as for the rest, and not by chance', () => {
  const { build, problems } = policyBench('transformations');
  const config = {
    conditional: [
      { condition: 'request.headers["x-tenant"] == "blue"', request: { set: { 'x-a': '"1"' } } },
      { request: { set: { 'x-b': '"2"' } } },
    ],
  };
  const mapping = build(config).mapping as HeaderMapping;
  assert.deepEqual(mapping.names, ['x-a', 'x-b'], 'neither is ever the own one of a client');
  assert.deepEqual(mapping.map(user()), ['x-a', '1']);
  assert.deepEqual(mapping.map(testExchange({})), ['x-b', '2']);
  const chance = { conditional: [{ condition: 'random() < 0.5', request: { set: { a: '"1"' } } }] };
  assert.match(problems(chance)[0] ?? '', /^conditional\.0\.condition: .*chance/);
});

test('those of a route and of its backend come one after the other', () => {
  const { schema, merge, build } = transformations;
  const [route, backend] = [
    schema.parse({ request: { set: { a: '"route"', b: '"route"' } } }),
    schema.parse({ request: { set: { a: '"backend"' }, add: { b: '"backend"' } } }),
  ];
  const deps = { ports: testPorts() } as unknown as PolicyDeps;
  const { mapping } = build(merge?.(route, backend), deps, expr);
  assert.deepEqual(mapping?.map(testExchange({})), ['b', 'route', 'a', 'backend', 'b', 'backend']);
});

test('before MCP servers only headers change', () => {
  const { build } = policyBench('transformations');
  const route = { backends: ['mcp'] };
  build({ request: { set: { 'x-a': '"1"' } }, response: { set: { 'x-b': '"2"' } } }, { route });
  for (const wrong of [
    { request: { body: '"a"' } },
    { response: { body: '"a"' } },
    { request: { set: { ':path': '"/a"' } } },
    { response: { set: { ':status': '200' } } },
    { response: { set: { 'x-a': 'string(response.body)' } } },
    { response: { remove: ['Mcp-Session-Id'] } },
  ])
    assert.throws(() => build(wrong, { route }), { code: 'CONFIG_INVALID' }, JSON.stringify(wrong));
});
