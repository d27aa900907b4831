import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLine } from './command-line.ts';

const CASES: readonly (readonly [args: string[], shown: string])[] = [
  [['-y', '@modelcontextprotocol/server-everything'], 'npx -y @modelcontextprotocol/server-everything'],
  [['--api-key', 'abc', '--verbose'], 'npx --api-key [redacted] --verbose'],
  [['--token=abc', '--port=1'], 'npx --token=[redacted] --port=1'],
  [['API_KEY=abc', 'MODE=x'], 'npx API_KEY=[redacted] MODE=x'],
  [['-e', 'SECRET=abc'], 'npx -e SECRET=[redacted]'],
  [['postgresql://user:pass@db/x'], 'npx postgresql://[redacted]@db/x'],
  [
    ['--url=https://u:p@host/?api_key=abc&page=2'],
    'npx --url=https://[redacted]@host/?api_key=[redacted]&page=2',
  ],
  [['--header', 'Authorization: Bearer abc'], 'npx --header Authorization: [redacted]'],
  [['--header=X-Api-Key: abc def'], 'npx --header=X-Api-Key: [redacted]'],
  [['-c', 'cd /x && API_KEY=abc npx foo'], 'npx -c cd /x && API_KEY=[redacted] npx foo'],
  [['--author', '-v', 'C:\\tools'], 'npx --author -v C:\\tools'],
];

for (const [args, shown] of CASES) {
  test(`${JSON.stringify(args)} is shown as ${shown}`, () => assert.equal(commandLine('npx', args), shown));
}

test('a long command is cut', () => {
  assert.equal(commandLine('npx', ['x'.repeat(500)]).length, 160);
});
