import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expr } from '../../../test/fixtures/expressions.ts';
import type { ExprError } from '../expression.ts';
import { PLACES, type Place } from '../places.ts';

function refusal(source: string, place: Place = PLACES.http): [string, string] {
  try {
    expr.compile(source, place);
  } catch (error) {
    const { code, message, offset, length } = error as ExprError;
    assert.equal(code, 'CONFIG_INVALID');
    return [message, source.slice(offset, offset + length)];
  }
  return assert.fail(`${source} was compiled`);
}

const cases: readonly [string, string, string][] = [
  ['foo == 1', 'unknown variable `foo`', 'foo'],
  ['reqest.path', 'unknown variable `reqest`; did you mean `request`?', 'reqest'],
  ['a && request.heders["x"] == ""', 'unknown variable `a`', 'a'],
  ['true && request.heders["x"] == ""', '`request` has no field `heders`; did you mean `headers`?', 'heders'],
  ['request["heders"]', '`request` has no field `heders`; did you mean `headers`?', '['],
  ['request.method.foo', '`request.method` is a text and has no fields', 'foo'],
  ['has(source.adress)', '`source` has no field `adress`; did you mean `address`?', 'adress'],
  [
    'request.bodyPrefix',
    '`request.bodyPrefix` is known to the Rust gateway, not supported here yet',
    'bodyPrefix',
  ],
  ['llm.requestModel == "x"', '`llm` is known to the Rust gateway, not supported here yet', 'llm'],
  ['flatten(jwt)', '`flatten` is known to the Rust gateway, not supported here yet', 'flatten'],
  ['jwt.sub.startWith("a")', 'unknown function `startWith`; did you mean `startsWith`?', 'startWith'],
  ['maths.least(1, 2)', 'unknown function `least`; did you mean `math.least`?', 'least'],
  ['contians("a", "b")', 'unknown function `contians`; did you mean `contains`?', 'contians'],
  ['contains("a", "b")', '`contains` is called on a value: x.contains()', 'contains'],
  ['"a".json()', '`json` is not called on a value: json(x)', 'json'],
  ['"a".replace("b")', '`replace` takes 2 or 3 arguments', 'replace'],
  ['uuid(1)', '`uuid` takes 0 arguments', 'uuid'],
  ['default(jwt.sub)', '`default` takes 2 arguments', 'default'],
  ['math.greatest()', '`math.greatest` takes 1 or more arguments', 'greatest'],
  ['has(jwt)', '`has` is written has(x.field)', 'has'],
  ['[1].exists(1, true)', '`exists` is written x.exists(name, test)', 'exists'],
  ['[1].with("a", 2)', 'a plain name is wanted here', '"'],
  ['[1].map(x, y)', 'unknown variable `y`', 'y'],
  ['[1].map(x, x)[0] + x', 'unknown variable `x`', 'x'],
  ['Foo{a: 1}', 'messages cannot be made here', 'F'],
  ['"a".matches("(")', 'error parsing regexp: missing closing ): `(`', '"'],
  ['cidr("10.0.0.0/33")', 'this is no network such as 10.0.0.0/8', '"'],
  ['ip("10.0.0")', 'this is no IP address', '"'],
  ['9223372036854775808', 'a whole number has at most 64 bits', '9'],
  ['1 +', '`+` does not fit here', '+'],
  ['jwt.sub = "a"', '`=` does not fit here', '='],
  ['jwt sub', '`sub` does not fit here', 'sub'],
  ['"abc', '`"` does not fit here', '"'],
  ['(1', 'the expression ends too early', ''],
  ['', 'the expression is empty', ''],
];

for (const [source, message, place] of cases) {
  test(`refused with its place: ${source === '' ? 'nothing' : source}`, () => {
    assert.deepEqual(refusal(source), [message, place]);
  });
}

test('a variable of another place is refused with the places that have it', () => {
  assert.deepEqual(refusal('mcp.tool.name == "a"'), [
    '`mcp` is not there in rules and values of HTTP requests, only in rules about MCP calls and lists, fields and filters of logs',
    'mcp',
  ]);
  assert.equal(refusal('jwt.sub', PLACES.connection)[1], 'jwt');
  assert.deepEqual([...expr.compile('source.address', PLACES.connection).reads], ['source.address']);
});

test('comments and white space are fine everywhere', () => {
  for (const source of ['1 // one', '// one\n1', '  1\n+\t2 ', 'jwt\n.sub'])
    assert.ok(expr.compile(source, PLACES.http), source);
});

test('types are values that need no declaration', () => {
  for (const source of [
    'type(1) == int',
    'type(jwt) == map',
    'type(request.startTime) == google.protobuf.Timestamp',
  ])
    assert.deepEqual(
      [...expr.compile(source, PLACES.http).reads].filter(
        (read) => !/^(?:jwt|request\.startTime)$/.test(read),
      ),
      [],
    );
});
