import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tested } from '../../test/fixtures/explained.ts';
import { ecKey, ISSUER, keySetText } from '../../test/fixtures/issuer.ts';
import { ConfigError } from '../config/diagnostics.ts';
import { printedTests } from './tests.ts';

const POLICIES = {
  jwtAuth: { issuer: ISSUER, audiences: ['a'], jwks: keySetText(ecKey('one')), mode: 'optional' },
  apiKey: {
    keys: [{ key: 'key-of-guest', metadata: { role: 'guest' } }],
    mode: 'optional',
    location: { header: { name: 'x-api-key' } },
  },
  mcpAuthorization: {
    rules: [
      {
        require: '!has(mcp.tool) || mcp.tool.name != "write" || jwt.role == "editor"',
        scopes: ['files:write'],
      },
      'jwt.sub == "ann"',
      'apiKey.role == "guest" && mcp.tool.name == "read"',
      'source.subjectCn == "robot"',
    ],
  },
};

const config = (...tests: object[]) => ({
  mcp: { port: 3000, policies: POLICIES, targets: [{ name: 'files', stdio: { cmd: 'no-such-command' } }] },
  tests: tests.map((each, at) => ({ name: `test ${at}`, ...each })),
});

const ann = (role: string) => ({ claims: { sub: 'ann', role } });

test('tests hold where the answer is the one expected', async () => {
  const results = await tested(
    config(
      { as: ann('editor'), tool: 'write', expect: 'allow' },
      { as: ann('reader'), tool: 'write', expect: { scopes: ['files:write'] } },
      { as: ann('reader'), tool: 'write', expect: 'deny' },
      { as: { key: 'key-of-guest' }, tool: 'read', expect: 'allow' },
      { as: { apiKey: { role: 'guest' } }, tool: 'read', expect: 'allow' },
      { as: { apiKey: { role: 'guest' } }, tool: 'list', expect: 'hidden' },
      { as: 'anonymous', tool: 'read', expect: 'hidden' },
      { tool: 'read', expect: 'deny' },
      { as: { key: 'another' }, tool: 'read', expect: 401 },
      { as: { certificate: { subjectCn: 'robot' } }, prompt: 'any', expect: 'allow' },
      { as: ann('x'), resource: 'file:///etc', expect: 'allow' },
      { as: ann('x'), expect: 'allow' },
    ),
  );
  assert.deepEqual(
    results.filter(({ passed }) => !passed).map(({ name, got }) => [name, got]),
    [],
  );
});

test('tests fail where it is another, and say which rule it was', async () => {
  const results = await tested(
    config(
      { as: ann('reader'), tool: 'write', expect: 'allow' },
      { as: ann('reader'), tool: 'write', expect: 'hidden' },
      { as: ann('reader'), tool: 'write', expect: { scopes: ['files:read'] } },
      { as: ann('editor'), tool: 'write', expect: 'deny' },
      { as: ann('editor'), tool: 'write', expect: 401 },
      { as: { key: 'another' }, tool: 'read', expect: 'deny' },
      { tool: 'read', target: 'web', expect: 'deny' },
      { tool: 'read', route: 'no such route', expect: 'deny' },
    ),
  );
  assert.deepEqual(
    results.map(({ passed }) => passed),
    results.map(() => false),
  );
  const text = printedTests(results);
  assert.match(
    text,
    /FAILED {2}test 0 \(config\.yaml:\d+\)\n +expected allow, got denied: 403 insufficient_scope/,
  );
  assert.match(text, /\* require error|\* require false/);
  assert.match(text, /expected deny, got 401: unknown API key/);
  assert.match(text, /no target called "web"/);
  assert.match(text, /8 of 8 tests failed\n$/);
});

test('what is wrong with a test is said where it stands', async () => {
  const wrong = async (each: object, message: RegExp) =>
    assert.rejects(
      tested(config(each)),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  await wrong({ tool: 'a', prompt: 'b', expect: 'allow' }, /give one of `tool`, `prompt`, `resource`/);
  await wrong({ tool: 'a' }, /`expect` is missing/);
  await wrong({ tool: 'a', expect: 'allowed' }, /expect/);
  await wrong({ tool: 'a', as: { user: 'ann' }, expect: 'deny' }, /`password` is missing/);
  await wrong({ tool: 'a', as: { tokn: 'x' }, expect: 'deny' }, /tokn.*did you mean `token`/s);
});
