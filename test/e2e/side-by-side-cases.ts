/** Requests and replies that proxies are known to read differently, one by one and thrown together. */
import fc from 'fast-check';
import type { Answer } from '../fixtures/recording-upstream.ts';
import type { Case } from './side-by-side.ts';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PROPFIND',
  'REPORT',
  'M-SEARCH',
];
const ODD_METHODS = ['TRACE', 'FOO', 'get', 'CONNECT'];

/** Spelled as they are; nobody may mend them on the way. */
const TARGETS = [
  '/',
  '/?',
  '/a/b?c=d&e',
  '/?a=b?c/d',
  '/a%2Fb%2fc',
  '/a%5Cb',
  '/a/./b/../c',
  '/..%2f..%2fetc',
  '/%2e%2e/x',
  '//a//b/',
  '/a;p=1;q/b',
  '/a%00b',
  '/%61%7E~',
  '/caf%C3%A9/%E2%82%AC',
  '/caf\u00c3\u00a9',
  '/%zz/%',
  '/a"<>^`{|}b',
  '/a\\b',
  '/a+b?c+d=%20',
  '/a?x=%00&y=%2F..%2F',
  `/${'long/'.repeat(700)}`,
  'http://localhost/whole?x=1',
  'HTTP://LOCALHOST:80/whole',
];
const ODD_TARGETS = [
  '/a b',
  '/a#fragment',
  'none',
  '*',
  'http://localhost',
  '/a\tb',
  '/a\x7fb',
  '/a\x01b',
  'ftp://localhost/x',
];

/** Lines of a head. */
const HEADERS = [
  'X-Plain: a',
  'x-CASE: KeptAsItIs',
  'X-Twice: 1\r\nX-Twice: 2',
  'X-Empty:',
  'X-Blank:    padded   ',
  'X-Latin: caf\xe9',
  'X-Utf8: caf\xc3\xa9',
  'X-Tab: a\tb',
  `X-Long: ${'y'.repeat(3000)}`,
  'X.Dotted: 1',
  'X_Underscored: 1',
  "!#$%&'*+.^`|~: token",
  'Cookie: a=b; c=d',
  'Cookie: a=b\r\nCookie: c=d',
  'Authorization: Basic dTpw',
  'Proxy-Authorization: Basic dTpw',
  'Accept-Encoding: gzip, br',
  'Range: bytes=0-3',
  'If-None-Match: "x", W/"y"',
  'If-Modified-Since: Fri, 20 Nov 2026 10:00:00 GMT',
  'Cache-Control: no-cache\r\nPragma: no-cache',
  'Via: 1.0 fred',
  'Forwarded: for=10.0.0.1',
  'X-Forwarded-For: 10.0.0.1',
  'X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil.test',
  'X-Real-IP: 10.0.0.1',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'TE: trailers',
  'TE: gzip;q=0.5, trailers',
  'TE: deflate',
  'Trailer: X-Sum',
  'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: X-Hop, close\r\nX-Hop: 1',
  'Connection: X-Hop\r\nConnection: X-Other\r\nX-Hop: 1\r\nX-Other: 2',
  'Connection: Cookie, Authorization, Host\r\nCookie: a=b\r\nAuthorization: Bearer x',
  'Connection: X-Forwarded-For',
  'Referer: http://x/\r\nUser-Agent: test/1.0 (x; y)\r\nAccept: */*',
  'Max-Forwards: 0',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Encoding: gzip',
  'Content-Language: de',
  'Date: Fri, 20 Nov 2026 10:00:00 GMT',
  'Origin: http://localhost',
];

/** The rest of a head, and a body. */
const BODIES: Readonly<Record<string, string>> = {
  'no body': '\r\n',
  'a length of zero': 'Content-Length: 0\r\n\r\n',
  'a length': 'Content-Length: 5\r\n\r\nhello',
  'a length with zeros before it': 'Content-Length: 0005\r\n\r\nhello',
  'any bytes': `Content-Length: 256\r\n\r\n${String.fromCharCode(...Array(256).keys())}`,
  'a length, spelled oddly': 'cONTENT-lENGTH:5\r\n\r\nhello',
  chunks: 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
  'no chunks': 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunks in capitals': 'Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n',
  'chunks with extensions': 'Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0;last\r\n\r\n',
  'chunks with zeros before their sizes': 'Transfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n000\r\n\r\n',
  'chunks and trailers':
    'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n',
  'a body that waits to be asked for': 'Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello',
};

