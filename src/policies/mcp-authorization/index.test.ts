import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import type { GuardedItem, McpGuard } from '../../core/guard.ts';
import type { PolicyDeps } from '../../core/policy.ts';
import { Scope } from '../../core/scope.ts';
import { loadExpr } from '../../expr/load.ts';
import { mcpAuthorization } from './index.ts';

const ports = testPorts();
const expr = await loadExpr(ports);

function guard(...rules: unknown[]): McpGuard {
  const config = mcpAuthorization.schema.parse({ rules });
  const deps = { ports, scope: new Scope() } as unknown as PolicyDeps;
  const { mcp } = mcpAuthorization.build(config, deps, expr);
  assert.ok(mcp);
  return mcp;
}

const item = (kind: GuardedItem['kind'], name: string, annotations: unknown = undefined): GuardedItem => ({
  kind,
  target: 't',
  name,
  annotations: () => annotations,
});

function request(claims: Record<string, unknown>) {
  return { ...testExchange({}), identity: { principal: 'p', jwt: claims } };
}

/** Whether a call is allowed, and whether lists show the item. */
function asked(rules: McpGuard, what: GuardedItem, claims: Record<string, unknown>): [boolean, boolean] {
  const call = {
    method: 'x',
    item: what,
    sessionId: undefined,
    arguments: () => ({}),
    client: () => undefined,
  };
  return [rules.judge(call, request(claims)).allowed, rules.shows(what, request(claims))];
}

const YES = [true, true];
const NO = [false, false];

describe('a deny about tools', () => {
  test('says nothing about prompts where it fails only because there is no tool', () => {
    for (const rule of [
      'mcp.tool.name == "drop"',
      'mcp.tool.name == "drop" && jwt.role != "admin"',
      'mcp.tool.name.startsWith("x") && jwt.role != "admin"',
      'mcp.tool.annotations.destructiveHint && jwt.role != "admin"',
      'mcp.tool.arguments.path == "/etc" && jwt.role != "admin"',
      'size(mcp.tool.arguments.path) > 10 && jwt.role == "guest"',
    ]) {
      for (const claims of [{}, { role: 'guest' }, { role: 'admin' }])
        assert.deepEqual(asked(guard({ deny: rule }), item('prompt', 'drop'), claims), YES, rule);
    }
  });

  test('holds for prompts where it would fail without a tool missing: nobody knows what it says', () => {
    const rules = guard({ deny: 'mcp.tool.name == "drop" || jwt.role == "guest"' });
    assert.deepEqual(asked(rules, item('prompt', 'p'), {}), NO);
    assert.deepEqual(asked(rules, item('prompt', 'p'), { role: 'guest' }), NO);
    assert.deepEqual(asked(rules, item('prompt', 'p'), { role: 'admin' }), YES);
    assert.deepEqual(asked(rules, item('tool', 'read'), { role: 'admin' }), YES);
    assert.deepEqual(asked(rules, item('tool', 'read'), {}), NO);
  });

  test('is not held against prompts for what only a tool could have wrong', () => {
    const rules = guard({ deny: 'mcp.tool.arguments.count > 5 || jwt.role == "guest"' });
    assert.deepEqual(asked(rules, item('prompt', 'p'), { role: 'admin' }), YES);
    assert.deepEqual(asked(rules, item('prompt', 'p'), {}), NO);
  });
});

test('an allow and a require about tools are met by no prompt', () => {
  for (const rule of [{ allow: 'mcp.tool.name != ""' }, { require: 'mcp.tool.name != ""' }])
    assert.deepEqual(asked(guard(rule), item('prompt', 'p'), { role: 'admin' }), NO);
});

test('what depends on the call is left open in lists, and decided at the call', () => {
  const rules = guard({ require: 'mcp.tool.arguments.path == "/a"' });
  assert.deepEqual(asked(rules, item('tool', 'read'), {}), [false, true]);
});

test('a rule that gets by without arguments is left open in lists all the same', () => {
  const path = 'default(mcp.tool.arguments.path, "")';
  const open: [boolean, boolean] = [false, true];
  for (const rule of [
    { allow: `${path}.startsWith("/a")` },
    { require: `${path}.startsWith("/a")` },
    { deny: `!${path}.startsWith("/a")` },
    { allow: 'default(mcp.client.name, "") == "x"' },
    { allow: 'mcp.methodName == "tools/call"' },
  ])
    assert.deepEqual(asked(guard(rule), item('tool', 'read'), {}), open, JSON.stringify(rule));
});

test('what a list can tell without the call is decided there', () => {
  const rule = { allow: 'mcp.tool.name == "write" && default(mcp.tool.arguments.path, "") == "/a"' };
  assert.deepEqual(asked(guard(rule), item('tool', 'read'), {}), NO);
});

describe('allow rules that are all about tools', () => {
  const tool = (name: string) => `mcp.tool.name == "${name}"`;

  test('are warned of once in a generation, however often it builds them, and again in the next', () => {
    const { build, ports, scope } = policyBench('mcpAuthorization');
    const warnings = () => ports.logged.filter(({ level }) => level === 'warn');
    for (const place of ['route a', 'backend b', 'route a'])
      build({ rules: [{ allow: tool('x') }] }, { place });
    build({ rules: [tool('x')] });
    assert.deepEqual(
      warnings().map(({ fields }) => fields),
      [{ policy: 'mcpAuthorization', place: 'route a' }],
    );
    build({ rules: [tool('y')] });
    assert.equal(warnings().length, 2, 'other rules are news');
    build({ rules: [tool('x'), tool('y')] });
    build({ rules: [tool('z'), '!has(mcp.tool)'] });
    assert.equal(warnings().length, 2);
    const next = policyBench('mcpAuthorization');
    next.build({ rules: [tool('x')] });
    assert.equal(next.ports.logged.length, 1);
    assert.notEqual(next.scope, scope);
  });
});
