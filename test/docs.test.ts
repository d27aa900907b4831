/** What the documents say is true: configurations load, links lead somewhere, commands, options and names exist. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { CATALOGUE } from '../src/core/errors.ts';
import { PHASES } from '../src/core/policy.ts';
import { PLACES, type Variable } from '../src/expr/places.ts';
import * as main from '../src/index.ts';
import * as mcp from '../src/mcp/index.ts';
import { standard } from '../src/standard.ts';
import * as testing from '../src/testing/index.ts';
import { parseSource, root } from './arch/source.ts';
import { tested } from './fixtures/explained.ts';
import { MAIN } from './fixtures/gateway.ts';
import { run } from './fixtures/programs.ts';

interface Page {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
}

interface Fence {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly body: string;
}

const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...markdown('docs')].map(
  (path): Page => ({ path, text: readFileSync(join(root, path), 'utf8') }),
);
const FENCES = PAGES.flatMap(fences);
const DOCUMENT_KEYS = 'config frontendPolicies binds gateways routes tcpRoutes backends mcp tests'.split(' ');
/** Variables that the pages take for granted. */
const ENV = { SESSION_KEY: '0'.repeat(64) };

for (const { page, line, body } of FENCES.filter(({ language }) => language === 'yaml')) {
  const value: unknown = parse(body);
  // A comment alone, such as the first line for editors.
  if (value === null) continue;
  test(`${page}:${line} is a configuration that loads`, () => {
    const unknown = Object.keys(value as object).filter((key) => !DOCUMENT_KEYS.includes(key));
    assert.deepEqual(unknown, [], 'show whole configurations, so that they can be loaded');
    main.loadConfig(body, { file: `${page}:${line}`, env: ENV, folder: root });
  });
}

test('tests in configurations that the pages show hold', async () => {
  const shown = FENCES.filter(({ language, body }) => language === 'yaml' && /^tests:/m.test(body));
  assert.ok(shown.length > 1);
  for (const { page, line, body } of shown)
    for (const { name, passed, got } of await tested(body))
      assert.ok(passed, `${page}:${line}: ${name}: ${got}`);
});

test('the order of policies that is decided is the one that runs', () => {
  const record = readFileSync(join(root, 'docs/adr/0006-fixed-policy-phases.md'), 'utf8');
  const told = PHASES.map((phase) => [
    phase,
    new RegExp(`^\\| ${phase} +\\|(.*)\\|$`, 'm').exec(record)?.[1] ?? '',
  ]);
  assert.deepEqual(
    told.map(([phase, list]) => [phase, [...(list ?? '').matchAll(/`(\w+)`/g)].map(([, key]) => key)]),
    PHASES.map((name) => [
      name,
      standard.policies.filter(({ phase }) => phase === name).map(({ key }) => key),
    ]),
  );
});

test('the table of variables in the guide has those that rules can read, and no others', () => {
  const guide = readFileSync(join(root, 'docs/guides/cel.md'), 'utf8');
  const told = [...guide.matchAll(/^\| `([\w.]+)` +\| (http|mcp) /gm)].map(
    ([, name, place]) => `${name} ${place}`,
  );
  const unread = ['request.body', 'mcp.prompt.arguments'];
  const there = Object.entries(PLACES.mcp.roots).flatMap(([name, variable]) =>
    leaves(name, variable).map((leaf) => `${leaf} ${name === 'mcp' ? 'mcp' : 'http'}`),
  );
  assert.deepEqual(
    told.sort(),
    there.filter((leaf) => !unread.some((name) => leaf.startsWith(`${name} `))).sort(),
  );
});

/** What there is of a variable now; of claims and headers the known ones. */
function leaves(path: string, { fields, later }: Variable): string[] {
  if (later) return [];
  return fields
    ? Object.entries(fields).flatMap(([name, field]) => leaves(`${path}.${name}`, field))
    : [path];
}

test('there are configurations in the pages', () => {
  assert.ok(FENCES.filter(({ language }) => language === 'yaml').length > 10);
});

