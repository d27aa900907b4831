import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitions } from '../../test/golden/definitions.ts';
import { configJsonSchema } from './json-schema.ts';
import { keysAt, schemasAt } from './schema-walk.ts';

const schema = configJsonSchema(definitions);

test('the schema is of draft 2020-12, titled, and closed at the top', () => {
  assert.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
  assert.equal(schema['title'], 'agentgateway configuration');
  assert.equal(schema.additionalProperties, false);
  const keys = 'backends binds config frontendPolicies gateways mcp routes tcpRoutes tests';
  assert.deepEqual(keysAt(schema, []).sort(), keys.split(' '));
});

test('every backend kind and policy has its keys in the schema', () => {
  assert.ok(keysAt(schema, ['mcp', 'targets', 0, 'stdio']).includes('cmd'));
  assert.ok(keysAt(schema, ['gateways', 'any name']).includes('cors'));
  assert.ok(keysAt(schema, ['backends', 3, 'mcp']).includes('prefixMode'));
  assert.deepEqual(keysAt(schema, ['mcp', 'targets', 0, 'policies']), ['backendTLS']);
});

test('a number may be written as a variable', () => {
  const [port] = schemasAt(schema, ['mcp', 'port']);
  const types = port?.anyOf?.map((one) => one.type ?? one['$ref']);
  assert.deepEqual(types, ['integer', '#/$defs/variable']);
});

test('formats that validators do not know are not in it', () => {
  const formats = new Set(
    [...JSON.stringify(schema).matchAll(/"format":"([^"]*)"/g)].map((match) => match[1]),
  );
  for (const known of ['uri', 'date-time', 'ipv4', 'ipv6', 'hostname', 'regex']) formats.delete(known);
  assert.deepEqual([...formats], []);
});

test('defaults are those that the loader fills in', () => {
  assert.equal(schemasAt(schema, ['config', 'adminAddr'])[0]?.default, 'localhost:15000');
  assert.equal(schemasAt(schema, ['mcp', 'prefixMode'])[0]?.default, 'conditional');
});
