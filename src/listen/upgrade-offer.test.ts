import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { takesUpgrade, withoutOffer } from './upgrade-offer.ts';

function takes(headers: Record<string, string>): boolean {
  return takesUpgrade({ headers } as unknown as IncomingMessage);
}

test('an offer is taken unless it is HTTP/2 or stands beside a body', () => {
  assert.ok(takes({ upgrade: 'websocket' }));
  assert.ok(takes({ upgrade: 'websocket', 'content-length': '0' }));
  for (const upgrade of ['h2c', 'H2C', 'websocket, h2c', 'h2c,websocket'])
    assert.ok(!takes({ upgrade }), upgrade);
  assert.ok(!takes({ upgrade: 'websocket', 'content-length': '1' }));
  assert.ok(!takes({ upgrade: 'websocket', 'transfer-encoding': 'chunked' }));
});

test('without its offer a request keeps everything else', () => {
  const rawHeaders = ['Host', 'a', 'Connection', 'Upgrade, HTTP2-Settings, X-Hop, close', 'Upgrade', 'h2c'];
  const request = {
    method: 'POST',
    url: '/x',
    rawHeaders: [...rawHeaders, 'HTTP2-Settings', 'AAA', 'X-A', 'caf\u00e9', 'X-A', '2'],
    headers: { connection: rawHeaders[3] },
  } as unknown as IncomingMessage;
  const expected =
    'POST /x HTTP/1.1\r\nHost: a\r\nX-A: caf\u00e9\r\nX-A: 2\r\nConnection: X-Hop, close\r\n\r\n';
  assert.equal(withoutOffer(request).toString('latin1'), expected);
});
