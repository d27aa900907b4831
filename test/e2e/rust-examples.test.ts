/**
 * Configurations as people have them from the Rust gateway, in the shapes of its examples: each loads as it is and does
 * what it says. Keys, certificates and servers are those of the test. Where we differ on purpose the difference is
 * written down in docs/guides/coming-from-rust.md, and the test that holds it is here or named there.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ConfigError } from '../../src/config/diagnostics.ts';
import { loadConfig } from '../../src/embed.ts';
import { Authority } from '../fixtures/certificates.ts';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';
import { McpHttpClient, namesOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import { closing, type Got, get, listening } from './http-harness.ts';

const key = ecKey('one');
const STDIO = JSON.stringify(stdioTarget());

async function bearer(claims: Record<string, unknown> = {}): Promise<{ authorization: string }> {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return { authorization: `Bearer ${await token(key, { claims: { exp, ...claims } })}` };
}

async function gatewayOf(t: TestContext, config: string): Promise<GatewayProcess & { get: Ask }> {
  const gateway = await startGateway({ config });
  t.after(() => gateway.stop());
  const port = Number(new URL(gateway.url).port);
  return { ...gateway, get: (path, headers = {}) => get(port, { path, headers }) };
}

type Ask = (path: string, headers?: Record<string, string>) => Promise<Got>;

/** An application: answers with a status by path, and notes what reached it. */
async function application(
  t: TestContext,
): Promise<{ host: string; reached: { url: string; headers: IncomingHttpHeaders }[] }> {
  const reached: { url: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer(({ url = '', headers }, reply) => {
    reached.push({ url, headers });
    if (url.startsWith('/never')) return;
    const busy = url.startsWith('/busy') && reached.length === 1;
    reply.writeHead(busy ? 429 : 200).end('application');
  });
  const host = `127.0.0.1:${await listening(server)}`;
  t.after(() => closing(server));
  return { host, reached };
}

describe('MCP', () => {
  const rules = (url: string, jwks: string, mode = ''): string => `
mcp:
  port: 3000
  policies:
    cors:
      allowOrigins: ["*"]
      allowHeaders: ["*"]
      exposeHeaders: ["Mcp-Session-Id"]
    backendAuth:
      passthrough: {}
    jwtAuth:
      ${mode}
      issuer: ${ISSUER}
      audiences: [${AUDIENCE}]
      jwks:
        file: ${jwks}
    mcpAuthorization:
      rules:
      - 'mcp.tool.name == "echo"'
      - 'jwt.sub == "ann" && mcp.tool.name == "whoami"'
      - 'mcp.tool.name == "journal" && jwt.nested.key == "value"'
  targets:
  - name: remote
    mcp:
      host: ${url}
`;

  test('rules about tools by claims of a token: lists and calls follow, and the token is passed on where that is written', async (t) => {
    const server = await startRawServer({});
    t.after(() => server.close());
    const jwks = join(temporaryFolder(t), 'pub-key');
    writeFileSync(jwks, keySetText(key));
    const strict = await gatewayOf(t, rules(server.url, jwks));
    assert.equal((await new McpHttpClient(strict.url).initialize()).status, 401);
    const sees = async (claims: Record<string, unknown>): Promise<string[]> => {
      const client = await McpHttpClient.open(strict.url, { headers: await bearer(claims) });
      t.after(() => client.close());
      return namesOf(await client.request('tools/list'));
    };
    assert.deepEqual(await sees({ sub: 'bob' }), ['echo']);
    assert.deepEqual((await sees({ sub: 'ann' })).sort(), ['echo', 'whoami']);
    assert.deepEqual((await sees({ sub: 'bob', nested: { key: 'value' } })).sort(), ['echo', 'journal']);
    assert.ok(
      server.control
        .received()
        .some(({ headers }) => String(headers['authorization']).startsWith('Bearer ey')),
    );
    const optional = await gatewayOf(t, rules(server.url, jwks, 'mode: optional'));
    const nobody = await McpHttpClient.open(optional.url);
    t.after(() => nobody.close());
    assert.deepEqual(namesOf(await nobody.request('tools/list')), ['echo']);
  });

  test('a resource server of OAuth: metadata at its exact paths, a challenge that leads there, tokens by audience', async (t) => {
    const gateway = await gatewayOf(
      t,
      `
binds:
- port: 3000
  listeners:
  - routes:
    - backends:
      - mcp:
          targets:
          - name: everything
            stdio: ${STDIO}
      matches:
      - path: { exact: /stdio/mcp }
      - path: { exact: /.well-known/oauth-protected-resource/stdio/mcp }
      - path: { exact: /.well-known/oauth-authorization-server/stdio/mcp }
      policies:
        cors:
          allowHeaders: [mcp-protocol-version, content-type]
          allowOrigins: ['*']
          exposeHeaders: ["Mcp-Session-Id"]
        mcpAuthentication:
          mode: strict
          issuer: ${ISSUER}
          audiences: ["http://localhost:3000/stdio/mcp"]
          jwks: ${JSON.stringify(keySetText(key))}
          resourceMetadata:
            resource: http://localhost:3000/stdio/mcp
            scopesSupported: ["read:all"]
            bearerMethodsSupported: [header, body, query]
            resourceDocumentation: http://localhost:3000/stdio/docs
`,
    );
    const path = '/.well-known/oauth-protected-resource/stdio/mcp';
    const { status, body } = await gateway.get(path);
    assert.equal(status, 200, body);
    const metadata = JSON.parse(body);
    assert.equal(metadata.resource, 'http://localhost:3000/stdio/mcp');
    assert.deepEqual(metadata.scopes_supported, ['read:all']);
    assert.equal(metadata.resource_documentation, 'http://localhost:3000/stdio/docs');
    assert.deepEqual(metadata.authorization_servers, [ISSUER]);
    const url = gateway.url.replace('/mcp', '/stdio/mcp');
    const refused = await new McpHttpClient(url).initialize();
    assert.equal(refused.status, 401);
    assert.match(
      refused.headers['www-authenticate'] ?? '',
      /resource_metadata="[^"]*oauth-protected-resource\/stdio\/mcp"/,
    );
    for (const [aud, expected] of [
      ['http://localhost:3000/other', 401],
      ['http://localhost:3000/stdio/mcp', 200],
    ] as const) {
      const client = new McpHttpClient(url, { headers: await bearer({ aud }) });
      assert.equal((await client.initialize()).status, expected, aud);
      client.close();
    }
  });

  test('an HTTPS listener before a server over standard input and output', async (t) => {
    const authority = new Authority();
    t.after(() => authority.remove());
    const pair = authority.issue('localhost');
    const gateway = await gatewayOf(
      t,
      `
binds:
- port: 3000
  listeners:
  - name: default
    protocol: HTTPS
    tls:
      cert: ${pair.cert}
      key: ${pair.key}
    routes:
    - backends:
      - mcp:
          targets:
          - name: everything
            stdio: ${STDIO}
`,
    );
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    });
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
      const url = gateway.url.replace('http:', 'https:');
      const outgoing = httpsRequest(
        url,
        { method: 'POST', headers, rejectUnauthorized: false, agent: false },
        (reply) => {
          reply.resume().on('end', () => resolve(reply.statusCode));
        },
      );
      outgoing.on('error', reject).end(body);
    });
    assert.equal(status, 200);
  });
});

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
    route('{ csrf: {} }'),
    route('{ directResponse: { status: 200 } }'),
    route('{ requestRedirect: {} }'),
    route('{ urlRewrite: {} }'),
    route('{ requestMirror: {} }'),
    route('{ buffer: {} }'),
    route('{ a2a: {} }'),
    route('{ ai: {} }'),
    route('{ mcpGuardrails: {} }'),
    backend('{ ai: {} }'),
    backend('{ aws: {} }'),
    backend('{ dynamic: {} }'),
    backend('{ service: {} }'),
    backend('{ mcp: { targets: [{ name: a, openapi: {} }] } }'),
    'frontendPolicies: { accessLog: {} }',
    'frontendPolicies: { tracing: {} }',
    'frontendPolicies: { networkAuthorization: {} }',
    'frontendPolicies: { proxyProtocol: {} }',
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
