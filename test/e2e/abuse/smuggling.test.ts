// needs: nginx
/**
 * Abuse: readers of one connection who see its requests end in different places. What http.test.ts refuses at the door is not
 * repeated; here each case goes, with another request behind it, to a server that notes what it gets, and through nginx as
 * well. The server gets what was meant, or nothing.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { NO_NGINX } from '../../fixtures/nginx.ts';
import {
  beginning,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  framesOf,
  literals,
} from '../../fixtures/raw-http2.ts';
import { get, raw } from '../http-harness.ts';
import { SideBySide } from '../side-by-side.ts';

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
const END = '0\r\n\r\n';
const post = (rest: string): string => `POST /b HTTP/1.1\r\nHost: localhost\r\n${rest}`;

/** No reader can be sure where these end. */
const REFUSED: Readonly<Record<string, string>> = {
  'another coding before chunked': post(`Transfer-Encoding: identity, ${CHUNKED.slice(19)}${END}`),
  'a body that is compressed in transfer': post(`Transfer-Encoding: gzip, ${CHUNKED.slice(19)}${END}`),
  'codings in two lines': post(`Transfer-Encoding: identity\r\n${CHUNKED}${END}`),
  'chunked twice': post(`Transfer-Encoding: chunked\r\n${CHUNKED}${END}`),
  'chunked and chunked': post(`Transfer-Encoding: chunked, ${CHUNKED.slice(19)}${END}`),
  'identity beside a length': post(`Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n${HIDDEN}`),
  'no coding at all': post(`Transfer-Encoding:\r\n\r\n${END}`),
  'no coding beside a length': post(`Transfer-Encoding:\r\nContent-Length: ${END.length}\r\n\r\n${END}`),
  'an empty entry': post(`Transfer-Encoding: ,chunked\r\n\r\n${END}`),
  'a coding with a blank behind': post(`Transfer-Encoding: chunked \t\r\n\r\n${END}`),
  'a coding in quotes': post(`Transfer-Encoding: "chunked"\r\n\r\n${END}`),
  'a coding with a parameter': post(`Transfer-Encoding: chunked;a=b\r\n\r\n${END}`),
  'a coding with a NUL': post(`Transfer-Encoding: chunked\0\r\n\r\n${END}`),
  'a coding on the next line': post(`Transfer-Encoding:\r\n chunked\r\n\r\n${END}`),
  'a coding with two returns': post(`Transfer-Encoding: chunked\r\r\n\r\n${END}`),
  'a line without a name behind it': post(`Transfer-Encoding: chunked\r\n : x\r\n\r\n${END}`),
  'chunks in HTTP/1.0': `POST /b HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n${CHUNKED}${END}`,
  'a first header that begins with a blank': post(`\tX: y\r\n\r\n`).replace('Host: localhost\r\n', ''),
  'a blank in a name': post(`Transfer Encoding: chunked\r\n\r\n${END}`),
  'a NUL in a name': post(`Transfer-\0Encoding: chunked\r\n\r\n${END}`),
  'a blank that is none in a name': post(`Transfer-Encoding\xa0: chunked\r\n\r\n${END}`),
  'a line feed in a name': post(`X\nTransfer-Encoding: chunked\r\n\r\n${END}`),
  'a header without a name': post(': x\r\n\r\n'),
  'a header without a colon': post('Transfer-Encoding\r\n\r\n'),
  'a length below zero': post(`Content-Length: -1\r\n\r\n${HIDDEN}`),
  'a length of two words': post(`Content-Length: 0 5\r\n\r\n${HIDDEN}`),
  'a length with a fraction': post(`Content-Length: 0.0\r\n\r\n`),
  'a length with an exponent': post(`Content-Length: 1e1\r\n\r\n${HIDDEN}`),
  'a length beyond all numbers': post(`Content-Length: ${'9'.repeat(30)}\r\n\r\n${HIDDEN}`),
  'an empty length': post(`Content-Length:\r\n\r\n${HIDDEN}`),
  'the same length twice': post(`Content-Length: 0\r\nContent-Length: 0\r\n\r\n`),
  'a list of the same lengths': post('Content-Length: 0, 0\r\n\r\n'),
  'a length and a comma': post('Content-Length: 0,\r\n\r\n'),
  'a length after a vertical tab': post('Content-Length: \x0b0\r\n\r\n'),
  'a chunk size in the other spelling of hexadecimal': post(`${CHUNKED}0x0\r\n\r\n`),
  'a chunk size with a sign': post(`${CHUNKED}+0\r\n\r\n`),
  'a chunk size below zero': post(`${CHUNKED}-1\r\n\r\n`),
  'a chunk size after a blank': post(`${CHUNKED} 0\r\n\r\n`),
  'a chunk size before a blank': post(`${CHUNKED}0 \r\n\r\n`),
  'a chunk without a size': post(`${CHUNKED}\r\n\r\n`),
  'a chunk size before two returns': post(`${CHUNKED}0\r\r\n\r\n`),
  'chunks with bare line feeds': post(`${CHUNKED}0\n\n`),
  'a last bare line feed': post(`${CHUNKED}1\r\nx\r\n0\r\n\n`),
  'a bare line feed behind data': post(`${CHUNKED}1\r\nx\n0\r\n\r\n`),
  'no line end behind data': post(`${CHUNKED}1\r\nx0\r\n\r\n`),
  'two other bytes behind data': post(`${CHUNKED}1\r\nxXX0\r\n\r\n`),
  'a bare line feed behind an extension': post(`${CHUNKED}2;\nxx\r\n0\r\n\r\n`),
  'a bare return in an extension': post(`${CHUNKED}2;a\rxx\r\n0\r\n\r\n`),
  'a NUL in an extension': post(`${CHUNKED}0;\0\r\n\r\n`),
  'a line end within a quoted extension': post(`${CHUNKED}0;a="\r\n\r\n`),
  'extensions without an end': post(`${CHUNKED}0;${'a'.repeat(40_000)}\r\n\r\n`),
  'a chunk size beyond 64 bits': post(`${CHUNKED}10000000000000000\r\n\r\n`),
  'a length in a trailer': post(`${CHUNKED}0\r\nContent-Length: 9\r\n\r\n`),
  'a coding in a trailer': post(`${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`),
  'a folded trailer': post(`${CHUNKED}0\r\nX: a\r\n b\r\n\r\n`),
  'a trailer without a colon': post(`${CHUNKED}0\r\nGET /x HTTP/1.1\r\n\r\n`),
  'a request line with tabs': post('\r\n').replace('POST /b ', 'POST\t/b\t'),
  'a request line with a word too many': post('\r\n').replace('1.1\r\n', '1.1 x\r\n'),
  'a request line with a NUL': post('\r\n').replace('/b', '/b\0'),
  'a request line with a bare return': post('\r\n').replace('/b', '/b\rX'),
};

