/** `agentgateway explain` and the tests of a configuration, on the real command line. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { agentgateway } from '../fixtures/command-line.ts';
import { startHttpFixture } from '../fixtures/everything-server/http.ts';
import { explained } from '../fixtures/explained.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { ecKey, keySetText, token } from '../fixtures/issuer.ts';
import { type Message, namesOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';

const RULES = [
  { deny: 'mcp.tool.name == "test_error_handling" && apiKey.role != "admin"' },
  {
    require: '!has(mcp.tool) || mcp.tool.name != "test_image_content" || apiKey.role == "admin"',
    scopes: ['images'],
  },
  'apiKey.role == "admin"',
  'mcp.tool.name.startsWith("test_") && mcp.tool.arguments.secret == "open"',
  'mcp.resource.name.startsWith("test://")',
];
const KEYS = [
  { key: 'key-of-admin', metadata: { role: 'admin' } },
  { key: 'key-of-guest', metadata: { role: 'guest' } },
];
const ROUTE = { apiKey: { keys: KEYS }, mcpAuthorization: { rules: RULES } };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-'));
});
after(() => rm(folder, { recursive: true }));

async function fileWith(config: object): Promise<string> {
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify(config, undefined, 2));
  return file;
}

const TARGETS = [{ name: 'fixture', stdio: { cmd: 'no-such-command' } }];
const CONFIG = { mcp: { port: 3000, policies: ROUTE, targets: TARGETS } };

describe('agentgateway explain', () => {
  const ask = async (...args: string[]) => agentgateway(['explain', '-f', await fileWith(CONFIG), ...args]);

  test('prints who asks, what each rule said, and the answer; the exit code says whether it is yes', async () => {
    const allowed = await ask('--as', 'key-of-admin', '--tool', 'test_image_content');
    assert.deepEqual([allowed.code, allowed.stderr], [0, '']);
    assert.match(allowed.stdout, /^tool "test_image_content" as key:/);
    assert.match(allowed.stdout, / {2}apiKey +yes +strict, header authorization\n/);
    assert.match(allowed.stdout, / {6}apiKey\.role = "admin"\n/);
    assert.match(allowed.stdout, / {2}\* allow +true +apiKey\.role == "admin"\n {6}\S*config\.json:\d+\n/);
    assert.match(allowed.stdout, /\n=> allowed; listed\n$/);
    const denied = await ask('--as', 'key-of-guest', '--tool', 'test_image_content');
    assert.equal(denied.code, 1);
    assert.match(
      denied.stdout,
      /\n=> denied: 403 insufficient_scope, a token has to grant: images; not listed\n$/,
    );
    const unknown = await ask(
      '--as',
      'key-of-guest',
      '--tool',
      'test_simple_text',
      '--args',
      '{"secret":"shut"}',
    );
    assert.equal(unknown.code, 1);
    assert.match(unknown.stdout, /secret = "\[redacted\]"/);
    assert.match(unknown.stdout, /\n=> denied as unknown: "Unknown tool: test_simple_text"; listed\n$/);
    const nobody = await ask('--tool', 'test_simple_text');
    assert.equal(nobody.code, 1);
    assert.match(nobody.stdout, /\n=> 401: an API key is needed \(header authorization\)\n$/);
  });

  test('prints JSON, and reads a credential from standard input', async () => {
    const file = await fileWith(CONFIG);
    const args = ['explain', '-f', file, '--as', '-', '--tool', 'x', '--format', 'json'];
    const { stdout, code } = await agentgateway(args, { input: 'key-of-guest\n' });
    assert.equal(code, 1);
    const { outcome, authentication, judgements } = JSON.parse(stdout);
    assert.equal(outcome.kind, 'unknown');
    assert.equal(authentication[0].metadata.role, 'guest');
    assert.equal(judgements[0].rules.length, RULES.length);
    assert.ok(!stdout.includes('key-of-guest'));
  });

  test('refuses what is no question with exit code 2', async () => {
    for (const [args, message] of [
      [['--tool', 'x', '--prompt', 'y'], /give one of --tool and --prompt/],
      [['--tool', 'x', '--route', 'y'], /no route called "y"; known: mcp/],
      [['--tool', 'x', '--args', 'y'], /--args: expected a JSON object/],
      [['--format', 'xml'], /expected text or json/],
      [['--what'], /unknown option/],
      [['-c', 'mcp: {}'], /either -f or -c/],
    ] as const) {
      const { code, stderr, stdout } = await ask(...args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, message);
    }
  });

  test('fetches the keys of an issuer, and no more', async (t) => {
    const key = ecKey('one');
    const asked: string[] = [];
    const issuer = createServer((request, response) => {
      asked.push(String(request.url));
      response.setHeader('content-type', 'application/json');
      response.end(keySetText(key));
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    t.after(() => issuer.close());
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
    const jwtAuth = { issuer: 'https://issuer.test', audiences: ['tools'], jwks: { url } };
    const policies = { jwtAuth, mcpAuthorization: { rules: ['jwt.sub == "ann"'] } };
    const file = await fileWith({ mcp: { port: 3000, policies, targets: TARGETS } });
    const exp = Math.floor(Date.now() / 1000) + 600;
    const claims = { iss: 'https://issuer.test', aud: 'tools', sub: 'ann', exp };
    const as = await token(key, { claims });
    const { code, stdout } = await agentgateway(['explain', '-f', file, '--as', as, '--tool', 'x']);
    assert.equal(code, 0, stdout);
    assert.ok(!stdout.includes(as));
    assert.deepEqual(asked, ['/jwks']);
  });
});

function kindOf(status: number, message: Message | undefined): string {
  if (message?.result) return 'allowed';
  if (status === 401) return 'unauthenticated';
  return status === 403 ? 'scopes' : 'unknown';
}

test('explain says what the gateway does', async (t) => {
  const server = await startHttpFixture({ port: 0, eras: 'both' });
  t.after(() => server.close());
  const gateway = await startGateway({
    mcp: { targets: [{ name: 'fixture', mcp: { host: server.url } }] },
    policies: ROUTE,
  });
  t.after(() => gateway.stop());
  for (const who of ['admin', 'guest', 'stranger']) {
    const client = new ModernClient(gateway.url, { headers: { authorization: `Bearer key-of-${who}` } });
    const listed = who === 'stranger' ? [] : namesOf(await client.request('tools/list'));
    for (const tool of [
      'test_simple_text',
      'test_error_handling',
      'test_image_content',
      'json_schema_2020_12_tool',
    ]) {
      const args = { name: tool, arguments: { secret: 'shut' } };
      const flags = { as: `key-of-${who}`, tool, args: JSON.stringify(args.arguments) };
      const { outcome, listed: list } = await explained(await readFile(gateway.file, 'utf8'), flags);
      const { status, messages } = await client.send(client.message('tools/call', args));
      assert.equal(outcome.kind, kindOf(status, messages.at(-1)), `${who} ${tool}`);
      if (list) assert.equal(list.shown, listed.includes(tool), `${who} ${tool}`);
    }
  }
});

describe('tests of a configuration', () => {
  const about = (...tests: object[]) => ({ ...CONFIG, tests });
  const guest = { as: { key: '$KEY_OF_GUEST' } };

  test('are run by --validate-only, which names each of them', async () => {
    const config = about(
      {
        name: 'guests see no pictures',
        ...guest,
        tool: 'test_image_content',
        expect: { scopes: ['images'] },
      },
      { name: 'strangers are not let in', as: { key: 'x' }, tool: 'a', expect: 401 },
    );
    const file = await fileWith(config);
    const env = { KEY_OF_GUEST: 'key-of-guest' };
    const { code, stdout, stderr } = await agentgateway(['-f', file, '--validate-only'], { env });
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /config\.json: valid\nok {6}guests see no pictures \(.*config\.json:\d+\)\nok .*\n2 tests passed\n$/,
    );
  });

  test('that fail say why, and end with exit code 1', async () => {
    const file = await fileWith(
      about({ name: 'guests are admins', ...guest, tool: 'test_x', expect: 'allow' }),
    );
    const { code, stdout } = await agentgateway(['-f', file, '--validate-only'], {
      env: { KEY_OF_GUEST: 'key-of-guest' },
    });
    assert.equal(code, 1);
    assert.match(stdout, /FAILED {2}guests are admins/);
    assert.match(stdout, /apiKey\.role = "guest"/);
    assert.match(stdout, /1 of 1 test failed\n$/);
    assert.ok(!stdout.includes('key-of-guest'));
  });

  test('do not keep a gateway from starting', async (t) => {
    const tests = [{ name: 'never', tool: 'x', route: 'nowhere', expect: 'allow' }];
    const gateway = await startGateway(stringify({ mcp: { port: 3000, targets: [] }, tests }));
    t.after(() => gateway.stop());
    assert.equal(gateway.exitCode(), undefined);
  });
});
