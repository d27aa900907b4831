import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonString, jsonValue, SEED } from '../../test/fixtures/json-samples.ts';
import { GatewayError } from '../core/errors.ts';
import {
  isBatch,
  type Message,
  numberText,
  readMessage,
  SLOT,
  wholeMessage,
  withMembers,
} from './message.ts';

const read = (text: string): Message => readMessage(Buffer.from(text));

function refused(text: string | Buffer, code: string, pattern: RegExp): void {
  assert.throws(
    () => readMessage(Buffer.from(text)),
    (error) => {
      assert.ok(error instanceof GatewayError, String(error));
      assert.equal(error.code, code, String(text));
      assert.match(error.message, pattern);
      return true;
    },
  );
}

describe('reading', () => {
  it('tells requests, notifications and responses apart', () => {
    for (const [text, kind, method, id] of [
      ['{"jsonrpc":"2.0","id":7,"method":"ping"}', 'request', 'ping', '7'],
      ['{"method":"ping","id":"7","jsonrpc":"2.0"}', 'request', 'ping', '"7"'],
      ['{"jsonrpc":"2.0","method":"notifications/x"}', 'notification', 'notifications/x', ''],
      ['{"jsonrpc":"2.0","id":-1,"result":{}}', 'response', '', '-1'],
      ['{"jsonrpc":"2.0","id":0,"error":{"code":1}}', 'response', '', '0'],
      ['{"jsonrpc":"2.0","id":1,"method":"x","result":1}', 'request', 'x', '1'],
    ] as const) {
      const message = read(text);
      assert.deepEqual([message.kind, message.method, message.id], [kind, method, id], text);
    }
  });

  it('keeps ids as they are written: number and string stay distinct, and no precision is lost', () => {
    for (const id of ['"a b"', '"\\u0041"', '""', '12345678901234567890', '-0', '"7"'])
      assert.equal(read(`{"jsonrpc":"2.0","id":${id},"method":"x"}`).id, id);
  });

  it('refuses ids that are neither a string nor an integer, or too long', () => {
    for (const id of ['null', 'true', '1.5', '1e3', '[1]', '{}'])
      refused(`{"jsonrpc":"2.0","id":${id},"method":"x"}`, 'INVALID_REQUEST', /string or an integer/);
    refused(`{"jsonrpc":"2.0","id":"${'x'.repeat(255)}","method":"x"}`, 'INVALID_REQUEST', /longer than/);
    refused('{"jsonrpc":"2.0","result":{}}', 'INVALID_REQUEST', /needs an id/);
  });

  it('refuses what is JSON but no message', () => {
    refused('[]', 'INVALID_REQUEST', /is an object/);
    refused('"x"', 'INVALID_REQUEST', /is an object/);
    refused('{"jsonrpc":"2.0","id":1}', 'INVALID_REQUEST', /neither a method/);
    refused('{"id":1,"method":"x"}', 'INVALID_REQUEST', /"2.0"/);
    refused('{"jsonrpc":2.0,"id":1,"method":"x"}', 'INVALID_REQUEST', /"2.0"/);
    for (const method of ['""', '7', 'null', '{}'])
      refused(`{"jsonrpc":"2.0","id":1,"method":${method}}`, 'INVALID_REQUEST', /non-empty string/);
  });

  it('refuses spellings of routed members that parsers read differently', () => {
    for (const text of [
      '{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}',
      '{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}',
      '{"jsonrpc":"2.0","id":1,"Method":"x","method":"y"}',
      '{"jsonrpc":"2.0","id":1,"\\u006dethod":"x"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name\\u0000":"b"}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}}',
      '{"jsonrpc":"2.0","id":1,"method":"x","params":{},"params":{"name":"a"}}',
      '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":1,"progressToken":2}}}',
    ])
      refused(text, 'INVALID_REQUEST', /at byte \d+/);
  });

  it('leaves members alone that it does not route on', () => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"x","params":{"arguments":{"a":1,"a":2,"NAME":1.00}}}';
    assert.equal(wholeMessage(read(text)).toString(), text);
  });

  it('refuses what is no JSON', () => {
    for (const text of [
      '',
      '{',
      '{"jsonrpc":"2.0","id":1,"method":"x"',
      `${'['.repeat(200)}`,
      '{}{}',
      '\ufeff{}',
    ])
      refused(text, 'PARSE_ERROR', /at byte \d+/);
    refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'PARSE_ERROR', /at byte/);
  });
});

