/**
 * Abuse, 2: HTTP itself. Requests that two parsers read in two ways, paths that lead around the route they belong to,
 * headers that claim what only the gateway may say, and everything that is too large, too slow or too much. Parsers
 * and limits alone are in src/listen/*.test.ts (slow-clients, http2-abuse) and test/e2e/http-proxy-streams.test.ts;
 * spellings of paths one by one in src/route/match.test.ts. Here: whole gateway, its log, and that it goes on serving.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Abused } from '../../fixtures/abused.ts';
import { beginning, FRAME, frame, get as getFrame, reset } from '../../fixtures/raw-http2.ts';
import { collect, signal } from '../http-harness.ts';

const ADMIN = { 'x-admin': 'let-me-in' };

let abused: Abused;
before(async () => {
  abused = await Abused.open({
    config: (upstream) => ({
      frontendPolicies: { http: { http1MaxHeaders: 50, http1IdleTimeout: '2s' } },
      binds: [
        {
          port: 3000,
          listeners: [
            {
              routes: [
                {
                  name: 'admin',
                  matches: [{ path: { pathPrefix: '/admin' } }],
                  policies: { authorization: { rules: ['request.headers["x-admin"] == "let-me-in"'] } },
                  backends: [{ host: upstream }],
                },
                {
                  name: 'near',
                  matches: [{ path: { pathPrefix: '/near' } }],
                  policies: { authorization: { rules: ['source.address == "10.0.0.1"'] } },
                  backends: [{ host: upstream }],
                },
                { name: 'open', backends: [{ host: upstream }] },
              ],
            },
          ],
        },
      ],
    }),
    settings: {
      limits: { headerBytes: '8KiB', headersTime: '2s', bodyPause: '2s', replyPause: '1s', connections: 100 },
    },
    good: { path: '/admin/good', headers: ADMIN },
  });
});
after(() => abused.close());

function dial(): Socket {
  const socket = connect(abused.port, '127.0.0.1');
  return socket.on('error', () => undefined);
}

/** What comes back until the other side has had enough. */
async function answer(socket: Socket): Promise<string> {
  return (await collect(socket).catch(() => Buffer.alloc(0))).toString('latin1');
}

describe('a request that smuggles another', () => {
  const hidden = 'GET /admin/hidden HTTP/1.1\r\nHost: localhost\r\nX-Admin: let-me-in\r\n\r\n';
  const chunked = `0\r\n\r\n${hidden}`;
  const cases: Record<string, string> = {
    'length beside chunks (CL.TE)': `Content-Length: ${chunked.length}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    'chunks beside length (TE.CL)': `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n${hidden}\r\n0\r\n\r\n`,
    'two lengths': `Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    'a list of lengths': `Content-Length: 0, ${hidden.length}\r\n\r\n${hidden}`,
    'a length with a sign': `Content-Length: +${hidden.length}\r\n\r\n${hidden}`,
    'a length in hexadecimal': `Content-Length: 0x10\r\n\r\n${hidden}`,
    'a coding that is nearly chunked': `Transfer-Encoding: xchunked\r\n\r\n${chunked}`,
    'two codings': `Transfer-Encoding: chunked, identity\r\n\r\n${chunked}`,
    'a coding after a vertical tab': `Transfer-Encoding: \x0bchunked\r\n\r\n${chunked}`,
    'a space before the colon': `Transfer-Encoding : chunked\r\n\r\n${chunked}`,
    'a folded header': `X-Long: a\r\n Transfer-Encoding: chunked\r\n\r\n${chunked}`,
    'a header that a bare line feed ends': `X-A: b\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    'a header that a bare carriage return ends': `X-A: b\rTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    'a NUL in a header': `X-A: b\0\r\n\r\n${hidden}`,
    'a chunk with a bare line feed': `Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n`,
    'a chunk whose size is none': `Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n${hidden}`,
    'a chunk whose size overflows': `Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n0\r\n\r\n`,
    'two hosts': `Host: other\r\n\r\n`,
  };
  for (const [what, rest] of Object.entries(cases)) {
    test(`by ${what} is refused, and what it hides is not seen`, async () => {
      const seen = abused.refusals;
      const text = await abused.raw(`POST /${abused.mark()} HTTP/1.1\r\nHost: localhost\r\n${rest}`);
      assert.match(text, /^HTTP\/1\.1 400 /);
      // One answer: nothing after the first request was taken for another.
      assert.equal(text.split('HTTP/1.1 ').length, 2, text);
      if (what !== 'two hosts') {
        const line = await abused.refusal(seen);
        assert.deepEqual([line['code'], line['src.addr']], ['BAD_REQUEST', '127.0.0.1']);
      }
      abused.nothingReached();
      await abused.unharmed();
    });
  }

  test('over HTTP/2, in names, values or pseudo-headers, is refused stream by stream', async () => {
    const client = connectHttp2(`http://127.0.0.1:${abused.port}`);
    client.on('error', () => undefined);
    const tries: Record<string, string>[] = [
      { ':path': '/h2 HTTP/1.1\r\nHost: a\r\n\r\nGET /admin/hidden' },
      { ':path': '/h2', 'transfer-encoding': 'chunked' },
      { ':path': '/h2', 'content-length': '1, 2' },
    ];
    for (const headers of tries) {
      try {
        const stream = client.request({ ':method': 'GET', ...headers });
        stream.on('error', () => undefined);
        const [head] = await once(stream, 'response');
        assert.ok(Number(head[':status']) >= 400, JSON.stringify(headers));
      } catch (error) {
        // The client's own library refuses some of them already.
        assert.ok(error instanceof Error);
      }
    }
    client.destroy();
    assert.ok(abused.reached.every(({ url }) => !url.includes('hidden')));
    abused.reached.length = 0;
    await abused.unharmed();
  });
});

