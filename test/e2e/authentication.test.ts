/** Authentication over sockets: a listener, a route with policies, an upstream that notes what reaches it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { Doors } from '../fixtures/doors.ts';
import { AUDIENCE, ecKey, forged, hmacToken, ISSUER, keySetText, START, token } from '../fixtures/issuer.ts';
import { settled } from '../fixtures/test-ports.ts';
import { closing, get, listening, raw } from './http-harness.ts';

const key = ecKey('one');
const jwks = keySetText(key);
const single = { issuer: ISSUER, audiences: [AUDIENCE], jwks };
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const SHA = '{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=';

describe('jwtAuth', () => {
  test('lets nobody in without a token, and says how to come in', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth: single } });
    const { status, headers, body } = await doors.ask();
    assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer']);
    const message = 'a token is needed (header authorization)';
    assert.deepEqual(JSON.parse(body), { error: { code: 'UNAUTHENTICATED', message } });
    assert.deepEqual(doors.received, []);
  });

  test('lets a valid token in and keeps it from the upstream', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth: single } });
    assert.ok(await doors.admits({ ...bearer(await token(key)), 'x-other': '1' }));
    assert.deepEqual(
      [doors.last?.headers['authorization'], doors.last?.headers['x-other']],
      [undefined, '1'],
    );
  });

  test('refuses what is expired, forged or for somebody else, and names the reason', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth: single } });
    const cases = {
      'the token has expired': await token(key, { claims: { exp: START - 100 } }),
      'the token is not valid yet': await token(key, { claims: { nbf: START + 100 } }),
      'the token is for another audience': await token(key, { claims: { aud: 'x' } }),
      'the token is of an issuer that is not accepted': await token(key, { claims: { iss: 'x' } }),
      'the signature of the token is wrong': await token(ecKey('one')),
      'tokens signed with algorithm HS256 are not accepted': hmacToken(jwks, { kid: 'one' }),
      'tokens signed with algorithm none are not accepted': forged({ alg: 'none' }, {}, 'AA'),
      'not a token (JWT)': 'x',
      'the token is longer than 16384 bytes': 'x'.repeat(17_000),
    };
    for (const [reason, text] of Object.entries(cases)) {
      const { status, headers, body } = await doors.ask(bearer(text));
      assert.equal(status, 401);
      assert.equal(
        headers['www-authenticate'],
        `Bearer error="invalid_token", error_description="${reason}"`,
      );
      assert.equal(JSON.parse(body).error.message, reason);
    }
    assert.deepEqual(doors.received, []);
  });

  test('is not fooled by a second Authorization header', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth: single } });
    const valid = await token(key);
    const ask = (...lines: string[]) =>
      raw(
        doors.port,
        ['GET / HTTP/1.1', 'Host: localhost', 'Connection: close', ...lines, '', ''].join('\r\n'),
        'open',
      );
    for (const lines of [
      [`Authorization: Bearer ${valid}`, 'authorization: Bearer other'],
      ['AUTHORIZATION: Bearer other', `Authorization: Bearer ${valid}`],
      [`Authorization: Bearer ${valid}`, 'Authorization: Basic YTpi'],
    ])
      assert.match(await ask(...lines), /^HTTP\/1\.1 401 /);
    assert.deepEqual(doors.received, []);
    assert.match(
      await ask(`aUTHORIZATION:   bearer   ${valid}  `, 'Connection: authorization'),
      /^HTTP\/1\.1 200 /,
    );
    assert.ok(!JSON.stringify(doors.last?.rawHeaders).includes(valid));
  });

  test('guards upgrades like everything else', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth: single } });
    const upgrade = (extra: string) =>
      raw(
        doors.port,
        `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: test\r\n${extra}\r\n`,
        'open',
      );
    assert.match(await upgrade('Connection: close\r\n'), /^HTTP\/1\.1 401 /);
    assert.deepEqual(doors.received, []);
    assert.match(await upgrade(`Authorization: Bearer ${await token(key)}\r\n`), /^HTTP\/1\.1 101 /);
    assert.equal(doors.last?.headers['authorization'], undefined);
  });

  test('finds the token where it was told to: in the query, in a cookie', async (t) => {
    const valid = await token(key);
    const query = { ...single, location: { queryParameter: { name: 'access_token' } } };
    const doors = await Doors.open(t, { policies: { jwtAuth: query } });
    assert.equal(await doors.admits(bearer(valid)), false);
    assert.ok(await doors.admits({}, `/a?x=%20&access_token=${valid}&y`));
    assert.equal(doors.last?.url, '/a?x=%20&y');
    await doors.apply({ policies: { jwtAuth: { ...single, location: { cookie: { name: 'sid' } } } } });
    assert.ok(await doors.admits({ cookie: `a=1; sid=${valid}; b=2` }));
    assert.equal(doors.last?.headers.cookie, 'a=1; b=2');
  });

  test('of a listener and of a route judge the same token, each by its own rules', async (t) => {
    const doors = await Doors.open(t, {
      listener: { jwtAuth: single },
      policies: { jwtAuth: { ...single, audiences: ['route.test'] } },
    });
    assert.equal(await doors.admits(bearer(await token(key))), false);
    assert.equal(await doors.admits(bearer(await token(key, { claims: { aud: 'route.test' } }))), false);
    assert.ok(await doors.admits(bearer(await token(key, { claims: { aud: [AUDIENCE, 'route.test'] } }))));
    assert.equal(doors.last?.headers['authorization'], undefined);
  });

  test('refuses in a way that pages of an allowed origin can read', async (t) => {
    const doors = await Doors.open(t, {
      policies: { cors: { allowOrigins: ['http://localhost:5173'] }, jwtAuth: single },
    });
    const { status, headers } = await doors.ask({ origin: 'http://localhost:5173' });
    assert.deepEqual([status, headers['access-control-allow-origin']], [401, 'http://localhost:5173']);
    const asking = { origin: 'http://localhost:5173', 'access-control-request-method': 'GET' };
    assert.equal((await get(doors.port, { method: 'OPTIONS', headers: asking })).status, 204);
  });

  test('may let anybody in, where the configuration says so', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth: { ...single, mode: 'optional' } } });
    assert.deepEqual([await doors.admits(), await doors.admits(bearer('x'))], [true, false]);
    await doors.apply({ policies: { jwtAuth: { ...single, mode: 'permissive' } } });
    assert.deepEqual([await doors.admits(), await doors.admits(bearer('x'))], [true, true]);
    assert.equal(doors.last?.headers['authorization'], 'Bearer x');
  });
});

/** An issuer's key set over HTTP. */
async function published(t: TestContext, text: string) {
  const state = { text, status: 200, asked: 0 };
  const server = createServer((_request, reply) => {
    state.asked += 1;
    reply.writeHead(state.status, { location: '/elsewhere' }).end(state.text);
  });
  const port = await listening(server);
  t.after(() => closing(server));
  return { state, url: `http://127.0.0.1:${port}/jwks` };
}