/** These have one meaning; the server gets exactly these, and where the first ends is said anew. */
const SERVED: Readonly<Record<string, readonly [request: string, ...bodies: string[]]>> = {
  'a request in a body with a length': [post(`Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`), HIDDEN],
  'a request in a chunk': [post(`${CHUNKED}${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n${END}`), HIDDEN],
  'a body of GET': [post(`Content-Length: 2\r\n\r\nhi`).replace('POST', 'GET'), 'hi'],
  'a length with zeros before it': [post('Content-Length: 0000000000000000000002\r\n\r\nhi'), 'hi'],
  'a length that is not octal': [post('Content-Length: 010\r\n\r\n0123456789'), '0123456789'],
  'a length between blanks': [post('Content-Length:   2  \r\n\r\nhi'), 'hi'],
  'a length that Connection names': [post('Connection: Content-Length\r\nContent-Length: 2\r\n\r\nhi'), 'hi'],
  'a coding that Connection names': [
    post(`Connection: Transfer-Encoding\r\n${CHUNKED}2\r\nhi\r\n${END}`),
    'hi',
  ],
  'a coding in capitals, after a tab': [post(`TRANSFER-ENCODING:\tCHUNKED\r\n\r\n2\r\nhi\r\n${END}`), 'hi'],
  'many zeros of a chunk size': [post(`${CHUNKED}2\r\nhi\r\n${'0'.repeat(70)}\r\n\r\n`), 'hi'],
  'extensions of chunks': [post(`${CHUNKED}2;a=b;c="d"\r\nhi\r\n0;e\r\n\r\n`), 'hi'],
  trailers: [post(`${CHUNKED}2\r\nhi\r\n0\r\nX-Sum: 1\r\nHost: evil.test\r\n\r\n`), 'hi'],
  'a coding with an underscore': [post(`Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\nhi`), 'hi'],
  'a length with an underscore': [post(`Content_Length: 99\r\nContent-Length: 2\r\n\r\nhi`), 'hi'],
  'a body that waits to be asked for and is not asked': [
    post(`Expect: 100-continue\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`),
    HIDDEN,
  ],
  'a request behind a request': [`${post('Content-Length: 0\r\n\r\n')}${HIDDEN}`, '', ''],
  'an offer of HTTP/2': [
    `${post('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n')}${HIDDEN}`,
    '',
    '',
  ],
};

