/** What people are told about mistakes in limits: the place in the file, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../src/config/diagnostics.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadedForText } from '../../src/generation/loading.ts';
import { standard as definitions } from '../../src/standard.ts';
import { testPorts } from '../fixtures/test-ports.ts';

const bucket = { maxTokens: 1, tokensPerFill: 1, fillInterval: '1s' };
const remote = (...descriptors: object[]) => ({ domain: 'd', host: 'localhost:1', descriptors });
const entry = (value: string) => ({ entries: [{ key: 'k', value }] });

/** `place: message`, for policies of the one route. */
async function told(policies: object): Promise<string[]> {
  const routes = [{ policies, backends: [{ host: 'localhost:1' }] }];
  const text = JSON.stringify({ binds: [{ port: 0, listeners: [{ routes }] }] }, null, 1);
  const loaded = await loadedForText(text, { definitions, ports: testPorts() });
  try {
    loadConfig({ text, file: 'config.json', definitions, env: {}, cwd: '/', folder: '/', loaded });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.diagnostics.map(
      ({ path, message, hint = '' }) => `${path.replace(/^.*\.policies\./, '')}: ${message} ${hint}`,
    );
  }
  return [];
}

test('limits that are right are not spoken of', async () => {
  const policies = {
    localRateLimit: [{ ...bucket, key: 'jwt.sub', redis: { url: 'redis://localhost' } }],
    remoteRateLimit: remote({ ...entry('request.path'), cost: '2' }),
    concurrencyLimit: { maxCalls: 1, key: 'source.address' },
  };
  assert.deepEqual(await told(policies), []);
  assert.deepEqual(
    await told({ localRateLimit: { conditional: [{ ...bucket, condition: 'true' }, bucket] } }),
    [],
  );
});

test('what only the Rust gateway counts is not there yet, which is not the same as unknown', async () => {
  const [local] = await told({ localRateLimit: [{ ...bucket, type: 'tokens' }] });
  assert.match(local ?? '', /^localRateLimit\[0\]\.type: .*not supported/);
  const [descriptor] = await told({ remoteRateLimit: remote({ ...entry('"x"'), type: 'tokens' }) });
  assert.match(descriptor ?? '', /^remoteRateLimit\.descriptors\[0\]\.type: .*not supported/);
  const [backend] = await told({ remoteRateLimit: { ...remote(entry('"x"')), backend: 'x' } });
  assert.match(backend ?? '', /^remoteRateLimit\.backend: .*not supported/);
  const misspelt = { maxTokens: 1, tokensPerFill: 1, fillIntervall: '1s' };
  const unknown = await told({ localRateLimit: [misspelt] });
  assert.match(unknown.join('\n'), /localRateLimit\[0\]\.fillIntervall: .*fillInterval\b/);
});

test('expressions are looked at wherever they stand', async () => {
  const conditional = [{ ...bucket, condition: 'jtw.sub == "x"' }, bucket];
  const messages = [
    ...(await told({ localRateLimit: [bucket, { ...bucket, cost: 'request.pth' }] })),
    ...(await told({ localRateLimit: { conditional } })),
    ...(await told({ remoteRateLimit: remote(entry('"a"'), { ...entry('jtw.sub'), limitOverride: '1 +' }) })),
    ...(await told({ concurrencyLimit: { maxCalls: 1, key: 'size(request.body)' } })),
  ];
  const places = messages.map((message) => message.replace(/: .*$/s, ''));
  assert.deepEqual(places, [
    'localRateLimit[1].cost',
    'localRateLimit.conditional[0].condition',
    'remoteRateLimit.descriptors[1].entries[0].value',
    'remoteRateLimit.descriptors[1].limitOverride',
    'concurrencyLimit.key',
  ]);
});
