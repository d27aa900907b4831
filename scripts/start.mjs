/**
 * `npm start [-- arguments]`: from an empty clone to a running gateway. Installs and builds when needed, then becomes
 * the gateway (same process: signals, terminal and exit code need no forwarding), by default with the basic example.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildDist } from './compile.mjs';
import { fail, root, setup } from './setup.mjs';

setup();
if (!buildDist()) fail('the sources do not compile');

const given = process.argv.slice(2);
const args = given.length > 0 ? given : ['-f', join(root, 'examples', 'basic', 'config.yaml')];
// npm runs scripts in the package's folder; a path on the command line is meant from where the user stands. The basic
// example stays here, where npx finds the servers installed with the project.
if (given.length > 0) process.chdir(process.env.INIT_CWD ?? process.cwd());
else process.chdir(root);
const main = join(root, 'dist', 'main.js');
process.argv = [process.execPath, main, ...args];
await import(pathToFileURL(main).href);
