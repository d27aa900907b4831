import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel, type Reply } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';
import { corsLayer, originAllowed } from './cors.ts';
import { corsSchema } from './schema.ts';

const APP = 'https://app.example';

interface Asked {
  readonly config: object;
  readonly mcp?: boolean;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** What lies behind; by default a reply with an X-Own header. */
  readonly next?: () => Promise<Answer>;
}

const own = async (): Promise<Reply> => ({ status: 200, headers: ['x-own', '1'], body: Flow.empty() });

async function ask({ config, mcp = false, method = 'GET', headers = {}, next = own }: Asked) {
  const layer = corsLayer(corsSchema.parse(config), { mcp });
  const answer = await layer(next)({ method, headers } as unknown as Exchange);
  assert.ok(!isTunnel(answer));
  return { status: answer.status, ...read(answer.headers) };
}

/** Header names to values; repeated ones joined. */
function read(list: readonly string[]): { header: (name: string) => string | undefined } {
  const found = new Map<string, string>();
  for (let i = 0; i < list.length; i += 2) {
    const name = (list[i] as string).toLowerCase();
    const known = found.get(name);
    found.set(name, known === undefined ? (list[i + 1] as string) : `${known}, ${list[i + 1]}`);
  }
  return { header: (name) => found.get(name) };
}

function preflight(config: object, headers: Record<string, string> = {}, mcp = false) {
  const asked = { origin: APP, 'access-control-request-method': 'POST', ...headers };
  return ask({ config, mcp, method: 'OPTIONS', headers: asked });
}

describe('a preflight', () => {
  test('from an allowed origin is answered here, with what is configured', async () => {
    const config = { allowOrigins: [APP], allowMethods: ['PUT'], allowHeaders: ['x-a'], maxAge: '10m' };
    const next = () => assert.fail('reached the route');
    const headers = { origin: APP, 'access-control-request-method': 'PUT' };
    const { status, header } = await ask({ config, method: 'OPTIONS', headers, next });
    assert.equal(status, 204);
    assert.equal(header('access-control-allow-origin'), APP);
    assert.equal(header('access-control-allow-methods'), 'PUT');
    assert.equal(header('access-control-allow-headers'), 'x-a');
    assert.equal(header('access-control-max-age'), '600');
    assert.equal(header('access-control-allow-credentials'), undefined);
    assert.match(header('vary') ?? '', /Origin/);
  });

  test('from any other origin is refused', async () => {
    await assert.rejects(preflight({ allowOrigins: ['https://other.example'] }), {
      code: 'FORBIDDEN_ORIGIN',
    });
  });

  test('with wildcards is told the method and headers it asked for', async () => {
    const config = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] };
    const { header } = await preflight(config, { 'access-control-request-headers': 'authorization,x-b' });
    assert.equal(header('access-control-allow-origin'), '*');
    assert.equal(header('access-control-allow-methods'), 'POST');
    assert.equal(header('access-control-allow-headers'), 'authorization,x-b');
  });

  test('with credentials is told its own origin even where all are allowed', async () => {
    const { header } = await preflight({ allowOrigins: ['*'], allowCredentials: true });
    assert.equal(header('access-control-allow-origin'), APP);
    assert.equal(header('access-control-allow-credentials'), 'true');
  });

  test('is an ordinary OPTIONS request without Access-Control-Request-Method', async () => {
    const { header } = await ask({
      config: { allowOrigins: ['*'] },
      method: 'OPTIONS',
      headers: { origin: APP },
    });
    assert.equal(header('x-own'), '1');
  });

  test('number of seconds or duration: maxAge is seconds in the reply', async () => {
    for (const maxAge of [90, '90s']) {
      const { header } = await preflight({ allowOrigins: ['*'], maxAge });
      assert.equal(header('access-control-max-age'), '90');
    }
  });
});

