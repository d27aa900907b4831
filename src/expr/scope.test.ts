import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expr } from '../../test/fixtures/expressions.ts';
import { testExchange } from '../../test/fixtures/test-exchange.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Scope } from './expression.ts';
import { PLACES, type Place, type Variables } from './places.ts';
import { exchangeScope } from './scope.ts';
import { Secret } from './secret.ts';

const exchange: Exchange = {
  ...testExchange({ method: 'POST', path: '/v1/mcp', query: 'a=1', authority: 'gw.example:8080' }),
  rawHeaders: ['X-Team', 'red', 'Authorization', 'Bearer abc', 'Cookie', 'session=abc'],
  identity: {
    principal: 'jwt:i|s',
    jwt: { sub: 's', groups: ['dev'] },
    apiKey: { metadata: { team: 'red' } },
    basicAuth: { username: 'ann' },
  },
  certificate: {
    fingerprint: 'f0',
    subject: 'CN=ann',
    subjectCn: 'ann',
    issuer: 'CN=ca',
    subjectAltNames: ['DNS:ann'],
    certificate: 'PEM',
  },
};
exchange.record.a2a = {
  method: 'SendMessage',
  transport: 'JSONRPC',
  version: '1.0',
  skill: 'route',
  taskId: 't1',
  contextId: 'c1',
  outcome: undefined,
  errorCode: undefined,
  resultKind: undefined,
  taskState: undefined,
};

const run = (source: string, scope: Scope, place: Place = PLACES.log): unknown =>
  expr.compile(source, place).evaluate(scope);

test('every variable that is declared and there can be read', () => {
  const scope = exchangeScope(exchange, {
    body: Buffer.from('hello'),
    response: { status: 200, headers: ['X-Reply', '1'], body: Buffer.from('reply') },
    mcp: {
      methodName: 'tools/call',
      sessionId: 's1',
      client: { name: 'c', version: '1' },
      tool: { target: 't', name: 'echo', arguments: { a: 1 }, annotations: { readOnlyHint: true } },
      prompt: { target: 't', name: 'p', arguments: { a: 1 } },
      resource: { target: 't', name: 'file:///x' },
      task: { target: 't', name: '1' },
    },
  });
  for (const path of paths(PLACES.log.roots)) {
    if (path === 'jwt.rawToken' || path === 'apiKey.key') continue;
    assert.notEqual(run(path, scope), null, path);
  }
});

function paths(variables: Variables, before = ''): string[] {
  return Object.entries(variables).flatMap(([name, { later, fields }]) => {
    const path = before === '' ? name : `${before}.${name}`;
    if (later) return [];
    return [path, ...paths(fields ?? {}, path)];
  });
}

test('a request is read as it came', () => {
  const scope = exchangeScope(exchange);
  const values = ['method', 'uri', 'host', 'scheme', 'path', 'pathAndQuery', 'version'].map((name) =>
    run(`request.${name}`, scope),
  );
  assert.deepEqual(values, [
    'POST',
    'http://gw.example:8080/v1/mcp?a=1',
    'gw.example:8080',
    'http',
    '/v1/mcp',
    '/v1/mcp?a=1',
    'HTTP/1.1',
  ]);
  assert.equal(run('request.startTime == timestamp(0) || request.startTime > timestamp(0)', scope), true);
  assert.equal(run('source.subjectCn + " " + source.address', scope), 'ann 127.0.0.1');
});

test('what is absent is null, and its fields are missing', () => {
  const scope = exchangeScope(testExchange({}));
  for (const root of ['jwt', 'apiKey', 'basicAuth', 'mcp', 'response'])
    assert.equal(run(`${root} == null`, scope), true, root);
  assert.equal(run('has(jwt.sub) || has(basicAuth.username) || has(source.subject)', scope), false);
  assert.throws(() => run('jwt.sub', scope), { message: 'no such key' });
  assert.throws(() => run('request.body', scope), { message: 'no such key' });
});

test('what a request does not say to an agent is null, and not there for `has`', () => {
  const request = testExchange({});
  const said = { method: undefined, transport: 'JSONRPC', version: '1.0', skill: undefined } as const;
  const found = { outcome: undefined, errorCode: undefined, resultKind: undefined, taskState: undefined };
  request.record.a2a = { ...said, taskId: undefined, contextId: undefined, ...found };
  const scope = exchangeScope(request);
  for (const name of ['method', 'skill', 'taskId', 'contextId']) {
    assert.equal(run(`a2a.${name} == null && a2a["${name}"] != "x"`, scope), true, name);
    assert.equal(run(`has(a2a.${name}) || "${name}" in a2a`, scope), false, name);
  }
  assert.equal(run('has(a2a.version) && default(a2a.skill, a2a.transport) == "JSONRPC"', scope), true);
});

test('in logs, sensitive headers and cookies print as a mark until they are asked for', () => {
  const scope = exchangeScope(exchange);
  assert.equal(run('request.headers.authorization', scope), '<redacted>');
  assert.equal(run('request.headers.join().authorization', scope), '<redacted>');
  assert.equal(run('request.headers.cookie("session")', scope), '<redacted>');
  assert.equal(run('request.headers.authorization.unredacted()', scope), 'Bearer abc');
  assert.equal(run('request.headers["x-team"]', scope), 'red');
  assert.ok(!JSON.stringify(run('request', scope)).includes('abc'));
  assert.ok(!String(run('toJson(request.headers)', scope)).includes('abc'));
});

test('in rules, headers are what they are', () => {
  const scope = exchangeScope(exchange);
  assert.equal(run('request.headers.authorization.split(" ")[1]', scope, PLACES.http), 'abc');
  assert.equal(run('request.headers.authorization.unredacted()', scope, PLACES.http), 'Bearer abc');
  assert.equal(run('request.headers.redacted().authorization', scope, PLACES.http), '<redacted>');
});

test('the token and the key of a client are secrets everywhere', () => {
  const scope = exchangeScope(exchange, { rawToken: new Secret('t0k'), apiKey: new Secret('k3y') });
  for (const place of [PLACES.http, PLACES.log]) {
    assert.deepEqual(run('[jwt.rawToken, apiKey.key]', scope, place), ['<redacted>', '<redacted>']);
    assert.deepEqual(run('[jwt.rawToken.unredacted(), apiKey.key.unredacted()]', scope, place), [
      't0k',
      'k3y',
    ]);
    assert.deepEqual(run('jwt', scope, place), { sub: 's', groups: ['dev'], rawToken: '<redacted>' });
    assert.equal(run('apiKey.team', scope, place), 'red');
  }
});

test('nothing is computed before an expression comes to it', () => {
  const read: string[] = [];
  const scope = {
    get jwt() {
      read.push('jwt');
      return { sub: 'a' };
    },
    get request() {
      read.push('request');
      return {};
    },
  };
  assert.equal(expr.compile('jwt.sub == "a" || request.path == "/"', PLACES.http).test(scope), true);
  assert.deepEqual(read, ['jwt']);
});
