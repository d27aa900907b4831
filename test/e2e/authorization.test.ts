/** Rules about HTTP requests over sockets, at every level and with who asks. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Doors, type DoorsConfig } from '../fixtures/doors.ts';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';

const key = ecKey('one');
const jwtAuth = { issuer: ISSUER, audiences: [AUDIENCE], jwks: keySetText(key), mode: 'optional' };
const rules = (...list: unknown[]) => ({ authorization: { rules: list } });
const as = async (claims: object) => ({
  authorization: `Bearer ${await token(key, { claims: { ...claims } })}`,
});

describe('authorization', () => {
  test('refuses with 403 and says nothing of the rules', async (t) => {
    const doors = await Doors.open(t, { policies: rules('request.path == "/open"') });
    assert.ok(await doors.admits({}, '/open?x=1'));
    const { status, headers, body } = await doors.ask({}, '/shut');
    assert.deepEqual([status, headers['www-authenticate']], [403, undefined]);
    const message = 'not allowed by the rules of this place';
    assert.deepEqual(JSON.parse(body), { error: { code: 'FORBIDDEN', message } });
  });

  test('knows who asks, after authentication', async (t) => {
    const policies = { jwtAuth, ...rules('jwt.sub == "ann"', 'jwt.nested.key == "value"') };
    const doors = await Doors.open(t, { policies });
    assert.ok(await doors.admits(await as({})));
    assert.ok(await doors.admits(await as({ sub: 'bob', nested: { key: 'value' } })));
    assert.equal(await doors.admits(await as({ sub: 'bob' })), false);
    assert.equal(await doors.admits(), false);
  });

  test('knows metadata of keys and names of users', async (t) => {
    const header = { header: { name: 'x-key' } };
    const doors = await Doors.open(t, {
      policies: {
        apiKey: {
          keys: [{ key: 'a', metadata: { tier: 1 } }, { key: 'b' }],
          location: header,
          mode: 'optional',
        },
        basicAuth: { htpasswd: 'ann:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=', mode: 'optional' },
        ...rules('apiKey.tier == 1', 'basicAuth.username == "ann"'),
      },
    });
    assert.deepEqual(
      [await doors.admits({ 'x-key': 'a' }), await doors.admits({ 'x-key': 'b' })],
      [true, false],
    );
    const authorization = `Basic ${Buffer.from('ann:myPassword').toString('base64')}`;
    assert.ok(await doors.admits({ authorization }));
  });

  test('does not see a credential that was validated, unless it asks for the token by name', async (t) => {
    const seen = 'has(request.headers.authorization)';
    const doors = await Doors.open(t, { policies: { jwtAuth, ...rules({ deny: seen }) } });
    assert.ok(await doors.admits(await as({})));
    const { authorization } = await as({});
    const raw = authorization.slice('Bearer '.length);
    await doors.apply({ policies: { jwtAuth, ...rules(`jwt.rawToken.unredacted() == "${raw}"`) } });
    assert.ok(await doors.admits({ authorization }));
    await doors.apply({ policies: { jwtAuth, ...rules(`jwt.rawToken == "${raw}"`) } });
    assert.equal(await doors.admits({ authorization }), false);
  });

  test('refuses where a rule cannot be evaluated, and says so once', async (t) => {
    const doors = await Doors.open(t, { policies: { jwtAuth, ...rules({ deny: 'jwt.level > 3' }) } });
    assert.deepEqual(
      [await doors.admits(await as({ level: 1 })), await doors.admits(await as({ level: 4 }))],
      [true, false],
    );
    for (let times = 0; times < 3; times += 1)
      assert.equal(await doors.admits(await as({ level: 'x' })), false);
    const warned = doors.ports.logged.filter(({ message }) => message.includes('cannot be evaluated'));
    assert.deepEqual(
      warned.map(({ message, fields }) => [message, { ...fields, error: '' }]),
      [
        [
          'authorization: a rule cannot be evaluated; it refuses',
          { place: 'route 0/default/prefix /', rule: 1, error: '' },
        ],
      ],
    );
    await doors.apply({ policies: { jwtAuth, ...rules('jwt.level > 3') } });
    assert.equal(await doors.admits(await as({ level: 'x' })), false);
    assert.ok(doors.ports.logged.some(({ message }) => /evaluated; it lets nobody in$/.test(message)));
  });

  test('decides at every level by itself: all have to agree', async (t) => {
    const doors = await Doors.open(t, {
      listener: rules('request.headers["x-a"] == "1"'),
      policies: rules({ deny: 'request.path == "/b"' }),
      backend: { here: rules('request.method == "GET"') },
    });
    assert.ok(await doors.admits({ 'x-a': '1' }));
    for (const [headers, path] of [
      [{}, '/'],
      [{ 'x-a': '1' }, '/b'],
    ] as const)
      assert.equal(await doors.admits(headers, path), false);
  });

  test('of a named backend is not undone by who names it: the rules come together', async (t) => {
    const config: DoorsConfig = {
      backend: {
        named: rules({ deny: 'request.path == "/secret"' }),
        here: rules('request.method == "GET"'),
      },
    };
    const doors = await Doors.open(t, config);
    assert.deepEqual([await doors.admits(), await doors.admits({}, '/secret')], [true, false]);
  });

  test('is not in force when one of its rules is wrong: the configuration before it stays', async (t) => {
    const doors = await Doors.open(t, { policies: rules('request.path == "/open"') });
    for (const [rule, problem] of [
      ['jtw.sub == "x"', /authorization: rule 1: .*jtw/],
      ['request.path ==', /authorization: rule 1: /],
      ['mcp.tool.name == "x"', /authorization: rule 1: /],
      ['size(request.body) > 1', /`request\.body` cannot be read here/],
    ] as const)
      await assert.rejects(doors.apply({ policies: rules(rule) }), {
        code: 'CONFIG_INVALID',
        message: problem,
      });
    assert.deepEqual([await doors.admits({}, '/open'), await doors.admits()], [true, false]);
  });

  test('stays answering while somebody sends what is expensive to look at', async (t) => {
    const expensive = 'request.path.split("/").exists(a, request.path.split("/").exists(b, a + b == "x"))';
    const doors = await Doors.open(t, { policies: rules({ deny: expensive }) });
    assert.ok(await doors.admits({}, '/a/b'));
    assert.equal(await doors.admits({}, '/a'.repeat(3000)), false);
    assert.ok(await doors.admits({}, '/a/b'));
  });
});
