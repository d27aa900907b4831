/** What the gateway shows MCP servers of either era: keys, tokens it gets itself, credentials of clients, headers made of who asks. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, type TestContext, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';
import { McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld, type WorldOptions } from '../fixtures/mcp-world.ts';
import { Oidc, SERVICE } from '../fixtures/oidc.ts';
import { TOKEN, TokenServer } from '../fixtures/token-server.ts';

const ERAS = ['legacy', 'modern'] as const;
type Era = (typeof ERAS)[number];

const key = ecKey('one');
const jwtAuth = { issuer: ISSUER, audiences: ['tools'], jwks: keySetText(key) };
/** Valid now: the gateway of these tests has a real clock. */
const tokenOf = (sub: string, claims: object = {}) =>
  token(key, { claims: { sub, aud: 'tools', exp: Math.floor(Date.now() / 1000) + 3600, ...claims } });
const SECRET = 's3cret-of-the-gateway';

async function world(t: TestContext, options: WorldOptions): Promise<McpWorld> {
  const made = await startWorld(options);
  t.after(() => made.close());
  return made;
}

/** A single target with these policies. */
function single(t: TestContext, era: Era, policies: object, more: Partial<WorldOptions> = {}) {
  return world(t, { targets: { only: { raw: { era }, target: { policies } } }, ...more });
}

const clients: McpHttpClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function clientOf({ gateway }: McpWorld, era: Era, headers: Record<string, string> = {}) {
  const client =
    era === 'legacy'
      ? await McpHttpClient.open(gateway.url, { headers })
      : new ModernClient(gateway.url, { headers });
  clients.push(client);
  return client;
}

const callsOf = (made: McpWorld, target = 'only') =>
  made
    .server(target)
    .control.received()
    .filter(({ method }) => method === 'tools/call');

const shown = (made: McpWorld, target?: string) =>
  callsOf(made, target).map(({ headers }) => headers['authorization']);

