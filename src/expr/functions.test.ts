import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededBytes } from '../../test/fixtures/test-ports.ts';
import { environment } from './cel/compile.ts';
import { FUNCTIONS, functionName, laterFunctions } from './functions.ts';

const { shapes } = environment({ random: seededBytes(1) });
const entries = FUNCTIONS.flatMap((group) => group.entries);

test('every function that is described exists, those announced for later do not', () => {
  for (const { forms, later } of entries)
    for (const name of forms.map(functionName)) assert.equal(shapes.has(name), later !== true, name);
});

test('every function that exists is described', () => {
  const described = new Set(entries.flatMap(({ forms }) => forms.map(functionName)));
  assert.deepEqual(
    shapes.names().filter((name) => !described.has(name)),
    [],
  );
  assert.ok(laterFunctions().has('flatten'));
});

test('functions are called as they are described', () => {
  for (const { forms, later } of entries.filter((each) => each.later !== true)) {
    assert.equal(later, undefined);
    for (const form of forms) {
      const args = form.slice(form.indexOf('(') + 1, -1);
      const count = args === '' ? 0 : args.split(', ').length - (args.endsWith('...') ? 1 : 0);
      const problem = shapes.problem(functionName(form), { method: form.startsWith('x.'), count });
      if (problem !== undefined) assert.match(problem, / is written /, form);
    }
  }
});
