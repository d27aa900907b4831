import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spec } from '../../../test/fixtures/child-host.ts';
import { childEnvironment, executable, spawnFailure } from './command.ts';

test('on Windows a setting replaces an inherited variable that differs in case only', () => {
  const what = spec('npx', [], { env: { PATH: 'C:\\mine' } });
  const inherited = { Path: 'C:\\Windows', SystemRoot: 'C:\\Windows' };
  assert.deepEqual(childEnvironment(what, inherited, 'win32'), {
    SystemRoot: 'C:\\Windows',
    PATH: 'C:\\mine',
  });
  assert.deepEqual(childEnvironment(what, inherited, 'linux'), { ...inherited, PATH: 'C:\\mine' });
});

test('undefined variables are not inherited as text', () => {
  assert.deepEqual(childEnvironment(spec('x'), { A: undefined, B: 'b' }, 'linux'), { B: 'b' });
});

test('on Windows the command is left as it is, for the .cmd shims are found while starting', () => {
  assert.equal(executable(spec('npx'), undefined, 'win32'), 'npx');
});

test('what the system refuses is told in words with a remedy', () => {
  const told = (code: string, platform: NodeJS.Platform = 'linux'): string =>
    spawnFailure(spec('npx'), Object.assign(new Error('spawn'), { code }), platform).message;
  assert.match(told('ENOENT', 'win32'), /^command not found on PATH: npx\. Install it/);
  assert.match(told('ENOENT'), /interpreter is missing\. Check the first line/);
  assert.match(told('EACCES'), /^not executable: npx\. Check its permissions/);
  assert.match(told('EMFILE'), /too many open files\. Raise the limit/);
  assert.match(told('EAGAIN'), /too many processes\. Raise the limit/);
  assert.match(told('EWHATEVER'), /^cannot start npx: EWHATEVER\. Check stdio\.cmd/);
});
