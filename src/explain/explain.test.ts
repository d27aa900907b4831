import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Asked, explained, explainedText } from '../../test/fixtures/explained.ts';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../../test/fixtures/issuer.ts';
import { QuestionError } from './question.ts';

const KEY = ecKey('one');
const JWT = { issuer: ISSUER, audiences: [AUDIENCE], jwks: keySetText(KEY) };
const TARGETS = [
  { name: 'files', stdio: { cmd: 'no-such-command' } },
  { name: 'web', mcp: { host: 'http://nobody.invalid/mcp' }, tools: { rename: { get: 'fetch' } } },
];

const mcp = (policies: object, targets: readonly object[] = TARGETS) => ({
  mcp: { port: 3000, policies, targets },
});
const rules = (...list: unknown[]) => ({ mcpAuthorization: { rules: list } });

const kindOf = async (config: object, flags: Asked) => (await explained(config, flags)).outcome.kind;

describe('the answer about a tool', () => {
  const ANN = rules({ deny: 'mcp.tool.name == "drop"' }, 'jwt.sub == "ann"');
  const config = mcp({ jwtAuth: { ...JWT, mode: 'optional' }, ...ANN });
  const ann = { claims: '{"sub":"ann"}' };

  test('is what its client would be told', async () => {
    assert.equal(await kindOf(config, { ...ann, tool: 'files_read' }), 'allowed');
    assert.equal(await kindOf(config, { ...ann, tool: 'files_drop' }), 'unknown');
    assert.equal(await kindOf(config, { claims: '{"sub":"bob"}', tool: 'files_read' }), 'unknown');
    assert.equal(await kindOf(config, { tool: 'files_read' }), 'unknown');
  });

  test('names who decided, what was read, and where that rule stands', async () => {
    const { judgements, outcome, listed } = await explained(config, { ...ann, tool: 'files_read' });
    const [judgement] = judgements;
    assert.deepEqual(
      judgement?.rules.map(({ effect, outcome: said, decided, reads }) => [effect, said, decided, reads]),
      [
        ['deny', 'false', undefined, { 'mcp.tool.name': 'read' }],
        ['allow', 'true', true, { 'jwt.sub': 'ann' }],
      ],
    );
    for (const rule of judgement?.rules ?? []) assert.match(String(rule.at), /^config\.yaml:\d+$/);
    assert.deepEqual(outcome, { kind: 'allowed', reached: { target: 'files', name: 'read' } });
    assert.equal(listed?.shown, true);
  });

  test('goes by the names that clients know, or by those of a target', async () => {
    const reached = async (flags: Asked) => {
      const { outcome, exposed } = await explained(config, { ...ann, ...flags });
      return outcome.kind === 'allowed'
        ? [exposed, outcome.reached?.target, outcome.reached?.name]
        : outcome.kind;
    };
    assert.deepEqual(await reached({ tool: 'web_fetch' }), ['web_fetch', 'web', 'get']);
    assert.deepEqual(await reached({ tool: 'get', target: 'web' }), ['web_fetch', 'web', 'get']);
    assert.deepEqual(await reached({ tool: 'read', target: 'files' }), ['files_read', 'files', 'read']);
    assert.deepEqual(await reached({ resource: 'web+https://x' }), ['web+https://x', 'web', 'https://x']);
    assert.deepEqual(await reached({ prompt: 'p', target: 'web' }), ['web_p', 'web', 'p']);
    const { outcome, notes } = await explained(config, { ...ann, tool: 'read' });
    assert.equal(outcome.kind, 'unknown');
    assert.match(notes.join(), /begin with files_, web_/);
  });

  test('says of a tool that is not shown at all that no rule said so', async () => {
    const one = [{ name: 'one', stdio: { cmd: 'x' }, tools: { include: ['a'] } }];
    const { outcome, notes, judgements } = await explained(mcp(rules('true'), one), { tool: 'b' });
    assert.equal(outcome.kind, 'unknown');
    assert.deepEqual(judgements, []);
    assert.match(notes.join(), /no rule says so/);
    assert.equal(await kindOf(mcp(rules('true'), one), { tool: 'a' }), 'allowed');
  });

  test('takes arguments and annotations as given, and says where they were not', async () => {
    const config = mcp(
      rules({ require: 'mcp.tool.annotations.readOnlyHint == true' }, 'mcp.tool.arguments.path == "/a"'),
    );
    const given = { tool: 'files_read', args: '{"path":"/a"}', annotations: '{"readOnlyHint":true}' };
    assert.equal(await kindOf(config, given), 'allowed');
    assert.equal(await kindOf(config, { ...given, args: '{"path":"/b"}' }), 'unknown');
    const { notes, outcome } = await explained(config, { tool: 'files_read' });
    assert.equal(outcome.kind, 'unknown');
    assert.match(notes.join(), /annotations.*none were given/);
  });

  test('tells a tool that is listed from one that is not, whatever the call', async () => {
    const config = mcp(
      rules({ deny: 'mcp.tool.arguments.path == "/b"' }, { deny: 'mcp.tool.name == "drop"' }),
    );
    const args = '{"path":"/b"}';
    const read = await explained(config, { tool: 'files_read', args });
    assert.deepEqual([read.outcome.kind, read.listed?.shown], ['unknown', true]);
    const drop = await explained(config, { tool: 'files_drop', args });
    assert.deepEqual([drop.outcome.kind, drop.listed?.shown], ['unknown', false]);
  });

  test('names the scopes that are missing', async () => {
    const config = mcp(rules({ require: 'jwt.role == "editor"', scopes: ['files:write'] }));
    const { outcome } = await explained(config, { tool: 'files_read' });
    assert.deepEqual(outcome.kind === 'scopes' && outcome.scopes, ['files:write']);
  });

  test('has rules of a target beside those of the route', async () => {
    const [files] = TARGETS;
    const own = { ...files, policies: rules({ deny: 'mcp.tool.name == "drop"' }) };
    const config = mcp(rules('true'), [own, TARGETS[1] as object]);
    assert.equal(await kindOf(config, { tool: 'files_drop' }), 'unknown');
    assert.equal(await kindOf(config, { tool: 'web_drop' }), 'allowed');
    const { judgements } = await explained(config, { tool: 'files_drop' });
    assert.deepEqual(
      judgements.map(({ allowed }) => allowed),
      [true, false],
    );
  });
});

