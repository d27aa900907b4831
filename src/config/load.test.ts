// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { definitions } from '../../test/golden/definitions.ts';
import type { Plan } from '../core/plan.ts';
import { ConfigError } from './diagnostics.ts';
import { type ConfigSource, loadConfig } from './load.ts';

function load(text: string, more: Partial<ConfigSource> = {}): Plan {
  return loadConfig({
    text,
    file: 'config.yaml',
    definitions,
    env: {},
    cwd: '/cwd',
    folder: '/folder',
    ...more,
  });
}

function errors(text: string, more: Partial<ConfigSource> = {}): ConfigError {
  try {
    load(text, more);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the document was accepted');
}

const BASE = `
mcp:
  port: 3000
  targets:
  - name: time
    stdio: {cmd: uvx}
`;

test('a plan is frozen through and through', () => {
  const plan = load(BASE);
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    assert.ok(Object.isFrozen(value));
    for (const item of Object.values(value)) walk(item);
  };
  walk(plan);
});

test('equal documents have equal hashes, whatever their spelling, order and comments', () => {
  const other = 'mcp: {targets: [{stdio: {cmd: uvx}, name: time}], port: 3000} # the same';
  assert.equal(load(BASE).hash, load(other).hash);
  assert.match(load(BASE).hash, /^[0-9a-f]{64}$/);
});

test('whatever changes the plan changes the hash', () => {
  const hashes = [
    BASE,
    BASE.replace('3000', '3001'),
    BASE.replace('uvx', 'uv'),
    `${BASE}config: {statsAddr: "off"}`,
  ];
  assert.equal(new Set(hashes.map((text) => load(text).hash)).size, hashes.length);
});

test('the three spellings of one route make plans that differ in nothing but names and keys', () => {
  const route = 'backends: [{mcp: {targets: [{name: time, stdio: {cmd: uvx}}]}}]';
  const texts = [
    BASE,
    `binds: [{port: 3000, listeners: [{routes: [{name: mcp, ${route}}]}]}]`,
    `gateways: {default: {port: 3000}}\nroutes: [{name: mcp, ${route}}]`,
  ];
  const [first, ...others] = texts.map((text) => load(text).binds);
  for (const other of others) assert.deepEqual(other, first);
});

test('a route key survives edits of everything but what the route matches', () => {
  const key = (text: string) => load(text).binds[0]?.listeners[0]?.routes.at(-1)?.key;
  const text =
    'binds: [{port: 1, listeners: [{routes: [{matches: [{path: {exact: /a}}], backends: [{host: "a:1"}]}]}]}]';
  const before = key(text);
  assert.notEqual(before, undefined);
  assert.equal(key(text.replace('routes: [', 'routes: [{name: new, backends: [{host: "c:1"}]}, ')), before);
  assert.equal(key(text.replace('a:1', 'b:1')), before);
  assert.notEqual(key(text.replace('/a', '/b')), before);
});

test('relative paths lead from the folder of the file when they exist there, else from the working directory', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'paths-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'here'));
  const cwdOf = (cwd: string) => {
    const text = `mcp: {targets: [{name: a, stdio: {cmd: ./here, args: [./here], cwd: ${cwd}}}]}`;
    const config = load(text, { folder, cwd: '/cwd' }).binds[0]?.listeners[0]?.routes[0]?.backends[0]?.config;
    return (config as { targets: { stdio: { cmd: string; args: string[]; cwd: string } }[] }).targets[0]
      ?.stdio;
  };
  assert.deepEqual(pick(cwdOf('./here')), { cmd: './here', args: ['./here'], cwd: join(folder, 'here') });
  assert.equal(cwdOf('elsewhere')?.cwd, join('/cwd', 'elsewhere'));
  assert.equal(cwdOf('/absolute')?.cwd, '/absolute');

  function pick(stdio: { cmd: string; args: string[]; cwd: string } | undefined): unknown {
    return stdio && { cmd: stdio.cmd, args: stdio.args, cwd: stdio.cwd };
  }
});

test('all faults are reported at once, in the order of the text', () => {
  const text =
    'mcp:\n  port: x\n  prefixMode: never\n  targets: [{name: a_b}]\n  nameLimit: 1\nzzz: 1\nbinds: {}\n';
  const { diagnostics } = errors(text);
  assert.deepEqual(
    diagnostics.map(({ line, path }) => [line, path]),
    [
      [2, 'mcp.port'],
      [4, 'mcp.targets[0]'],
      [4, 'mcp.targets[0].name'],
      [5, 'mcp.nameLimit'],
      [6, 'zzz'],
      [7, 'binds'],
    ],
  );
});

test('what a variable holds is in no part of an error, whoever words it', () => {
  const secret = 'correct-horse-battery';
  const text = [
    'config: {session: {key: $S}, adminAddr: "${S}", logging: {level: "${S}"}}',
    'binds: [{port: "${S}", address: "${S} x", listeners: [{hostname: "${S} ", routes: [{backends: [{backend: $S}]}]}]}]',
    'routes: [{gateways: "${S}", matches: [{path: {regex: "(${S}"}}]}]',
    'backends: [{name: $S, host: x}, {name: $S, host: "y"}]',
    'mcp: {gateways: ["${S}/x"], targets: [{name: $S, mcp: {host: $S}}, {name: $S, host: $S}]}',
  ].join('\n');
  const error = errors(text, { env: { S: secret } });
  assert.ok(error.diagnostics.length >= 10, error.message);
  assert.ok(!JSON.stringify(error.diagnostics).includes(secret));
  assert.ok(!error.message.includes(secret));
});

