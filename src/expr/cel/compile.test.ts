import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { evaluate, expr, failure } from '../../../test/fixtures/expressions.ts';
import { comesTo } from '../expression.ts';
import { PLACES } from '../places.ts';

const scope = {
  user: { name: 'ann', level: 3, groups: ['dev', 'ops'], none: null },
  items: [{ id: 1 }, { id: 2 }],
};

test('expressions evaluate to plain data', () => {
  assert.equal(evaluate('user.name + "!"', scope), 'ann!');
  assert.deepEqual(evaluate('items.map(item, item.id * 2)', scope), [2, 4]);
  assert.deepEqual(evaluate('{"a": [1, 2.5, 3u], "b": null}'), { a: [1, 2.5, 3], b: null });
  assert.deepEqual(evaluate('b"ab"'), Uint8Array.from([97, 98]));
  assert.equal(evaluate('timestamp("2026-01-02T03:04:05Z") + duration("1s")'), '2026-01-02T03:04:06Z');
  assert.equal(evaluate('duration("90s")'), '90s');
  assert.equal(evaluate('9223372036854775807'), '9223372036854775807', 'digits where a number would round');
  assert.equal(evaluate('type(1)'), 'int');
});

test('whole numbers of the scope are ints, others doubles', () => {
  assert.deepEqual(evaluate('[type(a), type(b), type(c)]', { a: 1, b: 1.5, c: 2 ** 60 }), [
    'int',
    'double',
    'double',
  ]);
  assert.equal(evaluate('user.level + 1', scope), 4);
});

test('only true is true', () => {
  const holds = (source: string): boolean => expr.compile(source, PLACES.http).test({ jwt: { sub: 'a' } });
  assert.equal(holds('jwt.sub == "a"'), true);
  assert.equal(holds('jwt.sub == "b"'), false);
  assert.equal(holds('jwt.sub'), false);
  assert.throws(() => holds('jwt.sub > 1'), { name: 'ExprError', code: 'EXPRESSION_FAILED' });
});

test('an error that decides nothing is forgotten', () => {
  assert.equal(evaluate('user.missing == 1 || user.level == 3', scope), true);
  assert.equal(evaluate('user.missing == 1 && user.level == 4', scope), false);
  assert.equal(failure('user.missing == 1 || user.level == 4', scope).message, 'no such key');
});

test('what an expression reads is known as deep as variables are declared', () => {
  const reads = (source: string): string[] => [...expr.compile(source, PLACES.mcp).reads].sort();
  assert.deepEqual(reads('jwt.sub == "a" && jwt["x-y"] == 1'), ['jwt.sub', 'jwt.x-y']);
  assert.deepEqual(reads('request.headers["x-a"] + request.headers.b'), [
    'request.headers.b',
    'request.headers.x-a',
  ]);
  assert.deepEqual(reads('toJson(jwt) + jwt[source.address]'), ['jwt', 'source.address']);
  assert.deepEqual(reads('jwt.a.b.c == 1 && jwt.rawToken == null'), ['jwt.a', 'jwt.rawToken']);
  assert.deepEqual(reads('mcp.tool.arguments.path.startsWith("/") && has(mcp.tool.annotations.x)'), [
    'mcp.tool.annotations.x',
    'mcp.tool.arguments.path',
  ]);
  assert.deepEqual(reads('json(request.body).with(b, b.x)'), ['request.body']);
  assert.deepEqual(reads('request["path"]'), ['request.path']);
  assert.deepEqual(reads('request[source.address]'), ['request', 'source.address']);
  assert.deepEqual(reads('[1].map(jwt, jwt + 1)'), [], 'a name of a macro hides the variable');
  assert.deepEqual(reads('default(jwt.a, source.port)'), ['jwt.a', 'source.port']);
});

test('an expression comes to a variable through what it is a part of', () => {
  const reads = new Set(['request', 'mcp.tool.arguments']);
  assert.ok(comesTo({ reads }, 'request.body'));
  assert.ok(comesTo({ reads }, 'mcp.tool'));
  assert.ok(comesTo({ reads }, 'mcp.tool.arguments'));
  assert.ok(!comesTo({ reads }, 'mcp.tool.name'));
  assert.ok(!comesTo({ reads }, 'mcp.too'));
  assert.ok(!comesTo({ reads: new Set(['jwt.sub']) }, 'jwt.rawToken'));
  assert.ok(comesTo({ reads: new Set(['jwt']) }, 'jwt.rawToken'));
});

test('the same text for the same place is compiled once', () => {
  assert.equal(expr.compile('1 + 1', PLACES.http), expr.compile('1 + 1', PLACES.http));
  assert.notEqual(expr.compile('1 + 1', PLACES.http), expr.compile('1 + 1', PLACES.log));
});