describe('who asks', () => {
  test('is who a token, a key or a password proves', async () => {
    const policies = {
      jwtAuth: { ...JWT, mode: 'optional' },
      apiKey: {
        keys: [{ key: 'key-of-guest', metadata: { role: 'guest' } }],
        mode: 'optional',
        location: { queryParameter: { name: 'key' } },
      },
      basicAuth: {
        htpasswd: 'ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
        mode: 'optional',
        authorizationLocation: { cookie: { name: 'login' } },
      },
    };
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: 'ann', aud: AUDIENCE, iss: ISSUER, iat: now, exp: now + 600 };
    const jwt = await token(KEY, { claims });
    const config = mcp(policies);
    const principal = async (as: string) => (await explained(config, { as, tool: 'files_x' })).principal;
    assert.equal(await principal(jwt), `jwt:${ISSUER}|ann`);
    assert.match(String(await principal('key-of-guest')), /^key:/);
    assert.equal(await principal('ann:secret'), 'basic:ann');
    assert.equal(await principal('anonymous'), undefined);
    const old = await token(KEY, { claims: { ...claims, exp: now - 600 } });
    const { outcome, authentication } = await explained(config, { as: old, tool: 'files_x' });
    assert.equal(outcome.kind, 'unauthenticated');
    assert.deepEqual(
      authentication.map(({ policy, outcome: found, message }) => [policy, found, message]),
      [['jwtAuth', 'refused', 'the token has expired']],
    );
  });

  test('is not let in by a policy that wants a proof', async () => {
    const { outcome, authentication, judgements } = await explained(mcp({ jwtAuth: JWT, ...rules('true') }), {
      tool: 'files_x',
    });
    assert.equal(outcome.kind, 'unauthenticated');
    assert.deepEqual(
      authentication.map(({ outcome: found }) => found),
      ['absent'],
    );
    assert.deepEqual(judgements, []);
  });

  test('has claims only where a policy reads tokens', async () => {
    const { notes, outcome } = await explained(mcp(rules('jwt.sub == "ann"')), {
      claims: '{"sub":"ann"}',
      tool: 'files_x',
    });
    assert.equal(outcome.kind, 'unknown');
    assert.match(notes.join(), /no policy on this way reads tokens/);
  });

  test('gives no secret away', async () => {
    const policies = {
      jwtAuth: { ...JWT, mode: 'optional' },
      apiKey: {
        keys: [{ key: 'key-of-guest-1234', metadata: { password: 'meta-password-1' } }],
        location: { header: { name: 'x-api-key' } },
      },
      authorization: {
        rules: [
          'request.headers["x-api-key"] != "" && request.headers.cookie != "" && request.uri != ""',
          'apiKey.key.unredacted() == "key-of-guest-1234" && default(jwt.client_secret, "") == ""',
        ],
      },
      ...rules('mcp.tool.arguments.token != "" && apiKey.password != "" && has(jwt.sub)'),
    };
    const flags = {
      as: 'key-of-guest-1234',
      claims: '{"sub":"a","client_secret":"claim-secret-1"}',
      tool: 'files_x',
      args: '{"token":"arg-token-1"}',
      header: ['cookie: session=cookie-secret-1'],
      url: 'http://localhost:3000/mcp?access_token=query-secret-1',
    };
    const texts = [
      await explainedText(mcp(policies), flags),
      JSON.stringify(await explained(mcp(policies), flags)),
    ];
    for (const text of texts) {
      for (const secret of [
        'meta-password-1',
        'claim-secret-1',
        'arg-token-1',
        'cookie-secret-1',
        'query-secret-1',
      ])
        assert.ok(!text.includes(secret), `${secret} in ${text}`);
      // The rule itself quotes the key, as the configuration does; what was read must not.
      assert.ok(
        text.replaceAll(/unredacted\(\) == \\*"key-of-guest-1234/g, '').includes('key-of-guest') === false,
        text,
      );
      assert.match(text, /allowed/);
    }
  });
});

