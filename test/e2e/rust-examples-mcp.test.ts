/**
 * MCP in configurations as people have them from the Rust gateway, in the shapes of its examples: each loads as it is and
 * does what it says. The others are in rust-examples.test.ts, differences in docs/guides/coming-from-rust.md.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Authority } from '../fixtures/certificates.ts';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';
import { McpHttpClient, namesOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import { gatewayOf } from './rust-shaped.ts';

const key = ecKey('one');
const STDIO = JSON.stringify(stdioTarget());

async function bearer(claims: Record<string, unknown> = {}): Promise<{ authorization: string }> {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return { authorization: `Bearer ${await token(key, { claims: { exp, ...claims } })}` };
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