test('links lead to files and headings that exist', () => {
  const broken = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^https?:/.test(link) && !leadsSomewhere(path, link))
      .map((link) => `${path}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('files that the pages name exist', () => {
  const named = PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(/`((?:src|test|docs|schema|scripts|bench|examples)\/[\w./-]*)`/g)].map(
      ([, file = '']) => ({
        path,
        file,
      }),
    ),
  );
  assert.ok(named.length > 40, `${named.length} files named`);
  const missing = named.filter(({ path, file }) => path !== 'CHANGELOG.md' && !existsSync(join(root, file)));
  assert.deepEqual(missing, []);
});

test('npm commands that the pages show exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const known = new Set(Object.keys(scripts));
  const shown = PAGES.flatMap(({ text }) =>
    [...text.matchAll(/\bnpm (?:run ([\w-]+)|(start|test))\b/g)].map(
      ([, name, short]) => name ?? short ?? '',
    ),
  );
  assert.ok(shown.length > 10);
  assert.deepEqual(
    [...new Set(shown)].filter((name) => !known.has(name)),
    [],
  );
});

test('options of the command line that the pages show exist', async () => {
  const help = await run(process.execPath, [MAIN, '--help'], { deadline: 30_000 });
  const stdio = await run(process.execPath, [MAIN, 'stdio', '--help'], { deadline: 30_000 });
  const explain = await run(process.execPath, [MAIN, 'explain', '--help'], { deadline: 30_000 });
  const known = new Set(
    `${help.output}\n${stdio.output}\n${explain.output}`.match(/(?<=^|[\s,])--?[a-z][\w-]*/gim),
  );
  const commands = FENCES.flatMap(({ body }) => body.split('\n')).flatMap(
    (line) => /^(?:agentgateway|node dist\/main\.js|npm start --)\s(.*)$/.exec(line)?.[1] ?? [],
  );
  assert.ok(commands.length > 4);
  const options = commands.flatMap((line) => line.match(/(?<=^|\s)--?[a-z][\w-]*/gi) ?? []);
  assert.deepEqual(
    options.filter((option) => !known.has(option)),
    [],
  );
});

test('programs import names that the package exports', () => {
  const entries: Record<string, object> = {
    agentgateway: main,
    'agentgateway/mcp': mcp,
    'agentgateway/testing': testing,
  };
  const programs = FENCES.filter(({ language }) => language === 'ts');
  assert.ok(programs.length > 0);
  for (const { page, line, body } of programs) {
    for (const { specifier, names, typeOnly } of parseSource(`${page}:${line}.ts`, body).imports) {
      if (!specifier.startsWith('agentgateway') || typeOnly) continue;
      const exported = Object.keys(entries[specifier] ?? {});
      for (const name of names)
        assert.ok(exported.includes(name), `${page}:${line}: ${specifier} has no ${name}`);
    }
  }
});

test('error codes in the guides are those of the catalogue', () => {
  const text = PAGES.filter(({ path }) => path.startsWith('docs/guides/'))
    .map((page) => page.text)
    .join('\n');
  const variables = new Set(['AGENTGATEWAY_ADDRESS', 'SESSION_KEY', 'SEARCH_URL', 'LOG_LEVEL']);
  const named = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code = '']) => code);
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter((code) => !(code in CATALOGUE) && !variables.has(code)),
    [],
  );
});

test('the table of metrics in the guide has those that the code counts, and no others', () => {
  const guide = readFileSync(join(root, 'docs/guides/operations.md'), 'utf8');
  const counted = sources('src').flatMap((text) => [
    ...[...text.matchAll(/\.count\(\s*'(\w+)'/g)].map(([, name = '']) =>
      name.replace(/(?:_total)?$/, '_total'),
    ),
    ...[...text.matchAll(/gauge\(\{\s*name: '(\w+)'/g)].map(([, name = '']) => name),
  ]);
  assert.ok(counted.length > 4, counted.join());
  assert.deepEqual(
    counted.filter((name) => !guide.includes(`\`agentgateway_${name}\``)),
    [],
  );
  const code = sources('src').join('\n');
  const told = [...guide.matchAll(/`agentgateway_(\w+)`/g)].map(([, name = '']) => name);
  assert.deepEqual(
    told.filter((name) => !code.includes(`'${name}'`) && !code.includes(`'${name.replace(/_total$/, '')}'`)),
    [],
  );
});

function markdown(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file).replaceAll('\\', '/'))
    .sort();
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(root, folder, file), 'utf8'));
}

function fences({ path, text }: Page): Fence[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: body = '', index }) => ({
      page: path,
      line: text.slice(0, index).split('\n').length,
      language,
      body,
    }),
  );
}

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', heading] = link.split('#');
  const target = file === '' ? from : normalize(join(dirname(from), file)).replaceAll('\\', '/');
  if (!existsSync(join(root, target))) return false;
  if (heading === undefined) return true;
  return headings(readFileSync(join(root, target), 'utf8')).includes(heading);
}

/** As GitHub makes anchors of headings. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}
