import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import type { PolicyDeps } from '../../core/policy.ts';
import { http } from './index.ts';
import { httpTargetSchema } from './schema.ts';

const partsOf = (config: object, kind = 'host') => {
  const deps = { ports: testPorts(), route: { backends: [kind] } } as unknown as PolicyDeps;
  return http.build(http.schema.parse(config), deps, undefined);
};

test('versions are written as people do, and as the Rust gateway does', () => {
  for (const [written, meant] of [
    ['auto', undefined],
    ['1.1', '1.1'],
    [1.1, '1.1'],
    ['2', '2'],
    [2, '2'],
    ['HTTP/1.1', '1.1'],
    ['HTTP/2.0', '2'],
  ])
    assert.deepEqual(http.schema.parse({ version: written }), { version: meant });
  assert.equal(http.schema.safeParse({ version: 'HTTP/3.0' }).success, false);
});

describe('requestTimeout', () => {
  test('is a layer where it is said, and nothing where it is not or is 0', () => {
    assert.ok(partsOf({ requestTimeout: '1s' }).exchange);
    assert.deepEqual(partsOf({ requestTimeout: 0 }), {});
    assert.deepEqual(partsOf({ version: '2' }), {});
  });

  test('is refused for MCP servers, which have other deadlines', () => {
    assert.throws(() => partsOf({ requestTimeout: '1s' }, 'mcp'), { code: 'CONFIG_INVALID' });
    assert.equal(httpTargetSchema.safeParse({ requestTimeout: '1s' }).success, false);
  });
});
