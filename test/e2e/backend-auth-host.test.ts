/** What the gateway shows plain HTTP upstreams: keys, tokens, credentials of clients, headers made of who asks. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { startGateway } from '../fixtures/gateway.ts';
import { ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';
import { TOKEN, TokenServer } from '../fixtures/token-server.ts';
import { closing, get, listening, raw } from './http-harness.ts';

interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const key = ecKey('one');
const jwtAuth = { issuer: ISSUER, audiences: ['tools'], jwks: keySetText(key) };
const SECRET = 's3cret-of-the-gateway';

async function bearer(sub: string) {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return { authorization: `Bearer ${await token(key, { claims: { sub, aud: 'tools', exp } })}` };
}

class World {
  readonly received: Received[] = [];
  /** The one Authorization that the upstream takes; undefined: any. */
  accepts: string | undefined;
  log = (): string => '';
  port = 0;

  static async open(t: TestContext, { route = {}, backend = {} }): Promise<World> {
    const world = new World();
    const server = createServer(async (request, reply) => {
      const body = await text(request);
      if (world.#takes(request, body)) reply.end('through');
      else reply.writeHead(401, { 'www-authenticate': 'Bearer realm="theirs"' }).end('who?');
    });
    server.on('upgrade', (request, socket) => {
      if (!world.#takes(request, '')) socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      else socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n');
    });
    const upstream = await listening(server);
    t.after(() => closing(server));
    const backends = [{ host: `127.0.0.1:${upstream}`, policies: backend }];
    const listeners = JSON.stringify([{ routes: [{ policies: route, backends }] }]);
    const gateway = await startGateway(`binds:\n- port: 3000\n  listeners: ${listeners}\n`);
    t.after(() => gateway.stop());
    world.log = gateway.log;
    world.port = Number(new URL(gateway.url).port);
    return world;
  }

  ask(headers: Record<string, string> = {}, path = '/', body?: string) {
    return get(this.port, { path, headers, ...(body === undefined ? {} : { method: 'POST', body }) });
  }

  get last(): Received | undefined {
    return this.received.at(-1);
  }

  #takes({ url, headers }: IncomingMessage, body: string): boolean {
    this.received.push({ url, headers, body });
    return this.accepts === undefined || headers.authorization === this.accepts;
  }
}

async function withTokens(t: TestContext): Promise<{ world: World; tokens: TokenServer }> {
  const tokens = await TokenServer.start();
  t.after(() => tokens.close());
  const oauthClientCredentials = { tokenUrl: tokens.url, clientId: 'gw', clientSecret: SECRET };
  return { tokens, world: await World.open(t, { backend: { backendAuth: { oauthClientCredentials } } }) };
}

test('a key stands where the upstream wants it, in place of what the client wrote there', async (t) => {
  const own = { authorization: 'Bearer mine', 'x-key': 'mine', cookie: 'a=1; key=mine' };
  for (const [location, expected] of [
    [
      { header: { name: 'authorization', prefix: 'Token ' } },
      ['Token k&', 'mine', 'a=1; key=mine', '/p?code=mine'],
    ],
    [{ header: { name: 'X-Key' } }, ['Bearer mine', 'k&', 'a=1; key=mine', '/p?code=mine']],
    [{ queryParameter: { name: 'code' } }, ['Bearer mine', 'mine', 'a=1; key=mine', '/p?code=k%26']],
    [{ cookie: { name: 'key' } }, ['Bearer mine', 'mine', 'a=1; key=k&', '/p?code=mine']],
  ] as const) {
    const world = await World.open(t, { route: { backendAuth: { key: { value: 'k&', location } } } });
    assert.equal((await world.ask(own, '/p?code=mine')).status, 200);
    const { headers = {}, url } = world.last ?? {};
    assert.deepEqual([headers.authorization, headers['x-key'], headers.cookie, url], expected);
    assert.ok(!world.log().includes('k&') && !world.log().includes('k%26'));
  }
});

test('a token that is refused is replaced, and the request sent once more, body included', async (t) => {
  const { world, tokens } = await withTokens(t);
  assert.equal((await world.ask({}, '/', 'first')).status, 200);
  world.accepts = `Bearer ${TOKEN}2`;
  const { status, body } = await world.ask({}, '/again', 'the whole body');
  assert.deepEqual([status, body], [200, 'through']);
  assert.deepEqual(
    world.received.slice(-2).map(({ body, headers }) => [body, headers.authorization]),
    [
      ['the whole body', `Bearer ${TOKEN}1`],
      ['the whole body', `Bearer ${TOKEN}2`],
    ],
  );
  assert.equal(tokens.asked.length, 2);
  assert.ok(!world.log().includes(TOKEN) && !world.log().includes(SECRET));
});

