/** The laws of ARCHITECTURE.md, read from the sources. What a rule finds is excused in exceptions.ts or not at all. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXCEPTIONS, type Exception } from './exceptions.ts';
import { anyType, fileLength, functionLength, parameters } from './rules/budgets.ts';
import { cycles, packages, rooms, siblings } from './rules/imports.ts';
import { machinePaths, registryHosts, type TextFile } from './rules/project.ts';
import { ambient, hotPath, processUse, schemaLibrary } from './rules/reach.ts';
import { exported, headers, names, sideEffects } from './rules/shape.ts';
import { skips } from './rules/tests.ts';
import { readSources, root, type Violation } from './source.ts';

const src = readSources('src');
const tests = ['test', 'bench', 'examples', 'scripts'].flatMap((folder) => readSources(folder));
const all = [...src, ...tests];
const texts = readTexts();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

const RULES: Readonly<Record<string, () => Violation[]>> = {
  'rooms import only what lies below them': () => rooms(src),
  'features do not import their siblings': () => siblings(src),
  'there are no import cycles': () => cycles(all),
  'the product uses declared dependencies only': () => packages(src, Object.keys(manifest.dependencies)),
  'files have at most 400 lines': () => fileLength(all),
  'functions have at most 60 lines': () => functionLength(src),
  'functions take at most three parameters': () => parameters(src),
  'nothing is any': () => anyType(all),
  'file names are kebab-case words of the domain': () => names(all),
  'a file opens with what it owns': () => headers(src),
  'exports are named': () => exported(all),
  'importing a module does nothing': () => sideEffects(src),
  'only main touches the process': () => processUse(src),
  'clock, timers and chance are passed in': () => ambient(src),
  'the hot path stays off slow interfaces': () => hotPath(src),
  'schema libraries stay in schema files': () => schemaLibrary(src),
  'a skipped test says why': () => skips(all),
  'no path of a machine is mentioned': () => machinePaths(texts),
  'no package registry is mentioned': () => registryHosts(texts),
};

const used = new Set<Exception>();

for (const [rule, find] of Object.entries(RULES)) {
  test(rule, () => {
    const left = find().filter((violation) => !excused(rule, violation));
    assert.equal(left.length, 0, `\n${left.map(({ file, detail }) => `  ${file}: ${detail}`).join('\n')}\n`);
  });
}

test('every exception is still needed, and says why', () => {
  const stale = EXCEPTIONS.filter(
    (exception) => !used.has(exception) || exception.reason.length < 10 || !(exception.rule in RULES),
  );
  assert.deepEqual(stale, []);
});

test('the rules have sources to read', () => {
  assert.ok(src.length > 20, `${src.length} files under src/`);
  assert.ok(texts.some(({ path }) => path === 'package-lock.json'));
});

function excused(rule: string, violation: Violation): boolean {
  const exception = EXCEPTIONS.find(
    (each) =>
      each.rule === rule && each.file === violation.file && violation.detail.includes(each.detail ?? ''),
  );
  if (exception) used.add(exception);
  return exception !== undefined;
}

/** Everything a person wrote, and the lock file. */
function readTexts(): TextFile[] {
  const made = /^(?:node_modules|dist|build[\w-]*|coverage|results|\.git|\.cache)$/;
  const read = (folder: string): TextFile[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return made.test(entry.name) ? [] : read(path);
      return entry.isFile() ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
    });
  return read('');
}