test('numbers and booleans in variables fit where the schema wants them, and stay text elsewhere', () => {
  const text =
    'mcp: {port: $N, nameLimit: "${N:-5}", targets: [{name: "$N", stdio: {cmd: $N, clearEnv: $B, args: [$B]}}]}';
  const plan = load(text, { env: { N: '64', B: 'true' } });
  const config = plan.binds[0]?.listeners[0]?.routes[0]?.backends[0]?.config;
  const { nameLimit, targets } = config as {
    nameLimit: unknown;
    targets: { name: unknown; stdio: object }[];
  };
  assert.equal(plan.binds[0]?.port, 64);
  assert.equal(nameLimit, 64);
  assert.equal(targets[0]?.name, '64');
  assert.deepEqual(targets[0]?.stdio, {
    cmd: '64',
    args: ['true'],
    env: {},
    lifecycle: 'session',
    warm: 1,
    clearEnv: true,
  });
});

test('a document that quotes a number itself is not corrected', () => {
  assert.deepEqual(
    errors('mcp: {port: "3000"}').diagnostics.map(({ path, hint }) => [path, hint]),
    [['mcp.port', 'write it without quotes']],
  );
});

test('definitions without an mcp backend have no short form', () => {
  const host = definitions.backends.filter((one) => one.key === 'host');
  const { diagnostics } = errors('mcp: {}', { definitions: { policies: [], backends: host } });
  assert.deepEqual(
    diagnostics.map((one) => one.message),
    ['`mcp` is known to the Rust gateway, not supported here yet'],
  );
});

const WORDS = [
  ...[
    'binds',
    'port',
    'listeners',
    'routes',
    'backends',
    'mcp',
    'targets',
    'name',
    'stdio',
    'cmd',
    'host',
    'policies',
  ],
  ...[
    'gateways',
    'default',
    'config',
    'session',
    'key',
    'matches',
    'path',
    'exact',
    'regex',
    'headers',
    'value',
    'weight',
  ],
  ...[
    'cors',
    'llm',
    'backend',
    'hostname',
    'hostnames',
    'protocol',
    'toString',
    'constructor',
    'length',
    '0',
    '<<',
    '',
  ],
];
const scalar = fc.oneof(
  fc.constantFrom('a', '/a', '$A', '${B}', '${', '$$', '*', '(', '3000', 'default/a', '10s', 'HTTPS', ''),
  fc.constantFrom(0, 1, 3000, -1, 1.5, 1e300, Number.NaN),
  fc.constantFrom(true, false, null),
  fc.string(),
);
const { node } = fc.letrec<{ node: unknown; list: unknown; map: unknown }>((tie) => ({
  node: fc.oneof({ depthSize: 'medium', withCrossShrink: true }, scalar, tie('map'), tie('list'), tie('map')),
  list: fc.array(tie('node'), { maxLength: 4 }),
  map: fc.dictionary(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...WORDS) }, { weight: 1, arbitrary: fc.string() }),
    tie('node'),
    {
      maxKeys: 6,
    },
  ),
}));

const runs = { numRuns: 500, seed: 20_261_120 };

test('any value gives a plan or a ConfigError', () => {
  fc.assert(
    fc.property(node, (value) => planOrConfigError(JSON.stringify(value) ?? '')),
    runs,
  );
});

test('any text gives a plan or a ConfigError', () => {
  const yamlish = fc.array(
    fc.constantFrom(
      ...WORDS,
      ': ',
      ':\n  ',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '&a ',
      '*a',
      '|\n',
      '>',
      "'",
      '"',
      '#',
      '!t ',
      '---\n',
      '\t',
      '\r\n',
      '${A}',
      '\u0000',
      '\ufeff',
      '%',
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }),
        yamlish.map((parts) => parts.join('')),
      ),
      planOrConfigError,
    ),
    runs,
  );
});

test('a good document with any piece cut out or doubled gives a plan or a ConfigError', () => {
  const good = `config: {adminAddr: "off"}\ngateways: {default: {port: 1, listeners: [{name: a}]}}\nroutes:\n- gateways: default/a\n  matches: [{path: {regex: "/a+"}}]\n  backends: [{backend: b}]\nbackends:\n- &b {name: b, host: "h:1"}\nbinds: [{port: 2, listeners: [{routes: [{backends: [{<<: *b}]}]}]}]${BASE}`;
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(30), fc.boolean(), (start, length, double) => {
      const piece = good.slice(start, start + length);
      planOrConfigError(good.slice(0, start) + (double ? piece + piece : '') + good.slice(start + length));
    }),
    runs,
  );
});

test('text nested without end is refused', () => {
  for (const text of [
    '['.repeat(20_000),
    '{a: '.repeat(20_000),
    '- '.repeat(20_000),
    `a: ${'['.repeat(200)}${']'.repeat(200)}`,
  ]) {
    assert.ok(errors(text).diagnostics.length > 0);
  }
});

function planOrConfigError(text: string): void {
  try {
    assert.match(load(text, { env: { A: 'a', B: '5' } }).hash, /^[0-9a-f]{64}$/);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.diagnostics.length > 0);
    for (const { line, column } of error.diagnostics) assert.ok(line >= 1 && column >= 1);
  }
}
