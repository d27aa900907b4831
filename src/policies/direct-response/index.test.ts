import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { replyHeaderOf, replyOf, testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import { Flow } from '../../lib/flow.ts';
import { directResponseSchema } from './schema.ts';

test('a body says what it is', async () => {
  const { build } = policyBench('directResponse');
  for (const [config, body, type] of [
    [{ body: '<p>' }, '<p>', 'text/plain; charset=utf-8'],
    [{ bodyExpression: '"<p>" + request.path' }, '<p>/mcp', 'text/plain; charset=utf-8'],
    [{ bodyExpression: '[1, "a"]' }, '[1,"a"]', 'application/json'],
    [{ bodyExpression: 'bytes("abc")' }, 'abc', 'application/octet-stream'],
    [{ body: '<p>', headers: { 'Content-Type': '"text/html"' } }, '<p>', 'text/html'],
    [{}, '', undefined],
  ] as const) {
    const layer = build({ status: 200, ...config }).exchange ?? assert.fail('no layer');
    const reply = replyOf(await layer(() => assert.fail('reached'))(testExchange({})));
    assert.deepEqual([replyHeaderOf(reply, 'content-type'), await textOf(reply)], [type, body]);
  }
});

test('a condition that cannot be evaluated does not hold', async () => {
  const { build, ports } = policyBench('directResponse');
  const config = { conditional: [{ condition: 'jwt.sub.startsWith("a")', status: 403 }] };
  const layer = build(config).exchange ?? assert.fail('no layer');
  const next = async () => ({ status: 204, headers: [], body: Flow.empty() });
  for (let turn = 0; turn < 2; turn += 1) assert.equal((await layer(next)(testExchange({}))).status, 204);
  assert.equal(ports.logged.filter(({ level }) => level === 'warn').length, 1, 'once aloud');
});

test('a header that cannot be made is an error, and its value is not told', async () => {
  const { build, ports } = policyBench('directResponse');
  const config = { status: 200, headers: { 'x-a': '"a" + request.headers["x-a"] + "\\r\\nset-cookie: a"' } };
  const layer = build(config).exchange ?? assert.fail('no layer');
  const asked = layer(() => assert.fail('reached'))(testExchange({ headers: { 'x-a': 's3cret' } }));
  await assert.rejects(asked, { code: 'EXPRESSION_FAILED' });
  assert.ok(!JSON.stringify(ports.logged).includes('s3cret'));
});

test('mistakes have a place', () => {
  const { problems, build } = policyBench('directResponse');
  const config = {
    conditional: [
      { condition: 'request.', status: 200 },
      { status: 200, bodyExpression: 'mcp.tool.name', headers: { 'x-a': 'response.code' } },
    ],
  };
  assert.deepEqual(
    problems(config).map((problem) => problem.split(':')[0]),
    ['conditional.0.condition', 'conditional.1.bodyExpression', 'conditional.1.headers.x-a'],
  );
  assert.throws(() => build(config), { code: 'CONFIG_INVALID' });
});

test('one thing is said, or several of which the last may be without a condition', () => {
  const entry = { condition: 'true', status: 200 };
  directResponseSchema.parse({ conditional: [entry, { status: 404 }] });
  directResponseSchema.parse({ conditional: Array(64).fill(entry) });
  for (const wrong of [
    {},
    { status: 99 },
    { status: 101 },
    { status: 200, body: 'a', bodyExpression: '"a"' },
    { status: 200, condition: 'true' },
    { status: 200, conditional: [entry] },
    { status: 200, headers: { 'content-length': '"1"' } },
    { conditional: [] },
    { conditional: [{ status: 200 }, entry] },
    { conditional: Array(65).fill(entry) },
    { conditional: [{ ...entry, body: 'a', bodyExpression: '"a"' }] },
  ])
    assert.throws(() => directResponseSchema.parse(wrong), JSON.stringify(wrong));
});
