import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import type { GuardedItem, GuardedRequest } from '../../core/guard.ts';
import type { Expr } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { Rulings, staysSame } from './rulings.ts';

let expr: Expr;
before(async () => {
  expr = await loadExpr({ random: randomBytes });
});

const item = (name: string): GuardedItem => ({
  kind: 'tool',
  target: 'one',
  name,
  annotations: () => undefined,
});
const from = (identity: object | undefined) => ({ identity }) as unknown as GuardedRequest;

test('rules about claims, names and methods stay the same', () => {
  for (const rule of [
    'jwt.sub == "ann"',
    'mcp.tool.name.startsWith("read_") && "staff" in jwt.groups',
    'mcp.methodName == "tools/call" && apiKey.team == "a" && basicAuth.username == "x"',
    'mcp.resource.target == "files" || mcp.prompt.name == "x"',
  ])
    assert.equal(staysSame(expr.compile(rule, PLACES.mcp)), true, rule);
});

test('rules about the request, the call, secrets, chance, or anything whole do not', () => {
  for (const rule of [
    'request.headers["x-team"] == "a"',
    'source.address == "127.0.0.1"',
    'mcp.tool.arguments.path == "/"',
    'mcp.tool.annotations.readOnlyHint',
    'mcp.client.name == "x"',
    'mcp.sessionId == "x"',
    'has(mcp.tool)',
    'jwt.rawToken == "x"',
    'string(jwt) == "{}"',
    'random() < 0.5 && jwt.sub == "ann"',
  ])
    assert.equal(staysSame(expr.compile(rule, PLACES.mcp)), false, rule);
});

test('one identity is judged once for each method and item, another one for itself', () => {
  const rulings = new Rulings();
  const judged: string[] = [];
  const ask = (identity: object | undefined, name: string) =>
    rulings.of(from(identity), ['tools/call', item(name)], () => {
      judged.push(name);
      return { allowed: identity !== undefined };
    }).allowed;
  const ann = {};
  assert.equal(ask(ann, 'a'), true);
  assert.equal(ask(ann, 'a'), true);
  assert.equal(ask(ann, 'b'), true);
  assert.equal(ask(undefined, 'a'), false);
  assert.equal(ask({}, 'a'), true);
  assert.deepEqual(judged, ['a', 'b', 'a', 'a']);
});

test('what clients call things at great length is judged each time and not kept', () => {
  const rulings = new Rulings();
  let judged = 0;
  const ask = (name: string) =>
    rulings.of(from(undefined), ['tools/call', item(name)], () => {
      judged += 1;
      return { allowed: false };
    });
  for (let times = 0; times < 2; times += 1) ask('a'.repeat(100_000));
  assert.equal(judged, 2);
});

test('who wants to hear why is judged anew', () => {
  const rulings = new Rulings();
  let judged = 0;
  const request = { identity: {}, witness: {} } as unknown as GuardedRequest;
  const judge = () => {
    judged += 1;
    return { allowed: true };
  };
  rulings.of(request, ['tools/call', item('a')], judge);
  rulings.of(request, ['tools/call', item('a')], judge);
  assert.equal(judged, 2);
});

test('a method that is called like a call of an item is none', () => {
  const rulings = new Rulings();
  const ann = from({});
  const ask = (method: string, of: GuardedItem | undefined, allowed: boolean) =>
    rulings.of(ann, [method, of], () => ({ allowed })).allowed;
  assert.equal(ask('of tool one tools/call a', undefined, true), true);
  assert.equal(ask('tools/call', item('a'), false), false);
});
