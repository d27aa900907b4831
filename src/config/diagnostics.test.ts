import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, type Diagnostic, formatDiagnostics, showPath } from './diagnostics.ts';
import { diagnosticAt } from './positions.ts';

const one: Diagnostic = {
  file: 'config.yaml',
  line: 12,
  column: 3,
  path: 'mcp.prt',
  message: 'unknown key `prt`',
  hint: 'did you mean `port`?',
  excerpt: '  prt: 3000\n  ^^^',
};

test('a diagnostic shows the place, the text, the marks and the hint', () => {
  assert.equal(
    formatDiagnostics([one]),
    [
      'config.yaml:12:3: unknown key `prt`',
      '  12 |   prt: 3000',
      '     |   ^^^',
      '  at mcp.prt',
      '  did you mean `port`?',
    ].join('\n'),
  );
});

test('without excerpt and hint it is one line', () => {
  assert.equal(
    formatDiagnostics([{ file: 'a', line: 1, column: 1, path: '', message: 'empty' }]),
    'a:1:1: empty',
  );
});

test('colour changes nothing but the colour', () => {
  const coloured = formatDiagnostics([one, one], { color: true });
  assert.notEqual(coloured, formatDiagnostics([one, one]));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
  assert.equal(coloured.replace(/\u001b\[\d+m/g, ''), formatDiagnostics([one, one]));
});

test('the error prints as its diagnostics', () => {
  assert.equal(new ConfigError([one]).message, formatDiagnostics([one]));
});

test('a path is written as people would write it', () => {
  assert.equal(showPath(['binds', 0, 'routes', 12, 'a-b', 'x.y', '']), 'binds[0].routes[12].a-b["x.y"][""]');
});

test('marks stand under the text, also behind tabs, on long lines and at the end of lines with CR', () => {
  const at = (text: string, word: string) => {
    const start = text.indexOf(word);
    const {
      line,
      column,
      excerpt = '',
    } = diagnosticAt({ file: 'f', text }, { start, end: start + word.length }, { path: '', message: '' });
    const [shown = '', marks = ''] = excerpt.split('\n');
    assert.equal(shown.slice(marks.indexOf('^'), marks.length), word);
    assert.ok(shown.length <= 120 && !shown.includes('\r'));
    return [line, column];
  };
  assert.deepEqual(at('a: 1\n\tb: word', 'word'), [2, 5]);
  assert.deepEqual(at('a: 1\r\nb: word\r\n', 'word'), [2, 4]);
  assert.deepEqual(at(`${'x'.repeat(500)} word ${'y'.repeat(500)}`, 'word'), [1, 502]);
});
