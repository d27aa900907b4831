import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { childPorts, type LogEntry, temporaryFolder, until } from '../../../test/fixtures/child-host.ts';
import { ask, ECHO, open, World } from '../../../test/fixtures/stdio-target.ts';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import { variables } from './environment.ts';
import { stdioTarget } from './index.ts';
import { type StdioConfig, stdioSchema } from './schema.ts';

const settings = (more: object): StdioConfig => stdioSchema.parse({ cmd: 'x', ...more });

test('a child gets values of files as they are when it starts', async (t) => {
  const file = join(temporaryFolder(t), 'token');
  await writeFile(file, 'first-token\n');
  const ports = testPorts();
  const now = variables(settings({ env: { A: 1, EMPTY: '', TOKEN: { file } } }), ports);
  assert.deepEqual(now(), { env: { A: '1', EMPTY: '', TOKEN: 'first-token' }, secrets: ['first-token'] });
  await writeFile(file, 'second-token\n');
  await ports.clock.advance(1000);
  assert.equal(now().env['TOKEN'], 'second-token');
});

test('a file that is not there is a mistake in the configuration that names the variable', async (t) => {
  const file = join(temporaryFolder(t), 'token');
  const config = settings({ env: { TOKEN: { file } } });
  assert.throws(() => variables(config, testPorts()), {
    code: 'CONFIG_INVALID',
    message: `stdio.env.TOKEN: ${file}: no such file`,
  });
  await writeFile(file, 'x');
  await rm(file);
  assert.throws(() => variables(config, testPorts()), { code: 'CONFIG_INVALID' });
});

test('the identity of a server names the file of a secret, not the secret', async (t) => {
  const file = join(temporaryFolder(t), 'token');
  await writeFile(file, 'first-token');
  const identity = stdioTarget.identity(settings({ env: { TOKEN: { file } } }), {});
  assert.deepEqual((identity as StdioConfig).env, { TOKEN: { file } });
});

test('what a child prints of its secrets is in no log, whatever they are called', async (t) => {
  const file = join(temporaryFolder(t), 'token');
  await writeFile(file, 'canary-file');
  const logged: LogEntry[] = [];
  const world = new World(t, childPorts({ log: logged }));
  const script = `console.error("have " + process.env.PLAIN + " " + process.argv.slice(1)); ${ECHO}`;
  const connector = world.connector({
    cmd: process.execPath,
    args: ['-e', script, '--', '--token', 'canary-argument', '--api-key=canary-pair'],
    env: { PLAIN: { file } },
    warm: 0,
  });
  const { wire, reader } = await open(connector);
  await ask(wire, reader);
  await until(() => JSON.stringify(logged).includes('have'), 'the line is logged');
  assert.doesNotMatch(JSON.stringify(logged), /canary/);
  await connector.close();
});