describe('a path that leads around the route it belongs to', () => {
  const tricks = [
    '//admin/x',
    '/./admin/x',
    '/open/../admin/x',
    '/open/%2e%2e/admin/x',
    '/open/%2E%2E/admin/x',
    '/open/.%2e/admin/x',
    '/open/..%2fadmin/x',
    '/open%2f..%2fadmin/x',
    '/open/..%5cadmin/x',
    '/open/..\\admin/x',
    '\\admin/x',
    '/%61dmin/x',
    '/%41dmin/x',
    '/admin%2fx',
    '/admin%00/x',
    '/open/%2e%2e;/admin/x',
    '/open/..;/admin/x',
    '/%2561dmin/%2e%2e/x',
    '/admin/../open',
    '/%zz/admin',
    '/open#/admin',
  ];
  for (const trick of tricks) {
    test(`is not served: ${trick}`, async () => {
      const text = await abused.raw(
        `GET ${trick} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
        'open',
      );
      // `..;` is a name like any other to whoever does not know parameters; it goes where it is spelled.
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
      if (trick === '/open/..;/admin/x')
        assert.deepEqual(
          abused.reached.splice(0).map(({ url }) => url),
          [trick],
        );
      else assert.ok(status === 400 || status === 403, text);
      abused.nothingReached();
      await abused.unharmed();
    });
  }

  test('is guarded like any other where the whole target is written, or the host differently', async () => {
    for (const [target, host] of [
      ['http://localhost/admin/x', 'other'],
      ['HTTP://LOCALHOST/admin/x', 'localhost'],
      ['/admin/x', 'LOCALHOST'],
      ['/admin/x', 'localhost:80'],
      ['/admin/x', '127.0.0.1'],
      ['/admin/x', '[::1]'],
      ['/admin', 'localhost'],
      ['/admin/', 'localhost'],
      ['/admin?x=/open', 'localhost'],
    ] as const) {
      const text = await abused.raw(
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        'open',
      );
      assert.match(text, /^HTTP\/1\.1 403 /, `${target} ${host}`);
    }
    abused.nothingReached();
    await abused.unharmed();
  });

  test('is another path where case, a dot or a parameter makes it one: it goes upstream as it was written', async () => {
    const paths = ['/ADMIN/x', '/admin./x', '/admin;v=1/x', '/administrator'];
    for (const path of paths) assert.equal((await abused.get(path)).status, 200, path);
    assert.deepEqual(
      abused.reached.splice(0).map(({ url }) => url),
      paths,
    );
  });

  test('a host that is not of this machine does not get in by a spelling of it', async () => {
    for (const host of [
      'localhost.evil.test',
      'evil.test',
      '127.0.0.1.evil.test',
      'localhost@evil.test',
      '0x7f.evil',
      '[::ffff:10.0.0.1]',
    ]) {
      const mark = abused.mark();
      const text = await abused.raw(
        `GET /${mark} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        'open',
      );
      assert.match(text, /^HTTP\/1\.1 40[03] /, host);
      assert.ok(Number((await abused.line(mark))['http.status']) >= 400);
    }
    abused.nothingReached();
  });
});