describe('keys behind an address', () => {
  test('are fetched once, and again when a token names a key nobody knows', async (t) => {
    const next = ecKey('two');
    const { state, url } = await published(t, jwks);
    const doors = await Doors.open(t, { policies: { jwtAuth: { ...single, jwks: { url } } } });
    assert.equal(state.asked, 0);
    for (let times = 0; times < 3; times += 1) assert.ok(await doors.admits(bearer(await token(key))));
    assert.equal(state.asked, 1);
    state.text = keySetText(next);
    assert.ok(await doors.admits(bearer(await token(next))));
    assert.equal(await doors.admits(bearer(await token(key))), false);
    assert.equal(state.asked, 2);
  });

  test('stay known over a reload that changes something else', async (t) => {
    const { state, url } = await published(t, jwks);
    const jwtAuth = { ...single, jwks: { url } };
    const doors = await Doors.open(t, { policies: { jwtAuth } });
    assert.ok(await doors.admits(bearer(await token(key))));
    await doors.apply({ policies: { jwtAuth: { ...jwtAuth, mode: 'optional' } } });
    await settled();
    assert.ok(await doors.admits(bearer(await token(key))));
    assert.equal(state.asked, 1);
    const other = { ...jwtAuth, audiences: ['x'] };
    await doors.apply({ policies: { jwtAuth: other } });
    assert.equal(await doors.admits(bearer(await token(key))), false);
    assert.equal(state.asked, 2);
  });

  test('that cannot be had refuse with 503 and no challenge, without waiting each time', async (t) => {
    const { state, url } = await published(t, jwks);
    const doors = await Doors.open(t, { policies: { jwtAuth: { ...single, jwks: { url } } } });
    for (const [status, text] of [
      [500, jwks],
      [302, jwks],
      [200, 'x'.repeat(300_000)],
      [200, '{}'],
    ] as const) {
      Object.assign(state, { status, text, asked: 0 });
      for (let times = 0; times < 3; times += 1) {
        const got = await doors.ask(bearer(await token(key)));
        assert.deepEqual([got.status, got.headers['www-authenticate']], [503, undefined]);
        assert.doesNotMatch(got.body, /127\.0\.0\.1/);
      }
      assert.equal(state.asked, 1);
      await doors.ports.clock.advance(5000);
    }
    Object.assign(state, { status: 200, text: jwks });
    assert.ok(await doors.admits(bearer(await token(key))));
  });

  test('are not fetched again and again by tokens with made-up keys', async (t) => {
    const { state, url } = await published(t, jwks);
    const doors = await Doors.open(t, { policies: { jwtAuth: { ...single, jwks: { url } } } });
    for (let times = 0; times < 30; times += 1) {
      const made = await token(key, { header: { kid: `made-up-${times}` } });
      assert.equal(await doors.admits(bearer(made)), false);
    }
    assert.equal(state.asked, 2);
  });
});