/** What the gateway serves and nginx (1.22) does not, for all that is said of it. */
const LAXER = new Set(['a coding in capitals, after a tab']);

describe('two requests in one', { skip: NO_NGINX, timeout: 120_000 }, () => {
  let proxies: SideBySide;
  let port: number;
  before(async () => {
    proxies = await SideBySide.open();
    port = Number(new URL(proxies.gateway.url).port);
  });
  after(() => proxies?.close());

  const reachedBy = async (
    proxy: number,
    bytes: string,
  ): Promise<{ text: string; paths: string[]; bodies: string[] }> => {
    proxies.upstream.take();
    const text = await raw(proxy, bytes, 'open');
    // Each over a connection of its own, so in whichever order; the sort is stable.
    const isLast = ({ first }: { first: string }): number => Number(first.startsWith('GET /last '));
    const requests = [...proxies.upstream.take().requests].sort((one, other) => isLast(one) - isLast(other));
    for (const { headers } of requests)
      assert.ok(headers.filter(([name]) => /^(?:transfer.encoding|content.length)$/i.test(name)).length <= 1);
    return {
      text,
      paths: requests.map(({ first }) => first.split(' ')[1] ?? ''),
      bodies: requests.map(({ body }) => body),
    };
  };

  /** Connections to the server have nothing of it left in them. */
  const unharmed = async (): Promise<void> => {
    proxies.upstream.take();
    assert.equal((await get(port, { path: '/good' })).body, 'ok');
    assert.deepEqual(
      proxies.upstream.take().requests.map(({ first }) => first),
      ['GET /good HTTP/1.1'],
    );
  };

  for (const [what, request] of Object.entries(REFUSED))
    test(`are refused: ${what}`, async () => {
      const { text, paths } = await reachedBy(port, `${request}${HIDDEN}${LAST}`);
      assert.match(text, /^HTTP\/1\.1 4(?:00|31) /);
      assert.equal(text.split('HTTP/1.1 ').length, 2, text);
      assert.deepEqual(paths, []);
      await unharmed();
    });

  for (const [what, [request, ...bodies]] of Object.entries(SERVED))
    test(`are what they say: ${what}`, async () => {
      const { text, paths, bodies: got } = await reachedBy(port, `${request}${LAST}`);
      assert.deepEqual(got, [...bodies, '']);
      assert.deepEqual(paths, [...bodies.map((_, at) => (at === 0 ? '/b' : '/hidden')), '/last']);
      assert.equal(text.split('HTTP/1.1 200').length - 1, paths.length, text);
      await unharmed();
      const beside = await reachedBy(proxies.nginx.port, `${request}${LAST}`);
      assert.equal(
        JSON.stringify(beside.bodies) !== JSON.stringify(got),
        LAXER.has(what),
        JSON.stringify([beside.bodies, got]),
      );
    });
});

