/** What people are told about mistakes in what upstreams are shown: the place, and never a secret. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { loadedForText } from '../../src/generation/loading.ts';
import { standard } from '../../src/standard.ts';
import { testPorts } from '../fixtures/test-ports.ts';

interface Places {
  readonly route?: object;
  readonly backend?: object;
  readonly target?: object;
  /** What kind of target; default: remote. */
  readonly kind?: object;
}

async function told({ route = {}, backend = {}, target = {}, kind }: Places): Promise<string> {
  const remote = kind ?? { mcp: { host: 'https://tools.test/mcp' } };
  const mcp = { targets: [{ name: 'one', ...remote, policies: target }] };
  const document = {
    binds: [
      { port: 0, listeners: [{ routes: [{ policies: route, backends: [{ mcp, policies: backend }] }] }] },
    ],
  };
  const text = JSON.stringify(document, null, 1);
  const given = { text, file: 'config.json', definitions: standard, env: {}, cwd: '/', folder: '/' };
  try {
    const loaded = await loadedForText(text, { definitions: standard, ports: testPorts() });
    loadConfig({ ...given, loaded });
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return 'accepted';
}

const KEY = { backendAuth: { key: 'hunter2' } };
const SET = { transformations: { request: { set: { 'x-user': 'jwt.sub' } } } };
const STATIC = { requestHeaderModifier: { set: { 'x-env': 'hunter2' } } };

test('keys and headers stand at routes, backends and targets', async () => {
  for (const places of [
    { route: KEY },
    { backend: KEY },
    { target: KEY },
    { route: { ...SET, ...STATIC } },
    { backend: SET },
    { target: SET },
    { backend: STATIC },
    { target: { ...STATIC, ...SET, ...KEY } },
  ])
    assert.equal(await told(places), 'accepted', JSON.stringify(places));
});

test('what the Rust gateway has beyond this is said to be missing yet', async () => {
  const later = /is known to the Rust gateway, not supported here yet/;
  for (const kind of ['gcp', 'aws', 'azure', 'copilot', 'jwtSign', 'oauthTokenExchange', 'crossAppAccess'])
    assert.match(await told({ target: { backendAuth: { [kind]: {} } } }), later, kind);
  assert.match(await told({ target: { backendAuth: { key: 'k', credentials: [] } } }), later);
  assert.match(await told({ target: { transformations: { response: {} } } }), later);
  assert.match(await told({ target: { transformations: { request: { body: '"x"' } } } }), later);
  const path = { transformations: { request: { set: { ':path': '"/x"' } } } };
  assert.match(await told({ target: path }), /towards plain HTTP, and nowhere else/);
});

test('a target that is a process takes none of them, and says where', async () => {
  const kind = { stdio: { cmd: 'node' } };
  for (const [key, target] of Object.entries({
    backendAuth: KEY,
    transformations: SET,
    requestHeaderModifier: STATIC,
  })) {
    const message = await told({ kind, target });
    assert.match(message, /this target is a process/);
    assert.match(message, new RegExp(`targets\\[0\\]\\.policies\\.${key}`));
    assert.match(message, /^config\.json:\d+:\d+/);
  }
  assert.equal(await told({ kind, backend: KEY }), 'accepted', 'others behind the same backend may need it');
});

test('an expression is wrong at its place', async () => {
  const target = { transformations: { request: { set: { 'x-user': 'jwt.sub', 'x-b': 'jvt.sub' } } } };
  const message = await told({ target });
  assert.match(message, /jvt/);
  assert.match(message, /transformations\.request\.set\.x-b/);
});

test('secrets are not repeated', async () => {
  const header = (value: string) => ({ requestHeaderModifier: { set: { 'x-key': value } } });
  const client = { tokenUrl: 'https://issuer.test/t', clientId: 'gw', clientSecret: 'hunter2' };
  for (const target of [
    { backendAuth: { key: 'hunter2\nx' } },
    { backendAuth: { key: { value: 'hunter2 ', location: { header: { name: 'x' } } } } },
    { backendAuth: { key: { value: 'hunter2', place: 'x' } } },
    { backendAuth: { key: { value: 'hunter2', location: { header: { name: 'host' } } } } },
    { backendAuth: { key: ['hunter2'] } },
    { backendAuth: { key: 'hunter2', passthrough: {} } },
    { backendAuth: { oauthClientCredentials: { ...client, issuer: 'https://issuer.test' } } },
    { backendAuth: { oauthClientCredentials: { ...client, tokenUrl: 'https://gw:hunter2@issuer.test' } } },
    {
      backendAuth: { oauthClientCredentials: { ...client, additionalParams: { client_secret: 'hunter2' } } },
    },
    { backendAuth: { oauthClientCredentials: { ...client, clientSecret: ['hunter2'] } } },
    header('hunter2\r\n'),
  ]) {
    const message = await told({ target });
    assert.notEqual(message, 'accepted', JSON.stringify(target));
    assert.ok(!message.includes('hunter2'), message);
  }
});