test('a body that is too long to keep is sent once', async (t) => {
  const { world, tokens } = await withTokens(t);
  world.accepts = 'nobody has it';
  const { status } = await world.ask({}, '/', 'x'.repeat(100_000));
  assert.equal(status, 401);
  assert.equal(world.received.length, 1);
  world.accepts = `Bearer ${TOKEN}2`;
  assert.equal((await world.ask({}, '/', 'x'.repeat(100_000))).status, 200, 'with the next token at once');
  assert.equal(tokens.asked.length, 2);
});

test('an upstream that refuses every token is asked twice, and its refusal passes through', async (t) => {
  const { world, tokens } = await withTokens(t);
  world.accepts = 'nobody has it';
  const { status, headers, body } = await world.ask();
  assert.deepEqual([status, headers['www-authenticate'], body], [401, 'Bearer realm="theirs"', 'who?']);
  assert.equal(world.received.length, 2);
  assert.equal((await world.ask()).status, 401);
  assert.equal(tokens.asked.length, 2);
});

test('a tunnel is opened with credentials too', async (t) => {
  const { world } = await withTokens(t);
  world.accepts = `Bearer ${TOKEN}2`;
  const lines = ['GET /socket HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: test', '', ''];
  assert.match(await raw(world.port, lines.join('\r\n'), 'open'), /^HTTP\/1\.1 101 /);
  assert.deepEqual(
    world.received.map(({ headers }) => headers.authorization),
    [`Bearer ${TOKEN}1`, `Bearer ${TOKEN}2`],
  );
});

test('without a token nothing is sent', async (t) => {
  const { world, tokens } = await withTokens(t);
  tokens.answer = (reply) => reply.writeHead(401).end(JSON.stringify({ error: SECRET }));
  const { status, body, headers } = await world.ask();
  assert.equal(status, 502);
  assert.match(body, /CREDENTIALS_UNAVAILABLE/);
  assert.ok(headers['retry-after']);
  assert.deepEqual(world.received, []);
  assert.ok(!body.includes(SECRET) && !world.log().includes(SECRET));
});

test('what proved the client goes on only where the configuration says so', async (t) => {
  const ann = await bearer('ann');
  for (const [backendAuth, expected] of [
    [undefined, undefined],
    [{ passthrough: {} }, ann.authorization],
  ] as const) {
    const world = await World.open(t, { route: { jwtAuth, ...(backendAuth && { backendAuth }) } });
    assert.equal((await world.ask(ann)).status, 200);
    assert.equal(world.last?.headers.authorization, expected);
    assert.ok(!world.log().includes(ann.authorization));
  }
});

test('headers say who asks, and nobody else can', async (t) => {
  const request = { set: { 'X-User': 'jwt.sub' }, add: { 'x-seen': '"gateway"' }, remove: ['X-Debug'] };
  const requestHeaderModifier = { set: { 'x-env': 'prod' } };
  const world = await World.open(t, {
    route: { jwtAuth: { ...jwtAuth, mode: 'optional' } },
    backend: { transformations: { request }, requestHeaderModifier },
  });
  const forged = { 'X-USER': 'admin', 'x-debug': '1', 'x-env': 'test', 'x-seen': 'client' };
  await Promise.all(
    Array.from({ length: 40 }, async (_, turn) => {
      const name = turn % 2 === 0 ? 'ann' : 'bob';
      const { status } = await world.ask({ ...(await bearer(name)), ...forged }, `/${name}`);
      assert.equal(status, 200);
    }),
  );
  assert.equal(world.received.length, 40);
  for (const { url, headers } of world.received) {
    assert.equal(`/${headers['x-user']}`, url);
    assert.deepEqual(
      [headers['x-env'], headers['x-seen'], headers['x-debug'], headers.authorization],
      ['prod', 'client, gateway', undefined, undefined],
    );
  }
  const { status, body } = await world.ask(forged, '/anonymous');
  assert.equal(status, 403);
  assert.match(body, /x-user/);
  assert.equal(world.received.length, 40, 'nothing is sent');
});