const body = 'Content-Length: 2\r\n\r\nok';
/** Status, head and body of what the upstream says. */
const ANSWERS: Readonly<Record<string, Answer | string>> = {
  plain: `HTTP/1.1 200 OK\r\n${body}`,
  'no reason': `HTTP/1.1 200 \r\n${body}`,
  'another reason': `HTTP/1.1 200 Fine by me\r\n${body}`,
  'an unknown status': `HTTP/1.1 299 Odd\r\n${body}`,
  'a status beyond all': `HTTP/1.1 799 Odd\r\n${body}`,
  created: `HTTP/1.1 201 Created\r\nLocation: /a/b?c\r\n${body}`,
  'no content': 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n',
  'reset content': 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n',
  'a part': `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\n${body}`,
  'not modified': 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
  'not modified, with a length': 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1234\r\n\r\n',
  'a redirect': `HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/x\r\n${body}`,
  'a challenge': `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="a", Bearer\r\n${body}`,
  'a challenge for proxies': `HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n${body}`,
  'a failure': `HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n${body}`,
  cookies: `HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2, c\r\n${body}`,
  'headers twice': `HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nVary: a\r\nVary: b\r\n${body}`,
  'empty and odd headers': `HTTP/1.1 200 OK\r\nX-Empty:\r\nX-Latin: caf\xe9\r\nx_under: 1\r\nX-Tab: a\tb\r\n${body}`,
  'headers of the connection': `HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n${body}`,
  'words of its own': `HTTP/1.1 200 OK\r\nServer: mine/1.0\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nVia: 1.1 x\r\nX-Powered-By: y\r\n${body}`,
  'words for proxies': `HTTP/1.1 200 OK\r\nX-Accel-Limit-Rate: 1000000\r\nX-Accel-Expires: 1\r\nExpires: 0\r\nCache-Control: private\r\n${body}`,
  'a coding': `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\n${body}`,
  'no body': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n',
  'chunks and trailers':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n',
  'all until it closes': { bytes: 'HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nto the end', closes: true },
  'the end of the connection': { bytes: `HTTP/1.1 200 OK\r\nConnection: close\r\n${body}`, closes: true },
  'an older version': { bytes: 'HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nold', closes: true },
  'an older version with a length': { bytes: `HTTP/1.0 200 OK\r\n${body}`, closes: true },
  'hints before': `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n${body}`,
  'that it goes on': `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${body}`,
  'that it works': `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n${body}`,
  'bare line feeds': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'a folded header': `HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n${body}`,
  'a length and chunks':
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\noks',
  'the same length twice': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
  'a length that is none': { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok', closes: true },
  'less than its length': { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nless', closes: true },
  'half of its chunks': {
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
    closes: true,
  },
  'half a head': { bytes: 'HTTP/1.1 200 OK\r\nX-A: ', closes: true },
  'no HTTP': { bytes: 'SSH-2.0-OpenSSH_9.2\r\n', closes: true },
  nothing: { bytes: '', closes: true },
  'a NUL in a header': `HTTP/1.1 200 OK\r\nX-A: a\0b\r\n${body}`,
  'a protocol nobody asked for':
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
};

/** nginx takes an informational reply for the reply, and a HEAD then waits for the rest of it. */
const NOT_OF_HEAD = new Set(['hints before', 'that it goes on', 'that it works', 'no HTTP']);

const HOST = 'Host: localhost\r\n';
const short = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);

export const TABLE: readonly Case[] = [
  ...[...METHODS, ...ODD_METHODS].map((method) => ({
    name: `method ${method}`,
    request: `${method} /m HTTP/1.1\r\n${HOST}\r\n`,
  })),
  ...['POST', 'PUT', 'DELETE'].map((method) => ({
    name: `method ${method} with a body`,
    request: `${method} /m HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`,
  })),
  ...[...TARGETS, ...ODD_TARGETS].map((target) => ({
    name: `target ${short(target)}`,
    request: `GET ${target} HTTP/1.1\r\n${HOST}\r\n`,
  })),
  { name: 'target * of OPTIONS', request: `OPTIONS * HTTP/1.1\r\n${HOST}\r\n` },
  ...HEADERS.map((lines) => ({
    name: `header ${short(lines)}`,
    request: `GET /h HTTP/1.1\r\n${HOST}${lines}\r\n\r\n`,
  })),
  ...Object.entries(BODIES).map(([name, rest]) => ({
    name: `body: ${name}`,
    request: `POST /b HTTP/1.1\r\n${HOST}${rest}`,
  })),
  { name: 'version 1.0', request: `GET /v HTTP/1.0\r\n${HOST}\r\n` },
  { name: 'version 1.0 without a host', request: 'GET /v HTTP/1.0\r\n\r\n' },
  { name: 'version 1.1 without a host', request: 'GET /v HTTP/1.1\r\n\r\n' },
  { name: 'version 1.2', request: `GET /v HTTP/1.2\r\n${HOST}\r\n` },
  { name: 'version 2.0', request: `GET /v HTTP/2.0\r\n${HOST}\r\n` },
  { name: 'version 0.9', request: 'GET /v\r\n\r\n' },
  { name: 'host with a port', request: 'GET /v HTTP/1.1\r\nHost: LocalHost:81\r\n\r\n' },
  { name: 'host of others', request: 'GET /v HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n' },
  { name: 'host that is empty', request: 'GET /v HTTP/1.1\r\nHost:\r\n\r\n' },
  { name: 'lines before the request', request: `\r\n\r\nGET /v HTTP/1.1\r\n${HOST}\r\n` },
  { name: 'bare line feeds', request: 'GET /v HTTP/1.1\nHost: localhost\n\n' },
  ...Object.entries(ANSWERS).flatMap(([name, answer]) =>
    (NOT_OF_HEAD.has(name) ? ['GET'] : ['GET', 'HEAD']).map((method) => ({
      name: `answer to ${method}: ${name}`,
      request: `${method} /r HTTP/1.1\r\n${HOST}\r\n`,
      answer,
    })),
  ),
];

/** Anything of the above thrown together, and targets and values nobody has thought of. */
export const anyCase: fc.Arbitrary<Case> = fc
  .record({
    method: fc.constantFrom(...METHODS),
    target: fc.oneof(
      fc.constantFrom(...TARGETS),
      fc
        .array(fc.constantFrom('a', '/', '%2F', '.', '..', ';', '?', '&', '=', '%', '~', '\xe9', ':', '@'), {
          maxLength: 12,
        })
        .map((parts) => `/${parts.join('')}`),
    ),
    // Once each: which headers nginx refuses when they come twice depends on its version.
    headers: fc.uniqueArray(
      fc.oneof(
        fc.constantFrom(...HEADERS),
        fc.stringMatching(/^[a-zA-Z0-9-]{1,12}: [!-~ ]{0,30}$/).map((line) => `X-${line}`),
      ),
      { maxLength: 5, selector: (line) => line.slice(0, line.indexOf(':')).toLowerCase() },
    ),
    rest: fc.constantFrom(...Object.values(BODIES)),
    answer: fc.constantFrom(...Object.keys(ANSWERS)),
  })
  .map(({ method, target, headers, rest, answer }) => {
    const lines = headers.map((each) => `${each}\r\n`).join('');
    const request = `${method} ${target} HTTP/1.1\r\n${HOST}${lines}${rest}`;
    const told = method === 'HEAD' && NOT_OF_HEAD.has(answer) ? 'plain' : answer;
    return { name: `${told}: ${request}`, request, answer: ANSWERS[told] as Answer | string };
  });
