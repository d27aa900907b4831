import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { Authority } from '../../../../test/fixtures/authority.ts';
import { FakeClock } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { Web } from './web.ts';

const GET = { method: 'GET', headers: [] };
const v4 = (address: string): LookupAddress => ({ address, family: 4 });

function web(trusted: readonly string[], names: Readonly<Record<string, readonly LookupAddress[]>> = {}) {
  const looked: string[] = [];
  const clock = new FakeClock();
  const made = new Web({
    clock,
    trusted: trusted.map((each) => new URL(each)),
    resolve: async (host) => {
      looked.push(host);
      return names[host] ?? [];
    },
  });
  return { web: made, looked, clock };
}

async function authority(t: TestContext): Promise<Authority> {
  const made = await Authority.start();
  t.after(() => made.close());
  return made;
}

const unavailable = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, 'CREDENTIALS_UNAVAILABLE');
  assert.match(error.message, pattern);
  return true;
};

test('addresses that others name are https, or plain on this machine, without credentials and fragments', () => {
  for (const good of ['https://a.example/x', 'http://localhost:3/x', 'http://[::1]/', 'http://127.0.0.1/'])
    assert.equal(Web.checked(good, 'it').href, new URL(good).href);
  for (const bad of [
    undefined,
    7,
    'nothing',
    'http://a.example/',
    'ftp://a.example/',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://me:secret@a.example/',
    'https://a.example/#x',
  ])
    assert.throws(() => Web.checked(bad, 'it'), unavailable(/^it /), String(bad));
});

test('a public server leads to public addresses alone, whatever names are used for others', async () => {
  const names = {
    'public.example': [v4('8.8.8.8')],
    'metadata.example': [v4('169.254.169.254')],
    'mixed.example': [v4('8.8.4.4'), v4('10.0.0.1')],
    'home.example': [v4('127.0.0.1')],
  };
  const { web: it } = web(['https://public.example/mcp'], names);
  for (const url of [
    'https://169.254.169.254/',
    'https://10.1.2.3/',
    'https://[::ffff:169.254.169.254]/',
    'https://[fd00:ec2::254]/',
    'http://127.0.0.1:1/',
    'https://metadata.example/',
    'https://mixed.example/',
    'https://home.example/',
  ])
    await assert.rejects(it.send(new URL(url), GET, new Cancel()), unavailable(/further inside/), url);
});

test('a name that is given another address when it is connected to does not get further', async () => {
  const answers = [v4('8.8.8.8'), v4('127.0.0.1')];
  const it = new Web({
    clock: new FakeClock(),
    trusted: [new URL('https://8.8.4.4/')],
    resolve: async () => [answers.pop() as LookupAddress],
  });
  await assert.rejects(
    it.send(new URL('https://rebound.example/'), GET, new Cancel()),
    unavailable(/further/),
  );
});

test('a server of this machine leads to others of it, and nothing leads to where clouds give out credentials', async (t) => {
  const at = await authority(t);
  const { web: it } = web(['http://localhost:1/mcp']);
  const reply = await it.send(
    new URL(`${at.origin}/.well-known/oauth-authorization-server`),
    GET,
    new Cancel(),
  );
  assert.equal(reply.status, 200);
  await assert.rejects(
    it.send(new URL('https://169.254.169.254/'), GET, new Cancel()),
    unavailable(/further/),
  );
  const { web: inside } = web(['https://10.0.0.1/mcp']);
  await assert.rejects(inside.send(new URL(at.origin), GET, new Cancel()), unavailable(/further/));
});

test('redirects are not followed, and long answers not read', async (t) => {
  const at = await authority(t);
  const { web: it } = web([at.origin]);
  at.pages.set('/away', (_, reply) => reply.writeHead(302, { location: `${at.origin}/mcp` }).end());
  assert.equal((await it.send(new URL('/away', at.origin), GET, new Cancel())).status, 302);
  assert.deepEqual(at.asked, ['/away']);
  at.pages.set('/long', (_, reply) =>
    reply.writeHead(200).end('x'.repeat(LIMITS.credentialsBytes.value + 1)),
  );
  await assert.rejects(it.send(new URL('/long', at.origin), GET, new Cancel()), unavailable(/longer than/));
});

for (const [what, begin] of [
  ['says nothing', () => {}],
  ['stops in the middle', (reply: ServerResponse) => reply.writeHead(200).write('{"a":')],
] as const) {
  test(`who ${what} is given up, and so is who gives up`, async (t) => {
    const at = await authority(t);
    const { web: it, clock } = web([at.origin]);
    let begun!: () => void;
    const waits = () =>
      new Promise<void>((resolve) => {
        begun = resolve;
      });
    at.pages.set('/slow', (_, reply) => {
      begin(reply);
      begun();
    });
    const first = waits();
    const late = assert.rejects(
      it.send(new URL('/slow', at.origin), GET, new Cancel()),
      unavailable(/within/),
    );
    await first;
    await clock.advance(LIMITS.credentialsTime.value);
    await late;
    const second = waits();
    const cancel = new Cancel();
    const reason = new Error('enough');
    const gone = assert.rejects(it.send(new URL('/slow', at.origin), GET, cancel), reason);
    await second;
    cancel.cancel(reason);
    await gone;
    assert.equal(clock.waiting, 0);
  });
}
