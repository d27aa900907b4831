import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asCapabilities, missingCapability, neededCapability } from './needs.ts';

const needs = (method: string, params: object): string | undefined =>
  neededCapability(method, Buffer.from(JSON.stringify(params)));

test('a question needs the capability of its kind, and of the mode or the tools it uses', () => {
  assert.equal(needs('roots/list', {}), 'roots');
  assert.equal(needs('elicitation/create', { message: 'x' }), 'elicitation.form');
  assert.equal(needs('elicitation/create', { mode: 'form' }), 'elicitation.form');
  assert.equal(needs('elicitation/create', { mode: 'url', url: 'https://a.example' }), 'elicitation.url');
  assert.equal(needs('sampling/createMessage', { messages: [] }), 'sampling');
  assert.equal(needs('sampling/createMessage', { tools: [] }), 'sampling.tools');
  assert.equal(needs('sampling/createMessage', { toolChoice: {} }), 'sampling.tools');
});

test('anything else is no question for a client', () => {
  for (const method of ['ping', 'tools/call', 'elicitation/createX', 'tasks/get', ''])
    assert.equal(needs(method, {}), undefined);
});

test('a question that parsers may read in two ways is refused', () => {
  const params = Buffer.from('{"mode":"form","mode":"url"}');
  assert.throws(() => neededCapability('elicitation/create', params), { code: 'INVALID_REQUEST' });
});

test('what is missing is named: the capability when all of it is, else the part', () => {
  assert.equal(missingCapability({ roots: {} }, 'roots'), undefined);
  assert.equal(missingCapability({}, 'roots'), 'roots');
  assert.equal(missingCapability({ roots: true }, 'roots'), 'roots');
  assert.equal(missingCapability({}, 'sampling.tools'), 'sampling');
  assert.equal(missingCapability({ sampling: {} }, 'sampling.tools'), 'sampling.tools');
  assert.equal(missingCapability({ sampling: { tools: {} } }, 'sampling.tools'), undefined);
});

test('elicitation without a word about modes means forms; by URL alone it does not', () => {
  assert.equal(missingCapability({ elicitation: {} }, 'elicitation.form'), undefined);
  assert.equal(missingCapability({ elicitation: {} }, 'elicitation.url'), 'elicitation.url');
  assert.equal(missingCapability({ elicitation: { url: {} } }, 'elicitation.form'), 'elicitation.form');
  assert.equal(missingCapability({ elicitation: { url: {} } }, 'elicitation.url'), undefined);
  assert.equal(missingCapability({}, 'elicitation.form'), 'elicitation');
});

test('what an object has by its nature is not declared', () => {
  assert.equal(missingCapability({}, 'constructor'), 'constructor');
  assert.equal(missingCapability({ sampling: {} }, 'sampling.constructor'), 'sampling.constructor');
});

test('what is missing is told as clients declare it', () => {
  const missing = ['sampling', 'elicitation.url', 'elicitation.form'];
  assert.deepEqual(asCapabilities(missing), { sampling: {}, elicitation: { url: {}, form: {} } });
});
