/**
 * Makes a checkout runnable: installs what the lock file says when node_modules is missing or older than it. Plain
 * JavaScript without dependencies, because it runs before there are any. Used by start and test; can be run alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const NODE_FLOOR = [20, 19];

/** Says what it does on standard error; ends the process when it cannot. */
export function setup() {
  requireNode();
  const reason = staleness();
  if (!reason) return;
  say(`${reason}: installing dependencies`);
  // `npm ci` wants the native packages of every platform in the lock file, and a lock file written where the package
  // index has only this platform's lacks them. `npm install` takes the same versions and fetches what is missing.
  if (npm('ci', 'ignore') === 0 || npm('install --no-save', 2) === 0) return;
  fail('the dependencies could not be installed');
}

function npm(command, errors) {
  const args = [...command.split(' '), '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', errors, errors],
    shell: process.platform === 'win32',
  });
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  return result.status;
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

export function fail(text) {
  say(text);
  process.exit(1);
}

/** npm writes this file at the end of every install, so that its age is the age of node_modules. */
function staleness() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return 'node_modules is missing or incomplete';
  const age = statSync(installed).mtimeMs;
  // A checkout writes both files at once; git's times are whole seconds on some file systems.
  if (statSync(join(root, 'package-lock.json')).mtimeMs > age + 1000)
    return 'package-lock.json is newer than node_modules';
  return undefined;
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = NODE_FLOOR;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  fail(`Node ${NODE_FLOOR.join('.')} or newer is needed; this is ${process.versions.node}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
