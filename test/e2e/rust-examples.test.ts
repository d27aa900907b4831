/**
 * HTTP in configurations as people have them from the Rust gateway, in the shapes of its examples: each loads as it is
 * and does what it says. MCP is in rust-examples-mcp.test.ts. Where we differ on purpose the difference is written down
 * in docs/guides/coming-from-rust.md, with the test that holds it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../../src/config/diagnostics.ts';
import { loadConfig } from '../../src/embed.ts';
import { application, gatewayOf } from './rust-shaped.ts';

describe('HTTP', () => {
  test('a local rate limit: so many at once, then 429 with the headers that say when', async (t) => {
    const { host, reached } = await application(t);
    const gateway = await gatewayOf(
      t,
      `
binds:
- port: 3000
  listeners:
  - protocol: HTTP
    routes:
    - policies:
        localRateLimit:
        - maxTokens: 3
          tokensPerFill: 1
          fillInterval: 60s
      backends:
      - host: ${host}
`,
    );
    const statuses: number[] = [];
    for (let at = 0; at < 5; at += 1) statuses.push((await gateway.get('/')).status);
    assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
    assert.equal(reached.length, 3);
    const { headers } = await gateway.get('/');
    assert.equal(headers['x-ratelimit-limit'], '3');
    assert.equal(headers['x-ratelimit-remaining'], '0');
  });

  test('a global rate limit whose service is not there: failOpen lets through, without a word it refuses', async (t) => {
    const { host } = await application(t);
    const route = (path: string, mode: string): string => `
    - matches:
      - path: { pathPrefix: ${path} }
      policies:
        remoteRateLimit:
          domain: "gateway"
          host: "127.0.0.1:9"
          ${mode}
          descriptors:
          - entries:
            - key: "method"
              value: request.method
            - key: "path"
              value: request.path
            type: "requests"
      backends:
      - host: ${host}`;
    const gateway = await gatewayOf(
      t,
      `binds:\n- port: 3000\n  listeners:\n  - protocol: HTTP\n    routes:${route('/open', 'failureMode: failOpen')}${route('/closed', '')}\n`,
    );
    assert.equal((await gateway.get('/open')).status, 200);
    assert.equal((await gateway.get('/closed')).status, 500);
  });

  test('matches by query and header, rules by address, retry, timeout and delay', async (t) => {
    const { host, reached } = await application(t);
    const gateway = await gatewayOf(
      t,
      `
binds:
- port: 3000
  listeners:
  - protocol: HTTP
    routes:
    - name: match-example
      matches:
      - path: { pathPrefix: /match }
        method: GET
        query:
        - name: param
          value: { exact: hello }
        headers:
        - name: x-header
          value: { regex: "test-[0-9]" }
      backends:
      - host: ${host}
    - name: ip-rules
      matches:
      - path: { pathPrefix: /ips }
      policies:
        authorization:
          rules:
          - |
            cidr("127.0.0.1/8").containsIP(source.address)
      backends:
      - host: ${host}
    - name: again
      matches:
      - path: { pathPrefix: /busy }
      policies:
        retry:
          attempts: 2
          codes: [429]
      backends:
      - host: ${host}
    - name: late
      matches:
      - path: { pathPrefix: /never }
      policies:
        timeout:
          requestTimeout: 300ms
      backends:
      - host: ${host}
    - name: delay-header
      matches:
      - path: { pathPrefix: /delayed }
      policies:
        delay:
          duration: 'request.headers["x-chaos"] == "1" ? 500 : 0'
      backends:
      - host: ${host}
`,
    );
    assert.equal((await gateway.get('/busy')).status, 200);
    assert.deepEqual(
      reached.splice(0).map(({ url }) => url),
      ['/busy', '/busy'],
    );
    assert.equal((await gateway.get('/match?param=hello', { 'x-header': 'test-0' })).status, 200);
    assert.equal((await gateway.get('/match?param=hello', { 'x-header': 'test-00' })).status, 404);
    assert.equal((await gateway.get('/match?param=other', { 'x-header': 'test-0' })).status, 404);
    assert.equal((await gateway.get('/ips')).status, 200);
    assert.equal((await gateway.get('/never')).status, 504);
    assert.equal((await gateway.get('/delayed/zero')).status, 200);
    reached.length = 0;
    const delayed = gateway.get('/delayed/one', { 'x-chaos': '1' });
    assert.equal((await gateway.get('/delayed/two', { 'x-chaos': '0' })).status, 200);
    assert.equal((await delayed).status, 200);
    assert.deepEqual(
      reached.map(({ url }) => url),
      ['/delayed/two', '/delayed/one'],
    );
  });

  test('credentials for an upstream, and the caller is not passed on', async (t) => {
    const { host, reached } = await application(t);
    const gateway = await gatewayOf(
      t,
      `
binds:
- port: 3000
  listeners:
  - name: http
    protocol: HTTP
    routes:
    - policies:
        apiKey:
          keys:
          - key: mine
      backends:
      - host: ${host}
        policies:
          backendAuth:
            key:
              value: primary
`,
    );
    assert.equal((await gateway.get('/')).status, 401);
    assert.equal((await gateway.get('/', { authorization: 'Bearer mine' })).status, 200);
    assert.deepEqual(
      reached.map(({ headers }) => headers.authorization),
      ['Bearer primary'],
    );
  });
});

test('gateways with names, listeners and routes that attach to them load', () => {
  const { binds } = loadConfig(`
gateways:
  default: { port: 12345 }
  alt: { port: 12346 }
  with-listeners:
    port: 12347
    listeners:
    - hostname: a.example.com
      name: a
    - hostname: b.example.com
routes:
- gateways: [default]
  backends: [{ host: explicit:80 }]
- backends: [{ host: implicit:80 }]
- gateways: alt
  backends: [{ host: alt:80 }]
- gateways: [alt, with-listeners/a]
  backends: [{ host: several:80 }]
`);
  const routes = binds.map(({ listeners }) => listeners.map(({ routes: each }) => each.length));
  assert.deepEqual(routes, [[2], [2], [1, 0]]);
});

test('what is not there yet is called that, with its place, and nothing else is wrong with it', () => {
  const route = (policies: string): string =>
    `binds:\n- port: 3000\n  listeners:\n  - routes:\n    - policies: ${policies}\n      backends: [{ host: a:1 }]`;
  const backend = (text: string): string =>
    `binds:\n- port: 3000\n  listeners:\n  - routes:\n    - backends: [${text}]`;
  const documents = [
    route('{ extAuthz: { host: a:1 } }'),
    route('{ extProc: { host: a:1 } }'),
    route('{ oidc: {} }'),
    route('{ ai: {} }'),
    route('{ mcpGuardrails: {} }'),
    backend('{ ai: {} }'),
    backend('{ aws: {} }'),
    backend('{ service: {} }'),
    backend('{ mcp: { targets: [{ name: a, openapi: { host: "http://a:1", schema: "{}", backend: b } }] } }'),
    'frontendPolicies: { accessLog: {} }',
    'frontendPolicies: { tracing: {} }',
    'frontendPolicies: { networkAuthorization: {} }',
    'frontendPolicies: { tcp: {} }',
    'tcpRoutes: [{ backends: [{ service: {} }] }]',
    'config: { tracing: {} }',
    'llm: {}',
    'ui: {}',
    'policies: []',
  ];
  for (const text of documents) {
    assert.throws(
      () => loadConfig(text),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error));
        const messages = error.diagnostics.map(({ message }) => message);
        assert.ok(
          messages.some((message) =>
            message.endsWith('is known to the Rust gateway, not supported here yet'),
          ),
          `${text}: ${messages}`,
        );
        assert.ok(error.diagnostics.every(({ line }) => line > 0));
        return true;
      },
    );
  }
});

test('an egress proxy by SNI loads as it is; what it lacks for the rest says so', () => {
  const egress = (listener: string): string => `
binds:
- port: 3000
  tunnelProtocol: connect
  listeners: []
gateways:
  secure:
    port: 443
    listeners:
    - name: public-egress
      hostname: "*"
      ${listener}
tcpRoutes:
- name: public-egress-allowlist
  gateways: secure/public-egress
  hostnames:
  - packages.example.org
  - api.github.com
  backends:
  # Send it to the hostname from SNI on the original destination port
  - dynamic: {}
`;
  const [tunnel, secure] = loadConfig(egress('protocol: TLS')).binds;
  assert.equal(tunnel?.connect, 'tunnel');
  const [listener] = secure?.listeners ?? [];
  assert.deepEqual([listener?.protocol, listener?.tls], ['TLS', undefined]);
  assert.deepEqual(listener?.tcpRoutes[0]?.backends[0]?.config, {});
  const dynamicCa = 'protocol: HTTPS\n      tls: { mode: dynamicCa, cert: a.pem, key: b.pem }';
  assert.throws(
    () => loadConfig(egress(dynamicCa)),
    /`dynamicCa` is known to the Rust gateway, not supported here yet/,
  );
});