test('keys in a file are those of the file as it is now', async (t) => {
  const file = join(temporaryFolder(t), 'jwks.json');
  await writeFile(file, jwks);
  const doors = await Doors.open(t, { policies: { jwtAuth: { ...single, jwks: { file } } } });
  const next = ecKey('two');
  const [old, fresh] = [bearer(await token(key)), bearer(await token(next))];
  assert.deepEqual([await doors.admits(old), await doors.admits(fresh)], [true, false]);
  await writeFile(file, keySetText(next));
  await doors.ports.clock.advance(1000);
  assert.deepEqual([await doors.admits(old), await doors.admits(fresh)], [false, true]);
});

test('a file that is missing leaves the configuration before it in force', async (t) => {
  const doors = await Doors.open(t, { policies: { jwtAuth: single } });
  const file = join(temporaryFolder(t), 'none.json');
  for (const policies of [{ jwtAuth: { ...single, jwks: { file } } }, { basicAuth: { htpasswd: { file } } }])
    await assert.rejects(doors.apply({ policies }), {
      code: 'CONFIG_INVALID',
      message: /none\.json: no such file/,
    });
  assert.ok(await doors.admits(bearer(await token(key))));
});

describe('apiKey', () => {
  const keys = [
    { key: 'agw-plain', metadata: { owner: 'a' } },
    // Of "agw-hashed".
    { keyHash: 'sha256:01AB118511AAC66204BC8801B72494604315BC062F53CB9F2BB8842A1AE2CC76' },
  ];

  test('lets its keys in, plain or hashed, and keeps them from the upstream', async (t) => {
    const doors = await Doors.open(t, { policies: { apiKey: { keys } } });
    for (const text of ['agw-plain', 'agw-hashed']) {
      assert.ok(await doors.admits(bearer(text)), text);
      assert.equal(doors.last?.headers['authorization'], undefined);
    }
    for (const text of ['agw-plai', 'agw-plain2', keys[1]?.keyHash ?? '', '*'])
      assert.equal(await doors.admits(bearer(text)), false, text);
    assert.equal((await doors.ask()).headers['www-authenticate'], 'Bearer');
  });

  test('may stand in a header of its own, beside another Authorization', async (t) => {
    const location = { header: { name: 'X-Api-Key' } };
    const doors = await Doors.open(t, { policies: { apiKey: { keys, location } } });
    assert.ok(await doors.admits({ 'x-api-key': 'agw-plain', authorization: 'Bearer upstream' }));
    const { headers } = doors.last ?? {};
    assert.deepEqual([headers?.['x-api-key'], headers?.['authorization']], [undefined, 'Bearer upstream']);
    assert.equal((await doors.ask()).headers['www-authenticate'], 'ApiKey');
  });
});