/** Calls until one goes through. */
async function eventually(call: () => Promise<Message>): Promise<Message> {
  const until = Date.now() + 30_000;
  for (;;) {
    const answer = await call().catch(
      (error: Error): Message => ({ error: { code: 0, message: error.message } }),
    );
    if (answer.result) return answer;
    if (Date.now() > until) throw new Error(`never: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function keepsQuiet({ gateway }: McpWorld, ...secrets: readonly string[]): void {
  for (const secret of secrets) assert.ok(!gateway.log().includes(secret), `${secret} in the log`);
}

for (const era of ERAS) {
  describe(`a ${era} server`, () => {
    test('gets the key of its target, and nothing of the client', async (t) => {
      const made = await world(t, {
        targets: {
          one: {
            raw: { era, http: { bearer: 'key-of-one' } },
            target: { policies: { backendAuth: { key: 'key-of-one' } } },
          },
          two: { raw: { era }, target: { policies: { backendAuth: { key: 'key-of-two' } } } },
          three: { raw: { era } },
        },
      });
      const client = await clientOf(made, era, {
        authorization: 'Bearer of-the-client',
        'x-api-key': 'mine',
      });
      for (const name of ['one', 'two', 'three']) textOf(await client.call(`${name}_echo`));
      assert.deepEqual(shown(made, 'one'), ['Bearer key-of-one']);
      assert.deepEqual(shown(made, 'two'), ['Bearer key-of-two']);
      assert.deepEqual(shown(made, 'three'), [undefined]);
      for (const name of ['one', 'two', 'three'])
        for (const { headers } of made.server(name).control.received())
          assert.ok(!JSON.stringify(headers).includes('of-the-client') && headers['x-api-key'] === undefined);
      keepsQuiet(made, 'key-of-one', 'key-of-two', 'of-the-client');
    });

    test('gets a key from a file in the header it wants, and the next one after a rotation', async (t) => {
      const file = join(await temporaryFolder(t), 'key');
      await writeFile(file, 'first-key\n');
      const key = { value: { file }, location: { header: { name: 'x-key', prefix: 'v1 ' } } };
      const made = await single(t, era, { backendAuth: { key } });
      const client = await clientOf(made, era, { 'x-key': 'mine' });
      textOf(await client.call('echo'));
      await writeFile(file, 'second-key\n');
      await eventually(async () => {
        const answer = await client.call('echo');
        return callsOf(made).at(-1)?.headers['x-key'] === 'v1 second-key' ? answer : {};
      });
      assert.equal(callsOf(made)[0]?.headers['x-key'], 'v1 first-key');
      keepsQuiet(made, 'first-key', 'second-key');
    });

    test('gets the token of the client only where the configuration passes it on', async (t) => {
      const ann = await tokenOf('ann');
      for (const [policies, expected] of [
        [{}, undefined],
        [{ backendAuth: { passthrough: {} } }, `Bearer ${ann}`],
      ] as const) {
        const made = await single(t, era, policies, { policies: { jwtAuth } });
        const client = await clientOf(made, era, { authorization: `Bearer ${ann}` });
        textOf(await client.call('echo'));
        assert.deepEqual(shown(made), [expected]);
        keepsQuiet(made, ann);
      }
    });

    test('gets tokens of a real issuer: one for all, for the right audience', async (t) => {
      const oidc = await Oidc.start({ scopes: ['tools:call'] });
      t.after(() => oidc.close());
      const resource = 'https://tools.test/';
      const oauthClientCredentials = {
        issuer: oidc.issuer,
        clientId: SERVICE.client_id,
        clientSecret: SERVICE.client_secret,
        scopes: ['tools:call'],
        resource,
      };
      const made = await single(t, era, { backendAuth: { oauthClientCredentials } });
      const client = await clientOf(made, era);
      await Promise.all(Array.from({ length: 50 }, async () => textOf(await client.call('echo'))));
      const authorizations = new Set(shown(made));
      assert.equal(authorizations.size, 1);
      assert.equal(oidc.tokenRequests.length, 1);
      const granted = String([...authorizations][0]).replace('Bearer ', '');
      const keys = createRemoteJWKSet(new URL(`${oidc.issuer}/jwks`));
      const { payload } = await jwtVerify(granted, keys, { issuer: oidc.issuer, audience: resource });
      assert.equal(payload['scope'], 'tools:call');
      keepsQuiet(made, granted, SERVICE.client_secret);
    });

    test('that no longer takes the token gets the next one, and the client hears nothing of it', async (t) => {
      const { made, tokens, client } = await withTokens(t, era);
      textOf(await client.call('echo'));
      made.server('only').control.setBearer(`${TOKEN}2`);
      textOf(await client.call('echo'));
      assert.equal(tokens.asked.length, 2);
      assert.equal(shown(made).at(-1), `Bearer ${TOKEN}2`);
      made.server('only').control.setBearer('nobody has it');
      for (let turn = 0; turn < 5; turn += 1) {
        const answer = await client.send(client.message('tools/call', { name: 'echo' }));
        assert.notEqual(answer.status, 401, 'no challenge: the client cannot meet it');
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.equal(answer.messages[0]?.error?.data?.['code'], 'CREDENTIALS_UNAVAILABLE');
      }
      assert.equal(tokens.asked.length, 2, 'the issuer is not asked with each request');
      keepsQuiet(made, TOKEN, SECRET);
    });

    test('gets another token once the first has expired', async (t) => {
      const { made, tokens, client } = await withTokens(t, era, (tokens) => {
        tokens.life = 1;
      });
      textOf(await client.call('echo'));
      await eventually(async () => {
        const answer = await client.call('echo');
        return tokens.asked.length > 1 && shown(made).at(-1) !== shown(made)[0] ? answer : {};
      });
    });

    test('is not reached while its issuer gives no token, and is as soon as it does', async (t) => {
      const garbage = ['<html>', Buffer.alloc(10 * 1024 * 1024, '{'), '{"access_token": 5}', '', '{}'];
      let at = 0;
      const { made, tokens } = await withTokens(t, era, (tokens) => {
        tokens.answer = (reply) => {
          at += 1;
          reply.writeHead(200, { 'content-type': 'application/json' }).end(garbage[at % garbage.length]);
        };
      });
      const client = new McpHttpClient(made.gateway.url);
      t.after(() => client.close());
      const { status, text, headers } = await client.initialize();
      assert.deepEqual([status, headers['www-authenticate']], [502, undefined]);
      assert.match(text, /CREDENTIALS_UNAVAILABLE|credentials/);
      assert.ok(made.server('only').control.received().length === 0, 'nothing without a token');
      tokens.answer = undefined;
      await eventually(async () => {
        const later = await clientOf(made, era);
        return later.call('echo');
      });
      keepsQuiet(made, SECRET);
    });

    test('that was slow to give a token keeps nobody but those who wait for it', async (t) => {
      const waiting: (() => void)[] = [];
      const { made, tokens, client } = await withTokens(t, era);
      textOf(await client.call('echo'));
      made.server('only').control.setBearer(`${TOKEN}2`);
      tokens.answer = (reply) => waiting.push(() => tokens.give(reply));
      const calls = Array.from({ length: 20 }, () => client.call('echo'));
      await eventually(async () => (waiting.length > 0 ? { result: {} } : {}));
      for (const give of waiting) give();
      for (const call of calls) textOf(await call);
      assert.equal(tokens.asked.length, 2);
    });

    test('is told who calls, two at once', async (t) => {
      const set = { 'x-user': 'jwt.sub', 'x-team': 'jwt.team' };
      const made = await world(t, {
        targets: {
          one: { raw: { era }, target: { policies: { transformations: { request: { set } } } } },
          two: {
            raw: { era },
            target: { policies: { requestHeaderModifier: { set: { 'x-env': 'prod' } } } },
          },
        },
        policies: { jwtAuth },
      });
      const people = await Promise.all(
        ['ann', 'bob'].map(async (name) => {
          const authorization = `Bearer ${await tokenOf(name, { team: `of ${name}` })}`;
          return { name, client: await clientOf(made, era, { authorization, 'x-user': 'admin' }) };
        }),
      );
      await Promise.all(
        people.flatMap(({ name, client }) =>
          Array.from({ length: 25 }, async (_, turn) => {
            textOf(await client.call(turn % 5 === 0 ? 'two_echo' : 'one_echo', { name }));
          }),
        ),
      );
      const calls = callsOf(made, 'one');
      assert.equal(calls.length, 40);
      for (const { params, headers } of calls) {
        const { name } = (params as { arguments: { name: string } }).arguments;
        assert.deepEqual([headers['x-user'], headers['x-team']], [name, `of ${name}`]);
      }
      for (const { headers } of callsOf(made, 'two'))
        assert.deepEqual([headers['x-user'], headers['x-env']], [undefined, 'prod']);
    });

    test('is not called by whom its headers cannot be made of', async (t) => {
      const set = { 'x-team': 'jwt.team' };
      const made = await world(t, {
        targets: {
          one: { raw: { era }, target: { policies: { transformations: { request: { set } } } } },
          two: { raw: { era } },
        },
        policies: { jwtAuth },
        mcp: { failureMode: 'failOpen' },
      });
      const client = await clientOf(made, era, {
        authorization: `Bearer ${await tokenOf('ann', { team: null })}`,
      });
      textOf(await client.call('two_echo'));
      const { error } = await client.call('one_echo');
      assert.ok(error, 'refused');
      assert.deepEqual(callsOf(made, 'one'), []);
    });

    test('that is the only one refuses by name whom its headers cannot be made of', async (t) => {
      const transformations = { request: { set: { 'x-team': 'jwt.team' } } };
      const made = await single(t, era, { transformations }, { policies: { jwtAuth } });
      const authorization = `Bearer ${await tokenOf('ann', { team: 'two\r\nlines' })}`;
      const client = await clientOf(made, era, { authorization });
      const answer = await client.send(client.message('tools/call', { name: 'echo' }));
      assert.equal(answer.messages[0]?.error?.data?.['code'], 'FORBIDDEN', answer.text);
      assert.match(answer.text, /x-team/);
      assert.ok(!answer.text.includes('lines'));
      assert.deepEqual(callsOf(made), []);
    });
  });
}

test('a server over the old transport gets the token, and the next one when it wants another', async (t) => {
  const tokens = await TokenServer.start();
  t.after(() => tokens.close());
  const oauthClientCredentials = { tokenUrl: tokens.url, clientId: 'gw', clientSecret: SECRET };
  const target = { policies: { backendAuth: { oauthClientCredentials } } };
  const made = await world(t, {
    targets: { only: { over: 'sse', raw: { http: { bearer: `${TOKEN}1` } }, target } },
  });
  const client = await clientOf(made, 'legacy', { authorization: 'Bearer of-the-client' });
  textOf(await client.call('echo'));
  made.server('only').control.setBearer(`${TOKEN}2`);
  textOf(await client.call('echo'));
  assert.deepEqual(new Set(shown(made)), new Set([`Bearer ${TOKEN}1`, `Bearer ${TOKEN}2`]));
  assert.equal(tokens.asked.length, 2);
});

async function withTokens(t: TestContext, era: Era, prepare: (tokens: TokenServer) => void = () => {}) {
  const tokens = await TokenServer.start();
  t.after(() => tokens.close());
  prepare(tokens);
  const oauthClientCredentials = { tokenUrl: tokens.url, clientId: 'gw', clientSecret: SECRET };
  const made = await single(t, era, { backendAuth: { oauthClientCredentials } });
  const client = tokens.answer ? new McpHttpClient(made.gateway.url) : await clientOf(made, era);
  t.after(() => client.close());
  return { made, tokens, client };
}