describe('on an MCP route', () => {
  /** The block of the first guide, as printed there: it names neither all headers nor any method. */
  const printed = {
    allowOrigins: ['*'],
    allowHeaders: ['mcp-protocol-version', 'content-type', 'cache-control'],
    exposeHeaders: ['Mcp-Session-Id'],
  };

  test('the protocol works for a browser whatever the policy lists', async () => {
    const { header } = await preflight(printed, {}, true);
    const list = (name: string) => (header(name) ?? '').toLowerCase().split(', ');
    for (const method of ['post', 'get', 'delete'])
      assert.ok(list('access-control-allow-methods').includes(method));
    const needed = ['mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'last-event-id'];
    for (const name of [...needed, 'content-type', 'accept', 'authorization', 'cache-control']) {
      assert.ok(list('access-control-allow-headers').includes(name), name);
    }
    const count = list('access-control-allow-headers').filter((name) => name === 'content-type').length;
    assert.equal(count, 1);
  });

  test('arguments that a tool wants repeated in headers may be', async () => {
    const asked = {
      'access-control-request-headers': 'content-type,mcp-param-region, Mcp-Param-A.b,x-mine,mcp-param-',
    };
    const { header } = await preflight(printed, asked, true);
    const allowed = (header('access-control-allow-headers') ?? '').split(', ');
    assert.deepEqual(allowed.slice(-2), ['mcp-param-region', 'Mcp-Param-A.b']);
    const { header: plain } = await preflight(printed, asked, false);
    assert.doesNotMatch(plain('access-control-allow-headers') ?? '', /param/i);
  });

  test('the session id can be read', async () => {
    const { header } = await ask({ config: { allowOrigins: [APP] }, mcp: true, headers: { origin: APP } });
    assert.match(header('access-control-expose-headers') ?? '', /Mcp-Session-Id/);
  });

  test('nothing of this holds for an origin that is not allowed', async () => {
    await assert.rejects(preflight({ allowOrigins: [] }, {}, true), { code: 'FORBIDDEN_ORIGIN' });
  });
});

describe('a reply', () => {
  test('to an allowed origin may be read, and says which headers', async () => {
    const config = { allowOrigins: [APP], exposeHeaders: ['X-Own'], allowCredentials: true };
    const { header } = await ask({ config, headers: { origin: APP } });
    assert.equal(header('access-control-allow-origin'), APP);
    assert.equal(header('access-control-expose-headers'), 'X-Own');
    assert.equal(header('access-control-allow-credentials'), 'true');
    assert.equal(header('vary'), 'Origin');
  });

  test('to another origin is served without a mark', async () => {
    const { header } = await ask({
      config: { allowOrigins: [APP] },
      headers: { origin: 'https://other.example' },
    });
    assert.equal(header('x-own'), '1');
    assert.equal(header('access-control-allow-origin'), undefined);
    assert.equal(header('vary'), 'Origin');
  });

  test('without Origin still says that it varies, unless it is the same for all', async () => {
    assert.equal((await ask({ config: { allowOrigins: [APP] } })).header('vary'), 'Origin');
    assert.equal((await ask({ config: { allowOrigins: ['*'] } })).header('vary'), undefined);
  });

  test('that an upstream has marked gets our mark instead', async () => {
    const headers = [
      'Access-Control-Allow-Origin',
      'https://wrong.example',
      'access-control-allow-credentials',
      'true',
    ];
    const next = async () => ({ status: 200, headers, body: Flow.empty() });
    const { header } = await ask({ config: { allowOrigins: [APP] }, headers: { origin: APP }, next });
    assert.equal(header('access-control-allow-origin'), APP);
    assert.equal(header('access-control-allow-credentials'), undefined);
  });

  test('exposes every header by name where credentials forbid the wildcard', async () => {
    const config = { allowOrigins: [APP], exposeHeaders: ['*'] };
    const headers = { origin: APP };
    assert.equal((await ask({ config, headers })).header('access-control-expose-headers'), '*');
    const named = await ask({ config: { ...config, allowCredentials: true }, headers });
    assert.equal(named.header('access-control-expose-headers'), 'x-own');
  });

  test('that is an error may be read as well, with its challenge', async () => {
    const next = async (): Promise<Answer> => {
      throw new GatewayError('UPSTREAM_CHALLENGE', 'sign in', { headers: ['www-authenticate', 'Bearer'] });
    };
    const asked = ask({ config: { allowOrigins: [APP] }, mcp: true, headers: { origin: APP }, next });
    await assert.rejects(asked, (error: GatewayError) => {
      const { header } = read(error.detail.headers ?? []);
      assert.equal(header('access-control-allow-origin'), APP);
      assert.equal(header('www-authenticate'), 'Bearer');
      assert.match(header('access-control-expose-headers') ?? '', /WWW-Authenticate/);
      return error.code === 'UPSTREAM_CHALLENGE';
    });
  });

  test('that is a tunnel is left alone', async () => {
    const tunnel = { status: 101, headers: [], attach() {} };
    const layer = corsLayer(corsSchema.parse({ allowOrigins: ['*'] }), { mcp: false });
    const answer = await layer(async () => tunnel)({
      method: 'GET',
      headers: { origin: APP },
    } as unknown as Exchange);
    assert.equal(answer, tunnel);
  });
});

describe('an origin', () => {
  const allowed = (pattern: string, origin: string) =>
    originAllowed(corsSchema.parse({ allowOrigins: [pattern] }))(origin);

  test('is compared whole, without regard to case', () => {
    assert.ok(allowed('https://App.example', 'https://app.example'));
    for (const other of [
      'http://app.example',
      'https://app.example:8443',
      'https://app.example.evil',
      'null',
    ]) {
      assert.ok(!allowed('https://app.example', other), other);
    }
  });

  test('may be any subdomain, or any port', () => {
    assert.ok(allowed('https://*.example.com', 'https://a.b.example.com'));
    for (const other of [
      'https://example.com',
      'https://badexample.com',
      'https://x.example.com.evil',
      'http://a.example.com',
    ]) {
      assert.ok(!allowed('https://*.example.com', other), other);
    }
    assert.ok(allowed('http://localhost:*', 'http://localhost:5173'));
    assert.ok(allowed('http://localhost:*', 'http://localhost'));
    assert.ok(!allowed('http://localhost:*', 'http://localhost:5173.evil'));
    assert.ok(!allowed('https://*.example.com', 'https://evil/.example.com'));
  });

  test('may be anything where the policy says so', () => {
    for (const origin of [APP, 'null', 'vscode-webview://x']) assert.ok(allowed('*', origin), origin);
  });

  for (const wrong of ['app.example', 'https://app.example/path', 'https://a.*.example', 'https://', '']) {
    test(`that is none is a mistake in the configuration: "${wrong}"`, () => {
      assert.throws(() => corsSchema.parse({ allowOrigins: [wrong] }));
    });
  }
});
