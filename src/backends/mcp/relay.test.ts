import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Reply } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';
import { MetadataRelay, relayClaims, withWellKnown } from './relay.ts';

const URL_THERE = 'https://up.test/v1/mcp';
const PROTECTED = '/.well-known/oauth-protected-resource';
const SERVER = '/.well-known/oauth-authorization-server';

interface World {
  readonly asked: string[];
  readonly texts: Record<string, string | GatewayError>;
  get(path: string, more?: object): Promise<{ status: number; body: string }>;
  document(path: string): Promise<Record<string, unknown>>;
  /** A challenge as the client gets it. */
  challenged(challenge: string, status?: number): Promise<string | undefined>;
}

function world({ path, relayed = true }: { path?: string; relayed?: boolean } = {}): World {
  const asked: string[] = [];
  const texts: World['texts'] = {};
  let head = { status: 200, headers: [] as string[] };
  const relay = new MetadataRelay({
    url: new URL(URL_THERE),
    path,
    textAt: (url) => async () => {
      asked.push(url);
      const text = texts[url] ?? new GatewayError('UPSTREAM_STATUS', 'answered with status 404');
      if (text instanceof GatewayError) throw text;
      return text;
    },
  });
  const handle = withWellKnown(async () => ({ ...head, body: Flow.empty() }), relayed ? relay : undefined);
  const ask = async (exchange: Exchange): Promise<Reply> => (await handle(exchange)) as Reply;
  const get: World['get'] = async (at, more = {}) => {
    const answer = await ask(testExchange({ method: 'GET', path: at, authority: 'gw.test', ...more }));
    return { status: answer.status, body: await textOf(answer) };
  };
  return {
    asked,
    texts,
    get,
    document: async (at) => JSON.parse((await get(at)).body) as Record<string, unknown>,
    challenged: async (challenge, status = 401) => {
      head = { status, headers: ['WWW-Authenticate', challenge] };
      return (await ask(testExchange({ method: 'POST', path: '/mcp', authority: 'gw.test' }))).headers[1];
    },
  };
}

const metadata = (more: object = {}): string =>
  JSON.stringify({ resource: URL_THERE, authorization_servers: ['https://as.test'], ...more });

describe('metadata of a remote server', () => {
  it('is asked for at its places and goes by the name the client uses', async () => {
    const { texts, document, asked } = world();
    texts[`https://up.test${PROTECTED}/v1/mcp`] = metadata({
      signed_metadata: 'x.y.z',
      scopes_supported: ['a'],
    });
    assert.deepEqual(await document(`${PROTECTED}/mcp`), {
      resource: 'http://gw.test/mcp',
      authorization_servers: ['https://as.test'],
      scopes_supported: ['a'],
    });
    assert.deepEqual(asked, [`https://up.test${PROTECTED}/v1/mcp`]);
  });

  it('may stand at the root, there and here', async () => {
    const { texts, document } = world({ path: '/mcp' });
    texts[`https://up.test${PROTECTED}`] = metadata({ resource: 'https://up.test/' });
    assert.equal((await document(PROTECTED))['resource'], 'http://gw.test/mcp');
    const other = world();
    other.texts[`https://up.test${PROTECTED}`] = metadata();
    assert.equal((await other.document(PROTECTED))['resource'], 'http://gw.test');
  });

  it('that is of another resource is left to the client to refuse', async () => {
    for (const resource of [
      'https://evil.test/mcp',
      'https://up.test/v2/mcp',
      'https://up.test/v1/mc',
      7,
      undefined,
    ]) {
      const { texts, document } = world();
      texts[`https://up.test${PROTECTED}/v1/mcp`] = metadata({ resource });
      assert.equal((await document(`${PROTECTED}/mcp`))['resource'], resource);
    }
  });

  it('that is none is not passed on', async () => {
    const { texts, get } = world();
    assert.equal((await get(`${PROTECTED}/mcp`)).status, 404);
    for (const text of ['<html>', '[]', 'null', '"x"']) {
      texts[`https://up.test${PROTECTED}/v1/mcp`] = text;
      await assert.rejects(get(`${PROTECTED}/mcp`), { code: 'UPSTREAM_PROTOCOL' });
    }
    texts[`https://up.test${PROTECTED}/v1/mcp`] = new GatewayError('UPSTREAM_CONNECT', 'down');
    await assert.rejects(get(`${PROTECTED}/mcp`), { code: 'UPSTREAM_CONNECT' });
  });

  it('of its own authorization server passes unchanged', async () => {
    const { texts, document, asked } = world();
    const server = { issuer: 'https://up.test', token_endpoint: 'https://up.test/token' };
    texts[`https://up.test${SERVER}`] = JSON.stringify(server);
    assert.deepEqual(await document(SERVER), server);
    texts[`https://up.test/.well-known/openid-configuration/v1/mcp`] = JSON.stringify(server);
    assert.deepEqual(await document('/.well-known/openid-configuration/mcp'), server);
    assert.equal(asked.length, 2);
  });

  it('is for reading only', async () => {
    const { get, asked } = world();
    for (const method of ['POST', 'DELETE', 'PUT'])
      assert.equal((await get(`${PROTECTED}/mcp`, { method })).status, 405);
    assert.equal((await get(`${PROTECTED}/mcp`, { method: 'OPTIONS' })).status, 204);
    assert.deepEqual(asked, []);
  });

  it('of servers that have none is not looked for at the endpoint', async () => {
    const { get } = world({ relayed: false });
    assert.equal((await get(`${PROTECTED}/mcp`)).status, 404);
    assert.equal((await get('/.well-known/other')).status, 200);
    assert.equal((await get('/mcp')).status, 200);
  });
});