describe('line breaks', () => {
  it('between tokens are removed, and spaces elsewhere stay', () => {
    const message = read('{\r\n  "jsonrpc": "2.0",\n  "id": 1, "method": "x",\n "params": {"a": " b "}\n}\n');
    assert.equal(
      wholeMessage(message).toString(),
      '{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":" b "}}',
    );
  });

  it('do not join what they separate into something valid', () => {
    for (const text of [
      '{"jsonrpc":"2.0","id":1\n2,"method":"x"}',
      '{"jsonrpc":"2.0","id":1,"method":"x","params":tr\nue}',
      '{"jsonrpc":"2.0","id":1,"method":"x","params":[1\r\n2]}',
      '{"jsonrpc":"2.0","id":-\n1,"method":"x"}',
    ])
      refused(text, 'PARSE_ERROR', /at byte/);
  });

  it('inside a string are refused, as JSON does', () => {
    refused('{"jsonrpc":"2.0","id":1,"method":"x\ny"}', 'PARSE_ERROR', /at byte/);
  });

  it('never stay in a message, and its value is the same without them', () => {
    fc.assert(
      fc.property(jsonValue, fc.constantFrom('\n', '\r\n', ' \n\t'), (params, blank) => {
        const text = [
          '{',
          '"jsonrpc":',
          '"2.0",',
          '"id":1,',
          '"method":"x",',
          `"params":${params}`,
          '}',
        ].join(blank);
        let expected: unknown;
        try {
          expected = JSON.parse(text);
          readMessage(Buffer.from(text));
        } catch (error) {
          // Members that come twice are the business of other tests.
          if (error instanceof GatewayError && error.code === 'INVALID_REQUEST') return;
          throw error;
        }
        const whole = wholeMessage(read(text)).toString();
        assert.doesNotMatch(whole, /[\r\n]/);
        assert.deepEqual(JSON.parse(whole), expected);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});

describe('batches', () => {
  it('are told by their first byte', () => {
    for (const [text, batch] of [
      ['[]', true],
      [' \r\n\t[{}]', true],
      ['{"a":[]}', false],
      ['', false],
      ['  ', false],
      ['"["', false],
    ] as const)
      assert.equal(isBatch(Buffer.from(text)), batch, text);
  });
});

describe('replacing members', () => {
  it('leaves every other byte as it was', () => {
    const message = read(
      '{"jsonrpc" : "2.0","params":{"x":1.0,"name":"a","_meta":{"progressToken":"t"}},"method":"tools/call","id":"c-1"}',
    );
    const written = withMembers(message, [
      [SLOT.id, numberText(5)],
      [SLOT.uri, Buffer.from('"absent"')],
      [SLOT.metaProgressToken, numberText(5)],
      [SLOT.name, Buffer.from('"b"')],
    ]);
    assert.equal(
      written.toString(),
      '{"jsonrpc" : "2.0","params":{"x":1.0,"name":"b","_meta":{"progressToken":5}},"method":"tools/call","id":5}',
    );
  });

  it('gives what parsing, assigning and printing would', () => {
    const rest = fc.tuple(jsonString, jsonValue);
    const order = fc.shuffledSubarray(['jsonrpc', 'id', 'method', 'params', 'x'], { minLength: 5 });
    fc.assert(
      fc.property(order, rest, fc.integer(), (names, [string, value], id) => {
        const members: Record<string, string> = {
          jsonrpc: '"2.0"',
          id: string,
          method: '"tools/call"',
          params: `{"arguments":${value},"name":${string}}`,
          x: value,
        };
        const text = `{${names.map((name) => `"${name}":${members[name]}`).join(',')}}`;
        if (Buffer.byteLength(string) > 250) return;
        const expected = JSON.parse(text) as { id: number; params: { name: string } };
        expected.id = id;
        expected.params.name = 'new';
        const written = withMembers(read(text), [
          [SLOT.name, Buffer.from('"new"')],
          [SLOT.id, numberText(id)],
        ]);
        assert.deepEqual(JSON.parse(written.toString()), expected);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