describe('basicAuth', () => {
  test('asks a browser for a password, lets the right one in and keeps it from the upstream', async (t) => {
    const doors = await Doors.open(t, {
      policies: { basicAuth: { htpasswd: `ann:${SHA}`, realm: 'Say "friend"' } },
    });
    const challenge = 'Basic realm="Say \\"friend\\"", charset="UTF-8"';
    for (const headers of [{}, basic('ann:wrong'), basic('bob:myPassword'), bearer('x')]) {
      const got = await doors.ask(headers);
      assert.deepEqual([got.status, got.headers['www-authenticate']], [401, challenge]);
    }
    assert.ok(await doors.admits(basic('ann:myPassword')));
    assert.equal(doors.last?.headers['authorization'], undefined);
  });

  test('reads its file again when it changes', async (t) => {
    const file = join(temporaryFolder(t), 'htpasswd');
    await writeFile(file, `ann:${SHA}\n`);
    const doors = await Doors.open(t, { policies: { basicAuth: { htpasswd: { file } } } });
    assert.ok(await doors.admits(basic('ann:myPassword')));
    await writeFile(file, `bob:${SHA}\n`);
    await doors.ports.clock.advance(1000);
    assert.deepEqual(
      [await doors.admits(basic('ann:myPassword')), await doors.admits(basic('bob:myPassword'))],
      [false, true],
    );
  });
});

test('several kinds may be accepted beside each other', async (t) => {
  const doors = await Doors.open(t, {
    policies: {
      jwtAuth: { ...single, mode: 'optional' },
      basicAuth: { htpasswd: `ann:${SHA}`, mode: 'optional' },
      apiKey: { keys: [{ key: 'k' }], mode: 'optional', location: { header: { name: 'x-api-key' } } },
    },
  });
  assert.ok(await doors.admits({ ...basic('ann:myPassword'), 'x-api-key': 'k' }));
  assert.deepEqual(
    [doors.last?.headers['authorization'], doors.last?.headers['x-api-key']],
    [undefined, undefined],
  );
  assert.equal(await doors.admits({ ...basic('ann:myPassword'), 'x-api-key': 'wrong' }), false);
});

test('no credential shows in logs, replies or the dump of the plan, valid or not', async (t) => {
  const valid = await token(key);
  const doors = await Doors.open(t, {
    listener: { apiKey: { keys: [{ key: 'agw-plain-key' }], location: { queryParameter: { name: 'k' } } } },
    policies: {
      jwtAuth: { ...single, mode: 'optional' },
      basicAuth: { htpasswd: `ann:${SHA}`, mode: 'optional' },
    },
  });
  const stolen = await token(ecKey('one'), { claims: { sub: 'mallory-secret' } });
  const bodies: string[] = [];
  for (const [headers, path] of [
    [bearer(valid), '/?k=agw-plain-key'],
    [bearer(stolen), '/?k=agw-plain-key'],
    [basic('ann:wrong-password'), '/?k=agw-plain-key'],
    [basic('ann:myPassword'), '/?k=agw-plain-key'],
    [bearer(valid), '/?k=guessed-key'],
  ] as const)
    bodies.push((await doors.ask(headers, path)).body);
  const words = bodies.join('\n') + (await doors.words());
  assert.match(words, /UNAUTHENTICATED/);
  const secrets = [
    valid,
    stolen,
    'agw-plain-key',
    'guessed-key',
    'wrong-password',
    'myPassword',
    'mallory',
    SHA,
  ];
  const encoded = secrets.map((one) => Buffer.from(`ann:${one}`).toString('base64'));
  for (const secret of [...secrets, ...encoded, ...valid.split('.'), ...stolen.split('.')])
    assert.ok(!words.includes(secret), secret);
});
