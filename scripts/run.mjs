/** `node scripts/run.mjs <file.ts> [-- arguments]`: compiles the project into build/ and runs one of its entries. */
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile } from './compile.mjs';
import { fail, root, setup } from './setup.mjs';

const [entry, ...rest] = process.argv.slice(2);
if (!entry?.endsWith('.ts')) fail('usage: node scripts/run.mjs <file.ts> [-- arguments]');
setup();
compile('tsconfig.json');

const compiled = join(root, 'build', relative(root, resolve(root, entry)).replace(/\.ts$/, '.js'));
process.setSourceMapsEnabled(true);
process.argv = [process.execPath, compiled, ...(rest[0] === '--' ? rest.slice(1) : rest)];
await import(pathToFileURL(compiled).href);
