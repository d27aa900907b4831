import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { requestMirrorSchema } from './schema.ts';

test('a mirror is a server by its name', () => {
  const { backend, percentage } = requestMirrorSchema.parse({ backend: { host: 'a.internal:80' } });
  assert.deepEqual([backend.host, percentage], ['http://a.internal:80', 1]);
  for (const wrong of [
    {},
    { backend: { host: 'a' } },
    { backend: { host: 'https://a/b' } },
    { backend: { host: 'a:80' }, percentage: 1.5 },
    { backend: { host: 'a:80', policies: {} } },
  ])
    assert.throws(() => requestMirrorSchema.parse(wrong), JSON.stringify(wrong));
});

test('requests to MCP servers have none, and that is said', async () => {
  const bench = policyBench('requestMirror');
  bench.build({ backend: { host: 'a:80' } }, { route: { backends: ['mcp'] } });
  assert.match(JSON.stringify(bench.ports.logged), /not mirrored/);
  await bench.close();
});
