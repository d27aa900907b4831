import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Exchange } from '../../core/exchange.ts';
import { replyHeaders, requestHeaders } from './headers.ts';

function outgoing(rawHeaders: readonly string[], rest: Partial<Exchange> = {}): string[] {
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    headers[name] =
      headers[name] === undefined ? (rawHeaders[i + 1] as string) : `${headers[name]}, ${rawHeaders[i + 1]}`;
  }
  const exchange = {
    rawHeaders,
    headers,
    body: { length: 0 },
    client: { address: '10.0.0.9', port: 1 },
    scheme: 'http',
    authority: 'shop.example',
    ...rest,
  };
  return requestHeaders(exchange as unknown as Exchange);
}

const ADDED = [
  'x-forwarded-for',
  '10.0.0.9',
  'x-forwarded-proto',
  'http',
  'x-forwarded-host',
  'shop.example',
];

describe('request headers', () => {
  test('keep their spelling, order and repetition', () => {
    const list = ['X-B', '1', 'x-a', '2', 'X-B', '3'];
    assert.deepEqual(outgoing(list), [...list, ...ADDED]);
  });

  test('of the connection stay behind', () => {
    const names = [
      'Connection',
      'Keep-Alive',
      'Proxy-Connection',
      'Proxy-Authorization',
      'TE',
      'Trailer',
      'Upgrade',
    ];
    const list = [...names, 'Transfer-Encoding', 'HTTP2-Settings', 'Expect', 'Host'].flatMap((name) => [
      name,
      'x',
    ]);
    assert.deepEqual(outgoing(list), ADDED);
  });

  test('that Connection lists stay behind, unless that would change who asks or what is framed', () => {
    const list = [
      'Connection',
      'close, X-Hop, Authorization, Content-Length',
      'X-Hop',
      '1',
      'Authorization',
      'Bearer t',
    ];
    assert.deepEqual(outgoing(list), ['Authorization', 'Bearer t', ...ADDED]);
  });

  test('about the client are extended or replaced, never believed', () => {
    const list = ['X-Forwarded-For', '1.1.1.1', 'X-Forwarded-Host', 'evil', 'X-Forwarded-Proto', 'https'];
    const expected = ['x-forwarded-for', '1.1.1.1, 10.0.0.9', ...ADDED.slice(2)];
    assert.deepEqual(outgoing(list), expected);
  });

  test("are not the client's to say with underscores either", () => {
    const list = ['X_Forwarded_For', '1.1.1.1', 'Transfer_Encoding', 'chunked', 'X_Other', '1'];
    assert.deepEqual(outgoing(list), ['X_Other', '1', ...ADDED]);
  });

  test('say the length of a body that has one', () => {
    const body = (length: number | undefined) => ({ body: { length } }) as unknown as Partial<Exchange>;
    assert.deepEqual(outgoing(['Content-Length', '7'], body(7)), ['content-length', '7', ...ADDED]);
    assert.deepEqual(outgoing(['Transfer-Encoding', 'chunked'], body(undefined)), ADDED);
    assert.deepEqual(outgoing(['Content-Length', '0'], body(0)), ADDED);
  });

  test('ask for trailers only where the client did', () => {
    assert.deepEqual(outgoing(['TE', 'gzip, Trailers']), ['te', 'trailers', ...ADDED]);
    assert.deepEqual(outgoing(['TE', 'gzip']), ADDED);
  });

  test('have one Cookie, however many the client sent', () => {
    assert.deepEqual(outgoing(['cookie', 'a=1', 'Cookie', 'b=2']), ['cookie', 'a=1; b=2', ...ADDED]);
  });
});

describe('reply headers', () => {
  test('of the connection stay behind, with those that Connection lists', () => {
    const list = ['connection', 'x-hop', 'connection', 'close', 'x-hop', '1', 'transfer-encoding', 'chunked'];
    assert.deepEqual(replyHeaders([...list, 'trailer', 'x-sum', 'keep-alive', 'timeout=5', 'x-kept', '2']), [
      'x-kept',
      '2',
    ]);
  });

  test('that matter to the client cannot be listed away', () => {
    const list = ['connection', 'set-cookie, content-length', 'set-cookie', 'a=1', 'content-length', '3'];
    assert.deepEqual(replyHeaders(list), ['set-cookie', 'a=1', 'content-length', '3']);
  });
});
