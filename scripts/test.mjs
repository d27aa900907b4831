/**
 * `npm test [-- pattern ...]`: static checks, then every test file whose path contains one of the patterns (all
 * without any; patterns leave the checks out). The last line on standard output is `N passed, N failed`. Never hangs:
 * a file has a deadline and so has the whole run. The whole of conformance and of fidelity have their own commands.
 */
import { spawnSync } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { buildDist, tsc } from './compile.mjs';
import { root, say, setup } from './setup.mjs';

const FOLDERS = ['src', 'test', 'examples', 'bench'];
const FILE_DEADLINE = 180_000;
const RUN_DEADLINE = 1_200_000;
/** Files at once: more would make tests that wait for a timer or a child fail on a busy machine. */
const CONCURRENCY = 2;
/** What a test may ask for with a line `// needs: curl`: command, and the Debian package that brings it. */
const SYSTEM = {
  curl: 'curl',
  chromium: 'chromium',
  git: 'git',
  openssl: 'openssl',
  ps: 'procps',
  'redis-server': 'redis-server',
  nginx: 'nginx',
};

const total = { passed: 0, failed: 0, skipped: 0 };
let reported = false;
// Whatever ends this early (no network for the install, a bug here), the last line is there and says so.
process.on('exit', () => {
  if (reported) return;
  process.exitCode = 1;
  process.stdout.write(`${total.passed} passed, ${total.failed + 1} failed\n`);
});
const patterns = process.argv.slice(2).filter((argument) => argument !== '--');

setup();
const files = FOLDERS.flatMap((folder) => testFiles(join(root, folder))).filter(wanted);
provide(files);
if (patterns.length === 0) {
  check('biome', () => node('@biomejs/biome/bin/biome', 'check', '--diagnostic-level=warn'));
  check('knip', () => node('knip/bin/knip.js'));
  check('build', () => ({ status: buildDist() ? 0 : 1 }));
  check('publint', () => node('publint/src/cli.js', '--strict'));
}
check('tsc', () => tsc('tsconfig.json'));
if (files.length === 0) check(`a test file for ${patterns.join(' ')}`, () => ({ status: 1 }));
else await runTests(files);
report();

function testFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, '/'))
    .sort();
}

function wanted(file) {
  return patterns.length === 0 || patterns.some((pattern) => file.includes(pattern));
}

/** Installs missing commands where that is possible; elsewhere says how, and the tests concerned tell the rest. */
function provide(sources) {
  const missing = new Set();
  for (const file of sources) {
    const line = /^\/\/ needs: (.+)$/m.exec(readFileSync(join(root, file), 'utf8'));
    for (const command of line?.[1].split(/[\s,]+/) ?? []) {
      if (command in SYSTEM && spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0)
        missing.add(SYSTEM[command]);
    }
  }
  if (missing.size === 0) return;
  const packages = [...missing].join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    say(`some tests need: ${packages}; on Debian: apt-get install ${packages}`);
    return;
  }
  say(`installing ${packages}`);
  const script = `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages}`;
  spawnSync('sh', ['-c', script], { stdio: ['ignore', 2, 2], timeout: 300_000 });
}

function node(script, ...args) {
  return spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
}

function check(name, work) {
  const ok = work().status === 0;
  total[ok ? 'passed' : 'failed'] += 1;
  console.log(`${ok ? '✔' : '✖'} ${name}`);
}

async function runTests(sources) {
  // Reaches the test processes: positions in the TypeScript sources instead of the compiled files.
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim();
  const deadline = new AbortController();
  // Every test file listens to it.
  setMaxListeners(0, deadline.signal);
  const timer = setTimeout(() => {
    total.failed += 1;
    console.log(`✖ the run took longer than ${RUN_DEADLINE / 60_000} minutes`);
    deadline.abort();
    setTimeout(report, 5000).unref();
  }, RUN_DEADLINE);
  const compiled = sources.map((file) => join(root, 'build', file.replace(/\.ts$/, '.js')));
  const events = run({
    files: compiled,
    concurrency: CONCURRENCY,
    timeout: FILE_DEADLINE,
    signal: deadline.signal,
  });
  events
    .on('test:pass', (event) => count(event, 'passed'))
    .on('test:fail', (event) => count(event, 'failed'));
  const shown = events.compose(new Spec());
  shown.pipe(process.stdout, { end: false });
  await new Promise((resolve) => shown.on('end', resolve).on('error', resolve));
  clearTimeout(timer);
}

/** Counts what a person would call a test: no suites, and no parent that fails only because a part of it did. */
function count(event, outcome) {
  if (event.details?.type === 'suite' || event.details?.error?.failureType === 'subtestsFailed') return;
  const set = (mark) => mark !== undefined && mark !== false;
  total[set(event.skip) || set(event.todo) ? 'skipped' : outcome] += 1;
}

function report() {
  reported = true;
  if (total.skipped > 0) console.log(`${total.skipped} skipped`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`, () => process.exit());
}
