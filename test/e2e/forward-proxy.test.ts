// needs: curl openssl git
/** The forward proxy as programs use it: HTTP and HTTPS through it, with and without a password, allowed and not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { fetch, ProxyAgent } from 'undici';
import { Authority } from '../fixtures/certificates.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { freePort, run } from '../fixtures/programs.ts';
import { closing, listening, raw } from './http-harness.ts';

const authority = new Authority();
after(() => authority.remove());

const opened: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function gateway(config: string): Promise<{ process: GatewayProcess; port: number; url: string }> {
  const process = await startGateway({ config });
  opened.push(() => process.stop());
  const port = Number(new URL(process.url).port);
  return { process, port, url: `http://127.0.0.1:${port}` };
}

async function serving<S extends Server | HttpsServer>(server: S): Promise<number> {
  const port = await listening(server as Server);
  opened.push(() => closing(server as Server));
  return port;
}

const plain = (): Promise<number> =>
  serving(
    createServer((request, response) => response.end(`plain ${request.url} of ${request.headers.host}`)),
  );

function secure(): Promise<number> {
  const { cert, key } = authority.issue('localhost', { names: 'DNS:localhost,IP:127.0.0.1' });
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  return serving(createHttps(pair, (request, response) => response.end(`secure ${request.url}`)));
}

const curl = (...args: readonly string[]) =>
  run('curl', ['-sS', '--max-time', '20', '--noproxy', '', ...args], {
    env: { PATH: process.env['PATH'] },
    deadline: 30_000,
  });

const proxy = (allow: readonly string[], policies = '{}'): string => `
frontendPolicies:
  connect:
    mode: route
binds:
  - port: 3000
    listeners:
      - routes:
          - policies: ${policies}
            backends:
              - dynamic:
                  allow: ${JSON.stringify(allow)}
`;

describe('curl', () => {
  test('fetches http and https through the proxy, and hears why it may not', async () => {
    const [http, https] = [await plain(), await secure()];
    const { url, process } = await gateway(proxy([`127.0.0.1:${http}`, `127.0.0.1:${https}`]));
    const first = await curl('-x', url, `http://localhost:${http}/a?b`);
    assert.equal(first.output, `plain /a?b of localhost:${http}`, first.output);
    const second = await curl('-x', url, '--cacert', authority.root, `https://localhost:${https}/c`);
    assert.equal(second.output, 'secure /c', second.output);
    const refused = await curl('-x', url, 'http://127.0.0.1:15020/metrics');
    assert.match(refused.output, /FORBIDDEN_DESTINATION/);
    const shut = await curl('-x', url, 'https://169.254.169.254/');
    assert.match(shut.output, /403/);
    const line = await process.said(/http\.method"?[:=]"?CONNECT.*http\.status"?[:=]200[^\n]*/);
    assert.match(line[0], /http\.request\.bytes"?[:=]\d{3}/);
    assert.match(line[0], /http\.response\.bytes"?[:=]\d{3}/);
  });

  test('brings the password of the proxy, which goes no further', async () => {
    const http = await plain();
    const https = await secure();
    const hash = `{SHA}${Buffer.from(execFileSync('openssl', ['dgst', '-sha1', '-binary'], { input: 'secret' })).toString('base64')}`;
    const policy = JSON.stringify({
      basicAuth: {
        htpasswd: `agent:${hash}`,
        authorizationLocation: { header: { name: 'Proxy-Authorization', prefix: 'Basic ' } },
      },
      authorization: { rules: [`basicAuth.username == "agent" && request.host != "localhost:1"`] },
    });
    const { url } = await gateway(proxy([`127.0.0.1:*`], policy));
    const none = await curl('-x', url, '-o', '/dev/null', '-D', '-', `http://localhost:${http}/`);
    assert.match(none.output, /^HTTP\/1.1 407 /);
    assert.match(none.output, /proxy-authenticate: Basic realm="Restricted"/i);
    assert.match((await curl('-x', url, `https://localhost:${https}/`)).output, /407/);
    const withUser = (user: string, to: string) =>
      curl('-x', url, '-U', user, '--cacert', authority.root, '-o', '-', to);
    assert.equal(
      (await withUser('agent:secret', `http://localhost:${http}/`)).output,
      `plain / of localhost:${http}`,
    );
    assert.equal((await withUser('agent:secret', `https://localhost:${https}/`)).output, 'secure /');
    assert.match((await withUser('agent:wrong', `https://localhost:${https}/`)).output, /407/);
    assert.match((await withUser('agent:secret', 'https://localhost:1/')).output, /403/);
  });
});