describe('the way', () => {
  const binds = [
    {
      port: 4000,
      listeners: [
        {
          name: 'main',
          hostname: '*.example.com',
          policies: { authorization: { rules: [{ deny: 'request.path == "/b/x"' }] } },
          routes: [
            {
              name: 'a',
              matches: [{ path: { pathPrefix: '/a' }, headers: [{ name: 'x-a', value: { exact: '1' } }] }],
              backends: [{ mcp: { targets: [{ name: 'one', stdio: { cmd: 'x' } }] } }],
            },
            {
              name: 'b',
              matches: [{ path: { pathPrefix: '/b' } }],
              policies: { authorization: { rules: ['request.method == "PUT"'] } },
              backends: [
                {
                  host: '127.0.0.1:1',
                  policies: { authorization: { rules: ['source.address == "10.0.0.1"'] } },
                },
              ],
            },
          ],
        },
      ],
    },
  ];

  test('is the route that is named, with what it matches', async () => {
    const { request, route, outcome, listener } = await explained({ binds }, { route: 'a', tool: 't' });
    assert.deepEqual(
      [request.url, route, listener, outcome.kind],
      ['http://any.example.com/a', 'a', 'main', 'allowed'],
    );
  });

  test('leads through the rules of listener, route and backend, one after the other', async () => {
    const { judgements, outcome, backend } = await explained({ binds }, { route: 'b', method: 'put' });
    assert.deepEqual(
      judgements.map(({ allowed }) => allowed),
      [true, true, false],
    );
    assert.deepEqual([outcome.kind, backend?.kind], ['forbidden', 'host']);
    const url = 'http://x.example.com:4000/b/x';
    assert.equal((await explained({ binds }, { url })).judgements.length, 1);
  });

  test('leads to one backend, whichever has its turn when lists are asked', async () => {
    const backend = (name: string, rule: string) => ({
      mcp: { targets: [{ name, stdio: { cmd: 'x' } }] },
      policies: { mcpAuthorization: { rules: [rule] } },
    });
    const routes = [{ backends: [backend('one', 'true'), backend('two', 'false')] }];
    const { outcome, listed } = await explained(
      { binds: [{ port: 1, listeners: [{ routes }] }] },
      { tool: 't' },
    );
    assert.deepEqual([outcome.kind, listed?.shown], ['allowed', true]);
  });

  test('that is not clear is asked for', async () => {
    const refused = (flags: Asked, message: RegExp) =>
      assert.rejects(
        explained({ binds }, flags),
        (error) => error instanceof QuestionError && message.test(error.message),
      );
    await refused({ tool: 't' }, /several routes.*known: a, b/);
    await refused({ route: 'c' }, /no route called "c"; known: a, b/);
    await refused({ url: 'http://localhost:1/' }, /nothing listens on port 1; known: 4000/);
    await refused({ route: 'a', tool: 't', target: 'two' }, /no target called "two".*known: one/);
    await refused({ route: 'a', tool: 't', prompt: 'p' }, /one of --tool and --prompt/);
    await refused({ route: 'a', args: '{}' }, /give --tool/);
    await refused({ route: 'a', tool: 't', args: '[1' }, /--args: expected a JSON object/);
    await refused({ route: 'a', header: ['nothing'] }, /name: value/);
  });

  test('to another kind of backend has no tools', async () => {
    const open = { binds: [{ port: 1, listeners: [{ routes: [{ backends: [{ host: '127.0.0.1:1' }] }] }] }] };
    await assert.rejects(explained(open, { tool: 't' }), /leads to a host backend, which has no tools/);
    assert.equal(await kindOf(open, {}), 'allowed');
  });
});
