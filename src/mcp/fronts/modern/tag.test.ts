import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readMessage } from '../../message.ts';
import { acknowledgement, ending, tagged } from './tag.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const parsed = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

describe('a message of a subscription', () => {
  it('names the request, with the id as it came', () => {
    const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
    for (const id of ['7', '"7"', '"listen:0"', '-1', '"\\u00e9\\""']) {
      const message = tagged(Buffer.from(JSON.stringify(changed)), id);
      assert.deepEqual(parsed(message), {
        ...changed,
        params: { _meta: { [SUBSCRIPTION]: JSON.parse(id) } },
      });
      assert.ok(message.includes(`"${SUBSCRIPTION}":${id}}`), 'the same letters');
      readMessage(message);
    }
  });

  it('keeps what it has', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['"params":{}', `"params":{"_meta":{"${SUBSCRIPTION}":1}}`],
      ['"params":{ }', `"params":{"_meta":{"${SUBSCRIPTION}":1} }`],
      ['"params":{"uri":"a:b"}', `"params":{"_meta":{"${SUBSCRIPTION}":1},"uri":"a:b"}`],
      ['"params":{"_meta":{},"uri":"a"}', `"params":{"_meta":{"${SUBSCRIPTION}":1},"uri":"a"}`],
      ['"params":{"_meta":{"x":1.0}}', `"params":{"_meta":{"${SUBSCRIPTION}":1,"x":1.0}}`],
      [`"params":{"_meta":{"${SUBSCRIPTION}":"theirs"}}`, `"params":{"_meta":{"${SUBSCRIPTION}":1}}`],
      ['"extra":1e400', `"extra":1e400,"params":{"_meta":{"${SUBSCRIPTION}":1}}`],
    ];
    for (const [before, after] of cases) {
      const text = tagged(Buffer.from(`{"jsonrpc":"2.0","method":"m",${before}}`), '1').toString();
      assert.equal(text, `{"jsonrpc":"2.0","method":"m",${after}}`);
    }
  });

  it('comes first as the acknowledgement, and last as the result', () => {
    const honoured = Buffer.from('{"toolsListChanged":true}');
    assert.deepEqual(parsed(acknowledgement('"a"', honoured)), {
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: { [SUBSCRIPTION]: 'a' }, notifications: { toolsListChanged: true } },
    });
    const serverInfo = { name: 'one', version: '1' };
    assert.deepEqual(parsed(ending('"a"', Buffer.from(JSON.stringify(serverInfo)))), {
      jsonrpc: '2.0',
      id: 'a',
      result: {
        resultType: 'complete',
        _meta: { [SUBSCRIPTION]: 'a', 'io.modelcontextprotocol/serverInfo': serverInfo },
      },
    });
  });
});