test('fetch of undici goes through the proxy, many at a time', async () => {
  const [http, https] = [await plain(), await secure()];
  const { url } = await gateway(proxy(['127.0.0.1:*']));
  const agent = new ProxyAgent({ uri: url, requestTls: { ca: authority.rootPem } });
  opened.push(() => agent.close());
  const get = async (target: string) => (await fetch(target, { dispatcher: agent })).text();
  const all = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      get(at % 2 ? `https://localhost:${https}/${at}` : `http://localhost:${http}/${at}`),
    ),
  );
  assert.deepEqual(all.slice(0, 2), [`plain /0 of localhost:${http}`, 'secure /1']);
  assert.equal(new Set(all).size, 40);
});

test('git clones through the proxy', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'repository-'));
  opened.push(() => rmSync(folder, { recursive: true, force: true }));
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: folder,
      stdio: 'pipe',
    });
  git('init', '-q', '-b', 'main', 'origin');
  writeFileSync(join(folder, 'origin', 'file'), 'content');
  git('-C', 'origin', 'add', 'file');
  git('-C', 'origin', 'commit', '-q', '-m', 'first');
  git('clone', '-q', '--bare', 'origin', 'bare.git');
  git('-C', 'bare.git', 'update-server-info');
  const { cert, key } = authority.issue('localhost', { names: 'DNS:localhost' });
  const files = createHttps({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    try {
      response.end(readFileSync(join(folder, (request.url as string).replace(/\?.*/, ''))));
    } catch {
      response.writeHead(404).end();
    }
  });
  const port = await serving(files);
  const { url } = await gateway(proxy([`127.0.0.1:${port}`]));
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    https_proxy: url,
    GIT_SSL_CAINFO: authority.root,
    GIT_TERMINAL_PROMPT: '0',
  };
  const from = `https://localhost:${port}/bare.git`;
  const cloned = await run('git', ['clone', '-q', from, join(folder, 'clone')], { env, deadline: 30_000 });
  assert.equal(cloned.code, 0, cloned.output);
  assert.equal(readFileSync(join(folder, 'clone', 'file'), 'utf8'), 'content');
  const shut = await run('git', ['clone', '-q', 'https://127.0.0.1:1/bare.git', join(folder, 'none')], {
    env,
    deadline: 30_000,
  });
  assert.match(shut.output, /403/);
});

test('the configuration may lead elsewhere than the client says, over TLS, within what it allows', async () => {
  const [http, https] = [await plain(), await secure()];
  const backend = (settings: object, policies = {}) => JSON.stringify([{ dynamic: settings, policies }]);
  const allow = ['127.0.0.1:*'];
  const config = `
binds:
  - port: 3000
    listeners:
      - routes:
          - matches: [{path: {pathPrefix: /by-header}}]
            backends: ${backend({ target: 'request.headers["x-to"]', allow })}
          - matches: [{path: {pathPrefix: /secured}}]
            backends: ${backend({ allow }, { backendTLS: { root: authority.root } })}
          - matches: [{path: {pathPrefix: /rewritten}}]
            policies: {urlRewrite: {authority: {full: "localhost:${http}"}}}
            backends: ${backend({ allow })}
          - policies:
              backendAuth: {key: own}
              requestHeaderModifier: {set: {x-added: by the gateway}}
            backends: ${backend({ allow })}
`;
  const { url } = await gateway(config);
  const get = async (to: string, ...more: string[]) => (await curl('-x', url, ...more, to)).output;
  const anywhere = 'http://anywhere.test/by-header';
  assert.equal(await get(anywhere, '-H', `x-to: localhost:${http}`), `plain /by-header of localhost:${http}`);
  assert.match(await get(anywhere, '-H', 'x-to: 10.0.0.1:80'), /FORBIDDEN_DESTINATION/);
  assert.match(await get(anywhere, '-H', 'x-to: localhost'), /EXPRESSION_FAILED/);
  assert.match(await get(anywhere), /EXPRESSION_FAILED/);
  assert.equal(await get(`http://localhost:${https}/secured`), 'secure /secured');
  assert.equal(await get('http://anywhere.test/rewritten'), `plain /rewritten of localhost:${http}`);
  const { port, seen } = await mirror();
  await get(`http://localhost:${port}/`);
  assert.equal(seen[0]?.authorization, 'Bearer own');
  assert.equal(seen[0]?.['x-added'], 'by the gateway');
});

async function mirror(): Promise<{ port: number; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  const port = await serving(
    createServer((request, response) => {
      seen.push(request.headers);
      response.end();
    }),
  );
  return { port, seen };
}

test('with backendTLS a tunnel speaks TLS with the server, in place of the client', async () => {
  const https = await secure();
  const config = proxy([`127.0.0.1:${https}`]).replace(
    '            backends:',
    `              backendTLS: {root: "${authority.root}"}\n            backends:`,
  );
  const { port } = await gateway(config.replace('policies: {}', 'policies:'));
  const request = 'GET /in-clear HTTP/1.0\r\nHost: x\r\n\r\n';
  const answer = await raw(port, `CONNECT localhost:${https} HTTP/1.1\r\nHost: x\r\n\r\n${request}`, 'open');
  assert.match(answer, /^HTTP\/1.1 200 [\s\S]*secure \/in-clear$/);
});