describe('a challenge of a remote server', () => {
  const HERE = `http://gw.test${PROTECTED}/mcp`;

  it('leads to the gateway, which remembers where the server has its metadata', async () => {
    const { texts, challenged, document, asked } = world();
    const there = 'https://up.test/custom/metadata.json?v=1';
    assert.equal(
      await challenged(`Bearer scope="a", resource_metadata="${there}"`),
      `Bearer scope="a", resource_metadata="${HERE}"`,
    );
    texts[there] = metadata();
    assert.equal((await document(`${PROTECTED}/mcp`))['resource'], 'http://gw.test/mcp');
    assert.deepEqual(asked, [there]);
    assert.equal(
      await challenged(`Bearer error="insufficient_scope", resource_metadata="${there}"`, 403),
      `Bearer error="insufficient_scope", resource_metadata="${HERE}"`,
    );
  });

  it('that leads elsewhere is the client’s to follow, never the gateway’s', async () => {
    const { challenged, get, asked } = world();
    for (const there of [
      'http://169.254.169.254/latest/meta-data',
      'https://up.test.evil.test/x',
      'https://up.test:8443/x',
      'http://up.test/x',
      'https://user:pw@up.test/x',
      'file:///etc/passwd',
      '/relative',
    ]) {
      const challenge = `Bearer resource_metadata="${there}"`;
      assert.equal(await challenged(challenge), challenge);
    }
    await get(`${PROTECTED}/mcp`);
    assert.ok(asked.every((url) => url.startsWith(`https://up.test${PROTECTED}`)));
  });

  it('of another kind, or in another reply, stays as it is', async () => {
    const { challenged } = world();
    for (const challenge of ['Bearer', 'Basic realm="x"', 'Bearer scope="a"'])
      assert.equal(await challenged(challenge), challenge);
    const challenge = `Bearer resource_metadata="https://up.test/x"`;
    assert.equal(await challenged(challenge, 200), challenge);
  });
});

it('a route claims the places of what it matches, and those of servers not at the root', () => {
  const match = { path: { kind: 'exact', value: '/mcp' }, method: 'POST', headers: [], query: [] } as const;
  assert.deepEqual(
    relayClaims([match]).map(({ path }) => path.value),
    [PROTECTED, `${PROTECTED}/mcp`, `${SERVER}/mcp`, '/.well-known/openid-configuration/mcp'],
  );
});