/** What an HTTP/1.1 server would read in another way than was meant, over HTTP/2 (RFC 9113 sections 8.1 to 8.3 and 10.3). */
describe('a request over HTTP/2', { skip: NO_NGINX, timeout: 60_000 }, () => {
  let proxies: SideBySide;
  before(async () => {
    proxies = await SideBySide.open();
  });
  after(() => proxies?.close());

  type Fields = readonly (readonly [string, string])[];
  const USUAL: Fields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/b'],
    [':authority', 'localhost'],
  ];
  const without = (name: string): Fields => USUAL.filter(([each]) => each !== name);
  const like = (name: string, value: string): Fields =>
    USUAL.map(([each, usual]) => [each, each === name ? value : usual]);

  /** What the server got, and whether the client was answered 200 (RFC 7541 appendix A, index 8). */
  async function send(fields: Fields, { body = '', trailers }: { body?: string; trailers?: Fields } = {}) {
    proxies.upstream.take();
    const socket = connect(Number(new URL(proxies.gateway.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    const on = { stream: 1 };
    const parts = [frame({ ...on, type: FRAME.headers, flags: END_HEADERS, payload: literals(fields) })];
    const last = trailers === undefined ? END_STREAM : 0;
    parts.push(frame({ ...on, type: FRAME.data, flags: last, payload: Buffer.from(body) }));
    if (trailers)
      parts.push(
        frame({ ...on, type: FRAME.headers, flags: END_HEADERS | END_STREAM, payload: literals(trailers) }),
      );
    socket.write(Buffer.concat([beginning(), ...parts]));
    const answered = await new Promise<boolean>((resolve) => {
      let got: Buffer = Buffer.alloc(0);
      socket
        .on('close', () => resolve(false))
        .on('data', (chunk) => {
          got = Buffer.concat([got, chunk]);
          for (const { type, payload, flags, stream } of framesOf(got)) {
            if (type === FRAME.goAway || (type === FRAME.reset && stream === 1)) resolve(false);
            if (type === FRAME.headers && stream === 1 && (payload[0] !== 0x88 || flags & END_STREAM))
              resolve(payload[0] === 0x88);
            if (type === FRAME.data && stream === 1 && flags & END_STREAM) resolve(true);
          }
        });
    });
    socket.destroy();
    return { answered, requests: proxies.upstream.take().requests };
  }

  const NAMES = /^(?:connection|content-length|host|transfer-encoding|x-forwarded-(?:for|host|proto))$/i;
  const refused: Readonly<Record<string, Parameters<typeof send>>> = {
    'shorter than its length': [[...USUAL, ['content-length', '9']], { body: 'hi' }],
    'longer than its length': [[...USUAL, ['content-length', '0']], { body: HIDDEN }],
    'with two lengths': [[...USUAL, ['content-length', '2'], ['content-length', '2']], { body: 'hi' }],
    'with a list of lengths': [[...USUAL, ['content-length', '2, 2']], { body: 'hi' }],
    'with a length that has a sign': [[...USUAL, ['content-length', '+2']], { body: 'hi' }],
    'with a coding': [[...USUAL, ['transfer-encoding', 'chunked']], { body: `${END}${HIDDEN}` }],
    'with headers of a connection': [[...USUAL, ['connection', 'x-a'], ['x-a', '1']]],
    'with keep-alive': [[...USUAL, ['keep-alive', 'timeout=5']]],
    'with another offer': [[...USUAL, ['upgrade', 'h2c']]],
    'with TE beyond trailers': [[...USUAL, ['te', 'gzip']]],
    'with capitals in a name': [[...USUAL, ['X-A', 'c']]],
    'with a line end in its path': [like(':path', '/b HTTP/1.1\r\nX: y')],
    'with a blank in its path': [like(':path', '/b HTTP/1.1')],
    'with an empty path': [like(':path', '')],
    'with a path that does not begin': [like(':path', 'b')],
    'with a line end in its method': [like(':method', 'GET /hidden HTTP/1.1\r\nX: y\r\n\r\nPOST')],
    'with a blank in its method': [like(':method', 'GET /hidden')],
    'with a line end in its authority': [like(':authority', 'localhost\r\nX: y')],
    'with a blank in its authority': [like(':authority', 'local host')],
    'with another host': [[...USUAL, ['host', 'evil.test']]],
    'with two hosts': [[...without(':authority'), ['host', 'localhost'], ['host', 'evil.test']]],
    'with two paths': [[...USUAL, [':path', '/other']]],
    'with two methods': [[...USUAL, [':method', 'GET']]],
    'without a path': [without(':path')],
    'without a method': [without(':method')],
    'without a scheme': [without(':scheme')],
    'with a pseudo-header that nobody knows': [[...USUAL, [':other', 'x']]],
    'with one of replies': [[...USUAL, [':status', '200']]],
    'with one behind others': [[...without(':path'), ['x-a', 'b'], [':path', '/b']]],
    'with one in its trailers': [USUAL, { body: 'hi', trailers: [[':path', '/hidden']] }],
  };
  for (const [what, [fields, more]] of Object.entries(refused))
    test(`is refused ${what}`, async () => {
      const { answered, requests } = await send(fields, more);
      assert.deepEqual([answered, requests.map(({ first }) => first)], [false, []]);
    });

  /** nghttp2 leaves out such a header, though RFC 9113 8.2.1 has the request refused: nothing of it travels. */
  const dropped: typeof refused = {
    'with line ends in a value': [[...USUAL, ['x-a', `b\r\nTransfer-Encoding: chunked`]]],
    'with a line feed in a value': [[...USUAL, ['x-a', 'b\nX-B: c']]],
    'with a return in a value': [[...USUAL, ['x-a', 'b\rX-B: c']]],
    'with a NUL in a value': [[...USUAL, ['x-a', 'b\0c']]],
    'with line ends in a name': [[...USUAL, ['x-a\r\nx-b', 'c']]],
    'with a colon in a name': [[...USUAL, ['x-a: b', 'c']]],
    'with a blank in a name': [[...USUAL, ['x-a ', 'c']]],
    'with an empty name': [[...USUAL, ['', 'c']]],
    'with line ends in its trailers': [USUAL, { body: 'hi', trailers: [['x-a', 'b\r\n\r\nGET /hidden']] }],
  };
  for (const [what, [fields, more]] of Object.entries(dropped))
    test(`loses the header ${what}`, async () => {
      const { requests } = await send(fields, more);
      assert.deepEqual(
        requests.map(({ first, headers }) => [first, headers.filter(([name]) => !NAMES.test(name))]),
        [['POST /b HTTP/1.1', []]],
      );
    });

  const served: Readonly<Record<string, readonly [...Parameters<typeof send>]>> = {
    'with a body that looks like chunks': [USUAL, { body: `${END}${HIDDEN}` }],
    'with its pseudo-headers in another order': [[...USUAL].reverse(), { body: 'hi' }],
    'with a length': [[...USUAL, ['content-length', '2']], { body: 'hi' }],
    'with the host twice in different words': [[...USUAL, ['host', 'LOCALHOST']], { body: 'hi' }],
    'with trailers about its end': [USUAL, { body: 'hi', trailers: [['x-sum', '1']] }],
  };
  for (const [what, [fields, more]] of Object.entries(served))
    test(`is served once, ${what}`, async () => {
      const { answered, requests } = await send(fields, more);
      assert.equal(answered, true);
      assert.deepEqual(
        requests.map(({ first, body }) => [first, body]),
        [['POST /b HTTP/1.1', more?.body]],
      );
    });
});
