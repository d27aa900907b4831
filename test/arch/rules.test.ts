/** The rules themselves: each finds what it is for, and leaves alone what only looks like it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyType, fileLength, functionLength, parameters } from './rules/budgets.ts';
import { cycles, packages, rooms, siblings } from './rules/imports.ts';
import { machinePaths, registryHosts } from './rules/project.ts';
import { ambient, hotPath, processUse, schemaLibrary } from './rules/reach.ts';
import { exported, headers, names, sideEffects } from './rules/shape.ts';
import { skips } from './rules/tests.ts';
import { parseSource, type Source, type Violation } from './source.ts';

type Rule = (sources: readonly Source[]) => Violation[];

function finds(rule: Rule, path: string, text: string): boolean {
  return rule([parseSource(path, text)]).length > 0;
}

function check(
  rule: Rule,
  cases: { readonly path?: string; readonly bad: readonly string[]; readonly good: readonly string[] },
): void {
  const path = cases.path ?? 'src/listen/x.ts';
  for (const text of cases.bad) assert.equal(finds(rule, path, text), true, `should be found: ${text}`);
  for (const text of cases.good) assert.equal(finds(rule, path, text), false, `should pass: ${text}`);
}

test('rooms: imports go down only, whatever the kind of import', () => {
  check(rooms, {
    path: 'src/core/x.ts',
    bad: [
      `import { a } from '../mcp/call.ts';`,
      `import type { A } from '../mcp/call.ts';`,
      `export { a } from '../mcp/call.ts';`,
      `const a = await import('../mcp/call.ts');`,
      `type A = import('../mcp/call.ts').A;`,
      `import { a } from '../../test/x.ts';`,
    ],
    good: [
      `import { a } from '../lib/cancel.ts';`,
      `import { a } from './scope.ts';`,
      `import { a } from 'node:net';`,
    ],
  });
  assert.equal(finds(rooms, 'src/policies/cors/x.ts', `import { a } from '../../mcp/call.ts';`), false);
  assert.equal(finds(rooms, 'src/policies/cors/x.ts', `import { a } from '../../listen/http1.ts';`), true);
  assert.equal(finds(rooms, 'src/listen/x.ts', `import { a } from '../upstream/http.ts';`), true);
  assert.equal(finds(rooms, 'src/main.ts', `import { a } from './gateway.ts';`), false);
  assert.equal(finds(rooms, 'src/gateway.ts', `import { a } from './main.ts';`), true);
  assert.equal(finds(rooms, 'src/attic/x.ts', `import { a } from 'node:net';`), true);
});

test('siblings: features know nothing of each other', () => {
  assert.equal(finds(siblings, 'src/policies/cors/build.ts', `import { a } from '../jwt/schema.ts';`), true);
  assert.equal(finds(siblings, 'src/policies/cors/build.ts', `import { a } from './schema.ts';`), false);
});

test('cycles: also through types and re-exports', () => {
  const pair = (back: string) => [
    parseSource('src/lib/a.ts', `import { b } from './b.ts';`),
    parseSource('src/lib/b.ts', back),
    parseSource('src/lib/c.ts', `import { a } from './a.ts'; import { b } from './b.ts';`),
  ];
  assert.equal(cycles(pair(`import type { A } from './a.ts';`)).length, 1);
  assert.equal(cycles(pair(`export { a } from './a.ts';`)).length, 1);
  assert.equal(cycles(pair('')).length, 0);
});

test('packages: only declared dependencies, types and tests aside', () => {
  const rule: Rule = (sources) => packages(sources, ['undici', '@hono/node-server']);
  check(rule, {
    bad: [`import { z } from 'zod';`, `const z = await import('zod/v4');`],
    good: [
      `import { a } from '@hono/node-server/x';`,
      `import 'undici';`,
      `import fs from 'node:fs';`,
      `import type { A } from 'zod';`,
    ],
  });
  assert.equal(finds(rule, 'src/lib/x.test.ts', `import fc from 'fast-check';`), false);
});

test('budgets: lines of a file and of a function, parameters, any', () => {
  check(fileLength, { bad: ['\n'.repeat(401)], good: ['\n'.repeat(400)] });
  check(functionLength, {
    bad: [`function f() {${'\n'.repeat(60)}}`],
    good: [`function f() {${'\n'.repeat(59)}}`],
  });
  check(parameters, {
    bad: ['class A { m(a: 1, b: 2, c: 3, d: 4) {} }', 'const f = (a: 1, b: 2, c: 3, ...d: []) => 0;'],
    good: ['function f(a: 1, b: 2, c: 3) {}', 'interface A { m(a: 1, b: 2, c: 3, d: 4): void }'],
  });
  check(anyType, {
    bad: ['let a: any;', 'type A = Map<string, any[]>;'],
    good: ['let any: unknown;', '// any'],
  });
});

test('names: kebab-case and of the domain', () => {
  for (const path of [
    'src/lib/Foo.ts',
    'src/lib/foo_bar.ts',
    'src/lib/utils.ts',
    'src/helpers/a.ts',
    'src/lib/string-utils.ts',
    'src/mcp/session-manager.ts',
  ]) {
    assert.equal(finds(names, path, ''), true, path);
  }
  for (const path of [
    'src/lib/json-text.ts',
    'src/lib/json-text.test.ts',
    'src/policies/backendTLS/schema.ts',
    'src/lib/http2.ts',
  ]) {
    assert.equal(finds(names, path, ''), false, path);
  }
});

test('headers: a doc comment comes first', () => {
  check(headers, {
    bad: ['', `import { a } from 'b';\n/** Late. */`, '/** */', '// no', '/**\n *\n */'],
    good: ['/** Owns it. */', '/**\n * Owns it.\n */', '#!/usr/bin/env node\n/** Owns it. */'],
  });
});

test('exports are named', () => {
  check(exported, {
    bad: ['export default 1;', `export * from './a.ts';`, `export * as a from './a.ts';`],
    good: ['export const a = 1;', `export { a } from './a.ts';`, 'export type A = 1;'],
  });
});

test('side effects: statements at module level', () => {
  check(sideEffects, {
    bad: [
      'run();',
      'if (a) b();',
      `import './a.ts';`,
      'for (const a of b) c();',
      'await a;',
      'globalThis.b = 1;',
      'const T = []; for (const a of b) { T[a] = 1; c(); }',
    ],
    good: [
      'const a = run();',
      'const T = []; T[0] = 1; for (const a of "b") T[a.charCodeAt(0)] = 1;',
      `import { a } from './a.ts';`,
      'export class A { static a = 1; }',
      'interface A {}',
      `export type { A } from './a.ts';`,
    ],
  });
});

test('the process, by any road', () => {
  check(processUse, {
    bad: [
      'const a = process.env;',
      `import process from 'node:process';`,
      `import { env } from 'process';`,
      'const { env } = process;',
      'const a = { process };',
      'const a = globalThis.process;',
      'const a = typeof process;',
    ],
    good: [
      'const a = b.process;',
      'const a = { process: 1 };',
      'function f(process: Child) { return process.pid; }',
      'interface A { process: number }',
      'const { process } = a; process.kill();',
      '// process.env',
      `import type { A } from 'node:process';`,
    ],
  });
});

test('clock, timers and chance', () => {
  check(ambient, {
    bad: [
      'const a = Date.now();',
      'const a = new Date();',
      'const a = Math.random();',
      'setTimeout(a, 1);',
      'const t = setInterval;',
      'const a = performance.now();',
    ],
    good: [
      'const a = new Date(ms);',
      'const a = Date.parse(b);',
      'const a = clock.now();',
      'socket.setTimeout(1);',
      'const a = Math.max(1);',
      'setImmediate(a);',
    ],
  });
});

test('the hot path: slow interfaces', () => {
  check(hotPath, {
    bad: [
      `await fetch('http://a');`,
      'const a = new Response();',
      `import { Readable } from 'node:stream';`,
      `import { type Duplex, Transform } from 'node:stream';`,
      `import { PassThrough } from 'node:stream';`,
      'const a = AbortSignal.any([]);',
      'const a = AbortSignal.timeout(1);',
      `import { AsyncLocalStorage } from 'node:async_hooks';`,
      'async function f() { for await (const a of b) c(); }',
    ],
    good: [
      `import type { Readable } from 'node:stream';`,
      `import { type Readable, pipeline } from 'node:stream';`,
      'app.fetch(request);',
      `import { fetch } from './own.ts'; fetch();`,
      'class Response {} const a = new Response();',
      'for (const a of b) c();',
    ],
  });
});

test('schema libraries: in schema files and config/', () => {
  check(schemaLibrary, {
    bad: [`import { z } from 'zod';`, `const a = await import('zod');`],
    good: [`import type { ZodType } from 'zod';`],
  });
  assert.equal(finds(schemaLibrary, 'src/policies/cors/schema.ts', `import { z } from 'zod';`), false);
  assert.equal(finds(schemaLibrary, 'src/config/document.ts', `import { z } from 'zod';`), false);
});

test('skips: a reason or none at all', () => {
  check(skips, {
    path: 'test/x.test.ts',
    bad: [
      `test.skip('a', f);`,
      `test('a', { skip: true }, f);`,
      't.skip();',
      `test.only('a', f);`,
      `test('a', { only: true }, f);`,
      `test('a', { todo: true }, f);`,
      `test('a', { skip: a && true }, f);`,
    ],
    good: [
      `test('a', { skip: a ? 'no docker' : false }, f);`,
      `test('a', { skip: !a && 'no docker' }, f);`,
      `t.skip('no docker');`,
      `test('a', { skip: reason }, f);`,
      'rows.skip(1);',
    ],
  });
});

test('texts: paths of a machine and registries', () => {
  const found = (rule: typeof machinePaths, text: string, path = 'a.md') => rule([{ path, text }]).length > 0;
  // Put together here, so that this file does not mention what it forbids.
  for (const folder of ['work', 'home', 'root', 'Users'])
    assert.equal(found(machinePaths, `see /${folder}/me/x`), true, folder);
  for (const text of ['docs/work/x', 'https://example.com/home/x', '../root/x', 'a /path/to/x'])
    assert.equal(found(machinePaths, text), false, text);
  assert.equal(found(registryHosts, ['https://registry', 'example', 'org/x'].join('.')), true);
  assert.equal(
    found(registryHosts, `"resolved": "${'https'}://example.com/a.tgz"`, 'package-lock.json'),
    true,
  );
  assert.equal(found(registryHosts, 'the registry of servers'), false);
});

test('a file that does not parse is an error, not a pass', () => {
  assert.throws(() => parseSource('src/lib/x.ts', 'const = ;'), /src\/lib\/x\.ts/);
});
