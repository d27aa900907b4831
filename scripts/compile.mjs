/** Runs the TypeScript compiler of this checkout, and tells whether an output folder is older than its sources. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail, root, say } from './setup.mjs';

/** Compiles with `project`; ends the process when the code has errors. */
export function compile(project) {
  const result = tsc(project);
  if (result.status !== 0) fail(`tsc -p ${project} failed`);
}

/** The compiler writes what it finds to standard output; that belongs to the caller, so it goes to standard error. */
export function tsc(project) {
  const result = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  );
  if (result.error) fail(`tsc could not be started: ${result.error.message}`);
  return result;
}

/** Makes `dist/` anew when it is missing or older than any source. False when the code has errors. */
export function buildDist() {
  const entry = join(root, 'dist', 'main.js');
  const sources = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json'].map((name) =>
    join(root, name),
  );
  if (existsSync(entry) && statSync(entry).mtimeMs >= newest(sources)) return true;
  say('building dist/');
  // A module whose source is gone must not be packed and imported for ever.
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  return tsc('tsconfig.build.json').status === 0;
}

function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    const stat = statSync(path);
    latest = Math.max(latest, stat.mtimeMs);
    if (stat.isDirectory())
      latest = Math.max(latest, newest(readdirSync(path).map((name) => join(path, name))));
  }
  return latest;
}