describe('a header that only the gateway may say', () => {
  test('changes nothing for rules, and reaches who is behind as what it is', async () => {
    const claims = {
      'x-forwarded-for': '10.0.0.1',
      'x-real-ip': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'inner.test',
      'x-original-url': '/admin/x',
      'x-rewrite-url': '/admin/x',
    };
    const mark = abused.mark();
    assert.equal((await abused.get(`/near/${mark}`, claims)).status, 403);
    assert.equal((await abused.line(mark))['reason'], 'FORBIDDEN');
    abused.nothingReached();
    await abused.get('/open', claims);
    const [through] = abused.reached.splice(0);
    assert.equal(through?.headers['x-forwarded-for'], '10.0.0.1, 127.0.0.1');
    assert.equal(through?.headers['x-forwarded-proto'], 'http');
    assert.match(String(through?.headers['x-forwarded-host']), /^127\.0\.0\.1/);
    await abused.unharmed();
  });

  test('is not dropped on its way because Connection names it', async () => {
    const lines = ['Authorization: Bearer mine', 'Cookie: a=b', 'X-Mine: c'];
    const named = 'Connection: close, Authorization, Cookie, X-Mine, X-Forwarded-For, Host, Content-Length';
    await abused.raw(['GET /open HTTP/1.1', 'Host: localhost', ...lines, named, '', ''].join('\r\n'), 'open');
    const [through] = abused.reached.splice(0);
    const { authorization, cookie, 'x-mine': mine, 'x-forwarded-for': from } = through?.headers ?? {};
    assert.deepEqual([authorization, cookie, mine, from], ['Bearer mine', 'a=b', undefined, '127.0.0.1']);
  });
});

describe('too much', () => {
  test('of headers, in number or size, is refused and logged, over either version of HTTP', async () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`x-${at}`, 'y']));
    for (const headers of [many, { large: 'x'.repeat(10_000) }]) {
      const { status, body } = await abused.get(`/${abused.mark()}`, headers);
      assert.deepEqual([status, JSON.parse(body).error.code], [431, 'HEADERS_TOO_LARGE']);
      const client = connectHttp2(`http://127.0.0.1:${abused.port}`);
      client.on('error', () => undefined);
      const stream = client.request({ ':path': '/', ...headers });
      stream.on('error', () => undefined);
      const head = await once(stream, 'response').then(
        ([one]) => one,
        () => undefined,
      );
      if (head) assert.equal(head[':status'], 431);
      client.destroy();
    }
    abused.nothingReached();
    await abused.unharmed();
  });

  test('of a path or query is refused', async () => {
    for (const target of [`/${'x'.repeat(10_000)}`, `/open?${'x=y&'.repeat(5000)}`])
      assert.equal((await abused.get(target)).status, 431);
    abused.nothingReached();
    await abused.unharmed();
  });

  test('of connections is refused, and the log says so once', async () => {
    let closed = 0;
    const enough = signal();
    const sockets = Array.from({ length: 130 }, () =>
      dial().on('close', () => {
        closed += 1;
        if (closed === 30) enough.fire();
      }),
    );
    await enough.fired;
    for (const socket of sockets) socket.destroy();
    await abused.said('connections are refused');
    await eventually(() => abused.unharmed());
    const warnings = abused.gateway.log().split('connections are refused').length - 1;
    assert.equal(warnings, 1);
  });

  test('at a time over HTTP/2, reset or abandoned, ends that connection', async () => {
    const socket = dial();
    const flood = Array.from({ length: 5000 }, (_, at) =>
      Buffer.concat([getFrame(2 * at + 1), reset(2 * at + 1)]),
    );
    socket.write(Buffer.concat([beginning(), ...flood]));
    await answer(socket);
    const pings = dial();
    pings.write(
      Buffer.concat([
        beginning(),
        ...Array.from({ length: 20_000 }, () => frame({ type: FRAME.ping, payload: Buffer.alloc(8) })),
      ]),
    );
    await answer(pings);
    abused.reached.length = 0;
    await abused.unharmed();
  });
});

describe('too slow', () => {
  test('with headers, from the first byte or in mid-line, is answered 408 and logged', async () => {
    const seen = abused.refusals;
    const socket = dial();
    socket.write('GET /open HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    const drip = setInterval(() => socket.write('x'), 100);
    assert.match(await answer(socket), /^HTTP\/1\.1 408 /);
    clearInterval(drip);
    assert.equal((await abused.refusal(seen))['code'], 'REQUEST_TIMEOUT');
    await abused.unharmed();
  });

  test('to say anything at all is closed', async () => {
    assert.equal(await answer(dial()), '');
    await abused.unharmed();
  });

  test('with a body is answered 408 and logged, and the upstream is let go', async () => {
    const mark = abused.mark();
    const socket = dial();
    socket.write(`POST /${mark} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx`);
    assert.match(await answer(socket), /^HTTP\/1\.1 408 /);
    assert.equal((await abused.line(mark))['reason'], 'REQUEST_TIMEOUT');
    abused.nothingReached();
    await abused.unharmed();
  });

  test('with the next request is closed', async () => {
    const socket = dial();
    socket.write('GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(await answer(socket), /^HTTP\/1\.1 200 /);
    abused.reached.length = 0;
    await abused.unharmed();
  });
});

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await check();
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
