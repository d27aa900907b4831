/**
 * Abuse, 5: expressions. Bombs in a configuration are refused at load; those that only data sets off cost a bounded
 * amount of work and decide against who sent them; patterns take no longer for any text. Each bound alone:
 * src/expr/cel/bounds.test.ts. Here: in a running gateway, over HTTP and MCP, at once with others who are served.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Abused } from '../../fixtures/abused.ts';
import { MAIN } from '../../fixtures/gateway.ts';
import { McpHttpClient } from '../../fixtures/mcp-http.ts';
import { run } from '../../fixtures/programs.ts';
import { type RawServer, startRawServer } from '../../fixtures/raw-server/http.ts';

describe('a configuration with', () => {
  const bombs: Record<string, [rule: string, says: RegExp]> = {
    'an expression that is too long': [`"${'x'.repeat(17_000)}" == request.path`, /16384|16 ?KiB|too long/i],
    'brackets that nest without end': [`${'('.repeat(500)}1${')'.repeat(500)} == 1`, /nest/i],
    'lists that nest without end': [`${'['.repeat(500)}${']'.repeat(500)} == []`, /nest/i],
    'operators without end': [`${'1+'.repeat(5000)}1 == 1`, /4096|nest|too many/i],
    'a pattern that no engine for untrusted texts has': ['request.path.matches("(a+)+\\\\1")', /regexp/],
    'a name that nobody knows': ['process.env.HOME == ""', /process/],
    'a property of every object': ['request.constructor.constructor("return 1")()', /./],
  };
  for (const [what, [rule, says]] of Object.entries(bombs)) {
    test(`${what} is refused at load, with its place`, async () => {
      const config = {
        binds: [
          {
            port: 0,
            listeners: [
              { routes: [{ policies: { authorization: { rules: [rule] } }, backends: [{ host: 'a:1' }] }] },
            ],
          },
        ],
      };
      const args = [MAIN, '--validate-only', '-c', JSON.stringify(config)];
      const { code, output } = await run(process.execPath, args, { deadline: 20_000 });
      assert.notEqual(code, 0);
      assert.match(output, says);
      assert.match(output, /:1:\d+/);
    });
  }
});

describe('data that makes a rule work', () => {
  let abused: Abused;
  let server: RawServer;
  before(async () => {
    server = await startRawServer({});
    const route = (name: string, rule: object | string, upstream: string): object => ({
      matches: [{ path: { pathPrefix: `/${name}` } }],
      policies: { authorization: { rules: [rule] } },
      backends: [{ host: upstream }],
    });
    const nested = 'request.path.split("/").exists(a, request.path.split("/").exists(b, a + b == "no"))';
    abused = await Abused.open({
      config: (upstream) => ({
        binds: [
          {
            port: 3000,
            listeners: [
              {
                routes: [
                  {
                    matches: [{ path: { pathPrefix: '/mcp' } }],
                    policies: {
                      mcpAuthorization: {
                        rules: [
                          {
                            deny: 'mcp.tool.arguments.list.exists(a, mcp.tool.arguments.list.exists(b, mcp.tool.arguments.list.exists(c, a + b + c == -1)))',
                          },
                        ],
                      },
                    },
                    backends: [{ mcp: { targets: [{ name: 'raw', mcp: { host: server.url } }] } }],
                  },
                  route('deny', { deny: nested }, upstream),
                  route('allow', `!${nested}`, upstream),
                  route(
                    'pattern',
                    { deny: 'request.headers["x-text"].matches("^(([a-z])+.)+[A-Z]([a-z])+$")' },
                    upstream,
                  ),
                  { backends: [{ host: upstream }] },
                ],
              },
            ],
          },
        ],
      }),
      good: { path: '/good' },
    });
  });
  after(async () => {
    await abused.close();
    await server.close();
  });

  test('without end is stopped, refuses who sent it, whichever way the rule leans, and is logged', async () => {
    for (const name of ['deny', 'allow']) {
      assert.equal((await abused.get(`/${name}/a`)).status, 200);
      abused.reached.length = 0;
      const mark = abused.mark();
      const { status } = await abused.get(`/${name}/${mark}${'/a'.repeat(3000)}`);
      assert.equal(status, 403, name);
      assert.equal((await abused.line(mark))['reason'], 'FORBIDDEN');
      abused.nothingReached();
    }
    await abused.unharmed();
  });

  test('in the arguments of a tool is stopped, and the tool is not called', async () => {
    const client = await McpHttpClient.open(abused.gateway.url);
    assert.ok((await client.call('echo', { list: [1, 2] })).result);
    const { error } = await client.call('echo', { list: Array.from({ length: 2000 }, (_, at) => at) });
    assert.equal(error?.code, -32602);
    assert.ok((await client.call('echo', { list: [1] })).result);
    client.close();
    await abused.unharmed();
  });

  test('with patterns that other engines choke on holds up nobody', async () => {
    const evil = { 'x-text': 'a'.repeat(8000) };
    const attempts = Array.from({ length: 20 }, () => abused.get('/pattern', evil));
    await abused.get('/good');
    const statuses = (await Promise.all(attempts)).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([200]));
    abused.reached.length = 0;
    await abused.unharmed();
  });
});
