/**
 * From a configured command to something that can be started: its environment, where the executable is, and, when it
 * cannot be started, a sentence that says what to do about it.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import type { Env } from '../../core/ports.ts';

export interface ProcessSpec {
  /** For logs and metrics: the target's name. */
  readonly name: string;
  readonly cmd: string;
  readonly args: readonly string[];
  /** On top of the inherited environment, or alone when `clearEnv`. */
  readonly env: Readonly<Record<string, string>>;
  /** Values that no log shows if the child prints them, beside those of variables whose names say so. */
  readonly secrets?: readonly string[];
  readonly clearEnv: boolean;
  readonly cwd: string | undefined;
}

export function childEnvironment(
  spec: ProcessSpec,
  inherited: Env,
  platform: NodeJS.Platform,
): Record<string, string> {
  const env: Record<string, string> = {};
  const set = (name: string, value: string): void => {
    // Windows ignores case in names: `PATH` from the configuration must replace the system's `Path`, not stand beside it.
    if (platform === 'win32') {
      const same = Object.keys(env).find((other) => other.toUpperCase() === name.toUpperCase());
      if (same !== undefined) delete env[same];
    }
    env[name] = value;
  };
  if (!spec.clearEnv)
    for (const [name, value] of Object.entries(inherited)) if (value !== undefined) set(name, value);
  for (const [name, value] of Object.entries(spec.env)) set(name, value);
  return env;
}

/**
 * The file to execute. Searched on the child's own PATH, and on the gateway's when the child has none (clearEnv).
 * Throws PROCESS_START for what the system would report as a bare ENOENT: no such folder, no such command.
 * On Windows the search is left to cross-spawn, which knows PATHEXT and .cmd shims.
 */
export function executable(spec: ProcessSpec, path: string | undefined, platform: NodeJS.Platform): string {
  checkFolder(spec);
  if (platform === 'win32') return spec.cmd;
  if (spec.cmd.includes('/')) {
    const file = resolve(spec.cwd ?? '.', spec.cmd);
    const state = fileState(file);
    if (state === 'missing')
      throw startFailure(`no such file: ${spec.cmd}`, `Check stdio.cmd (looked for ${file}).`);
    if (state === 'not executable') throw notExecutable(spec.cmd);
    return spec.cmd;
  }
  let found: string | undefined;
  for (const folder of (path ?? '').split(delimiter)) {
    const file = join(folder || '.', spec.cmd);
    const state = fileState(file);
    if (state === 'executable') return file;
    if (state === 'not executable') found ??= file;
  }
  if (found) throw notExecutable(found);
  throw notFound(spec.cmd);
}

/** What a failed spawn means, in words. */
export function spawnFailure(
  spec: ProcessSpec,
  error: NodeJS.ErrnoException,
  platform: NodeJS.Platform,
): GatewayError {
  switch (error.code) {
    case 'ENOENT':
      if (platform === 'win32') return notFound(spec.cmd, error);
      // The file itself has been found before.
      return startFailure(
        `cannot start ${spec.cmd}: its interpreter is missing`,
        'Check the first line (#!) of the script.',
        error,
      );
    case 'EACCES':
    case 'EPERM':
      return notExecutable(spec.cmd, error);
    case 'EMFILE':
    case 'ENFILE':
      return startFailure(
        `cannot start ${spec.cmd}: too many open files`,
        'Raise the limit (ulimit -n).',
        error,
      );
    case 'EAGAIN':
      return startFailure(
        `cannot start ${spec.cmd}: too many processes`,
        'Raise the limit (ulimit -u).',
        error,
      );
    case 'E2BIG':
      return startFailure(
        `cannot start ${spec.cmd}: arguments and environment are too long`,
        'Shorten stdio.args or stdio.env.',
        error,
      );
    default:
      return startFailure(
        `cannot start ${spec.cmd}: ${error.code ?? error.message}`,
        'Check stdio.cmd and stdio.args.',
        error,
      );
  }
}

function checkFolder(spec: ProcessSpec): void {
  if (spec.cwd === undefined) return;
  const folder = statSync(spec.cwd, { throwIfNoEntry: false });
  if (!folder) throw startFailure(`working directory does not exist: ${spec.cwd}`, 'Check stdio.cwd.');
  if (!folder.isDirectory())
    throw startFailure(`working directory is not a folder: ${spec.cwd}`, 'Check stdio.cwd.');
}

function fileState(file: string): 'executable' | 'not executable' | 'missing' {
  try {
    if (!statSync(file).isFile()) return 'missing';
    accessSync(file, constants.X_OK);
    return 'executable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'not executable' : 'missing';
  }
}

function notFound(cmd: string, cause?: unknown): GatewayError {
  return startFailure(
    `command not found on PATH: ${cmd}`,
    'Install it, extend PATH, or give its full path in stdio.cmd.',
    cause,
  );
}

function notExecutable(file: string, cause?: unknown): GatewayError {
  return startFailure(`not executable: ${file}`, 'Check its permissions (chmod +x).', cause);
}

function startFailure(what: string, remedy: string, cause?: unknown): GatewayError {
  const code: ErrorCode = 'PROCESS_START';
  return new GatewayError(code, `${what}. ${remedy}`, cause === undefined ? {} : { cause });
}