test('a failing evaluation says what and where, and no value', () => {
  const secret = { s: 'hunter2', m: { hunter2: 1 } };
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    's.size() > 0 && int(s) > 1': ['`int` cannot work with this value', 'int'],
    'timestamp(s)': ['`timestamp` cannot work with this value', 'timestamp'],
    'bool(s)': ['`bool` cannot work with this value', 'bool'],
    'm[s + "x"]': ['no such key', 'm'],
    'm.nothing': ['no such key', 'nothing'],
    '{s: 1, "hunter2": 2}': ['the same key twice', '{'],
    's + 1': ['`+` does not take (string, int)', '+'],
    's.size(1)': ['`size` takes 0 arguments', 'size'],
    '"x".matches(s + "(")': ['`matches` cannot work with this value', 'matches'],
    'json(s)': ['this is not JSON', 'json'],
    's.charAt(99)': ['`charAt` cannot work with this value', 'charAt'],
    '1 / 0': ['int divide by zero', '/'],
    'ip(s)': ['this is not an IP address', 'ip'],
  };
  for (const [source, [message, place]] of Object.entries(cases)) {
    const error = failure(source, secret);
    const at = source.slice(error.offset, error.offset + error.length);
    assert.deepEqual([error.message, at], [message, place], source);
    assert.ok(!error.message.includes('hunter2'));
  }
});

test('a member of the prototype is no member', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    assert.equal(failure(`user.${name}`, scope).message, 'no such key');
    assert.equal(evaluate(`has(user.${name})`, scope), false);
    assert.equal(evaluate(`"${name}" in user`, scope), false);
    assert.equal(evaluate(`[1].map(${name}, ${name} + 1)[0]`), 2);
  }
  const own = evaluate('json(text)', { text: '{"__proto__": {"admin": true}}' });
  assert.equal(Object.hasOwn(own as object, '__proto__'), true);
  assert.equal((own as { admin?: unknown }).admin, undefined);
});

test('an evaluation that a getter starts within another does not disturb it', () => {
  const outer = {
    get inner() {
      return evaluate('[1, 2].map(x, x + 1)');
    },
    other: 5,
  };
  assert.deepEqual(evaluate('inner.map(x, x + other)', outer), [7, 8]);
  assert.equal(
    failure('boom', {
      get boom(): never {
        throw new Error('no such file');
      },
    }).code,
    'EXPRESSION_FAILED',
  );
});

test('JSON survives expressions as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value));
      assert.deepEqual(evaluate('x', { x: plain }), plain);
      assert.deepEqual(JSON.parse(String(evaluate('toJson(x)', { x: plain }))), plain);
      assert.deepEqual(evaluate('json(toJson(x))', { x: plain }), plain);
      assert.equal(evaluate('x == y', { x: plain, y: structuredClone(plain) }), true);
    }),
    { numRuns: 150 },
  );
});

test('any text compiles or is refused with a place in it', () => {
  const parts = fc.constantFrom(
    'jwt',
    '.',
    'sub',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '?',
    ':',
    '&&',
    '||',
    '!',
    '-',
    '1',
    'x',
    ',',
    '==',
    ' in ',
    '\\',
    'r"',
    '//',
    '\n',
    'has',
    'map',
    'default',
    '@',
    '`',
    '😀',
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(parts, { maxLength: 12 }).map((some) => some.join('')),
  );
  fc.assert(
    fc.property(texts, (source) => {
      try {
        expr.compile(source, PLACES.http);
      } catch (error) {
        assert.ok(error instanceof Error && error.name === 'ExprError', `${source}: ${error}`);
        const { offset, length } = error as Error & { offset: number; length: number };
        assert.ok(offset >= 0 && offset + length <= Math.max(source.length, offset), source);
      }
    }),
    { numRuns: 1000 },
  );
});

test('an evaluation leaves the traces of other errors alone', () => {
  const before = Error.stackTraceLimit;
  failure('x.missing', { x: {} });
  assert.equal(Error.stackTraceLimit, before);
  assert.match(String(new Error('later').stack), /compile\.test/);
});

test('a failing element fails the list that is made of it', () => {
  for (const source of ['[1, 0].map(x, 1 / x)', '[0, 1].filter(x, 1 / x > 0)', '[0].map(x, x > 1 / x, x)'])
    assert.equal(failure(source).message, 'int divide by zero');
  assert.deepEqual(evaluate('[[1, 2], [3]].map(xs, xs.map(x, xs.filter(y, y <= x)))'), [
    [[1], [1, 2]],
    [[3]],
  ]);
});
