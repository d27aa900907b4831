/** Where MCP Inspector's one program for page and command line is. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { resolve } = createRequire(import.meta.url);

export const INSPECTOR = join(
  dirname(resolve('@modelcontextprotocol/inspector/package.json')),
  'clients/launcher/build/index.js',
);