test('what is open to all says so at the start; with credentials of the gateway it does not start', async () => {
  const open = (policies: string): string =>
    proxy([], policies)
      .replace('allow: []', '{}')
      .replace(/dynamic:\s+\{\}/, 'dynamic: {}');
  const { process } = await gateway(open('{}'));
  await process.said(/anyone who reaches this port can reach any public host/);
  await assert.rejects(
    startGateway({ config: open('{backendAuth: {key: own}}') }),
    /credentials to any server/,
  );
});

test('what is wrong in the settings is said with its place', async () => {
  const config = proxy(['https://a.test', '0.0.0.0/0']).replace(
    '              - dynamic:',
    '              - dynamic: {target: "request.hots"}\n              - dynamic:',
  );
  const failed = await startGateway({ config }).then(
    () => assert.fail('it started'),
    (error: Error) => error.message,
  );
  assert.match(failed, /expected a host name, \*\.name, an address/);
  assert.match(failed, /public and private addresses/);
  const expression = config.replace('"https://a.test","0.0.0.0/0"', '"a.test"');
  await assert.rejects(startGateway({ config: expression }), /config\.yaml:\d+:\d+:[\s\S]*hots/);
});

describe('egress by the name that TLS asks for', () => {
  const egress = (port: number, more = '') => `
binds:
  - port: 3000
    tunnelProtocol: connect
    listeners: []
  - port: ${port}
    mode: internal
    listeners:
      - name: public-egress
        hostname: "*"
        protocol: TLS
        tcpRoutes:
          - name: allowlist
            hostnames: [localhost]
            backends:
              - dynamic:
                  allow: ["127.0.0.1:${port}"]
${more}
`;

  test('reaches the names of the routes and no others, without being looked into', async () => {
    const https = await secure();
    const { url, port, process } = await gateway(egress(https));
    const cacert = ['--cacert', authority.root];
    const through = await curl('-x', url, ...cacert, `https://localhost:${https}/x`);
    assert.equal(through.output, 'secure /x', through.output);
    const other = await curl(
      '-x',
      url,
      ...cacert,
      '--resolve',
      `other.test:${https}:127.0.0.1`,
      `https://other.test:${https}/`,
    );
    assert.notEqual(other.code, 0);
    const nowhere = await curl('-x', url, 'https://localhost:1/');
    assert.match(nowhere.output, /404/);
    const direct = await raw(
      port,
      'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    assert.match(direct, /^HTTP\/1.1 405 /);
    await process.said(/endpoint"?[:=]"?localhost:\d+/);
  });

  test('is terminated where a listener of that name does so, over TLS to the proxy as well', async () => {
    const https = await secure();
    const { cert, key } = authority.issue('static.test', { names: 'DNS:static.test,DNS:localhost' });
    const inner = `
      - name: static
        hostname: static.test
        protocol: HTTPS
        tls: {cert: "${cert}", key: "${key}"}
        routes:
          - policies:
              directResponse: {status: 200, body: hello from the gateway}
`;
    const outer = egress(https, inner).replace(
      'listeners: []',
      `listeners: [{protocol: HTTPS, tls: {cert: "${cert}", key: "${key}"}}]`,
    );
    const { port } = await gateway(outer);
    const args = [
      '--cacert',
      authority.root,
      '--proxy-cacert',
      authority.root,
      '-x',
      `https://localhost:${port}`,
    ];
    const own = await curl(...args, `https://static.test:${https}/`);
    assert.equal(own.output, 'hello from the gateway', own.output);
    const passed = await curl(...args, `https://localhost:${https}/y`);
    assert.equal(passed.output, 'secure /y', passed.output);
    const open = await raw(port, `CONNECT localhost:${https} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.doesNotMatch(open, /^HTTP\/1.1 200/);
  });

  test('plain HTTP through a tunnel finds the routes of an internal bind', async () => {
    const internal = await freePort();
    const config = `
binds:
  - port: 3000
    tunnelProtocol: connect
    listeners: []
  - mode: internal
    listeners:
      - routes:
          - policies:
              directResponse: {status: 200, body: any port}
  - port: ${internal}
    mode: internal
    listeners:
      - routes:
          - policies:
              directResponse: {status: 200, body: this port}
`;
    const { url } = await gateway(config);
    const get = async (to: string) => (await curl('-x', url, '-p', '--max-time', '5', to)).output;
    assert.equal(await get(`http://anything.test:${internal}/`), 'this port');
    assert.equal(await get('http://anything.test:4711/'), 'any port');
    await assert.rejects(curlDirect(internal));
  });
});

async function curlDirect(port: number): Promise<void> {
  const { code, output } = await curl(`http://127.0.0.1:${port}/`);
  if (code !== 0) throw new Error(output);
}
