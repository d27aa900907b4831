import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonString, jsonValue, SEED } from '../../test/fixtures/json-samples.ts';
import { errorMessage, findAnswer, notificationMessage, requestMessage, resultMessage } from './json-rpc.ts';
import { findAtEdges } from './json-rpc-edges.ts';
import { JsonSyntaxError } from './json-text.ts';

/** [id, kind, text of the value] or undefined. */
function read(text: string): unknown {
  const bytes = Buffer.from(text);
  const answer = findAnswer(bytes);
  return answer && [answer.id, answer.kind, bytes.toString('utf8', answer.start, answer.end)];
}

function readAtEdges(text: string): unknown {
  const answer = findAtEdges(Buffer.from(text));
  return answer && [answer.id, answer.kind, Buffer.from(text).toString('utf8', answer.start, answer.end)];
}

describe('messages', () => {
  it('are framed around bytes that stay as they are', () => {
    const raw = Buffer.from('{ "n": 1.0 }');
    assert.equal(
      resultMessage(Buffer.from('"a\\u0062"'), raw).toString(),
      '{"result":{ "n": 1.0 },"jsonrpc":"2.0","id":"a\\u0062"}',
    );
    assert.equal(
      requestMessage(7, 'a/b', raw).toString(),
      '{"jsonrpc":"2.0","id":7,"method":"a/b","params":{ "n": 1.0 }}',
    );
    assert.equal(requestMessage(8, 'ping').toString(), '{"jsonrpc":"2.0","id":8,"method":"ping"}');
    assert.equal(
      notificationMessage('a/b', raw).toString(),
      '{"jsonrpc":"2.0","method":"a/b","params":{ "n": 1.0 }}',
    );
    assert.equal(notificationMessage('x"y').toString(), '{"jsonrpc":"2.0","method":"x\\"y"}');
  });

  it('say null for an id that could not be read, and leave out data that is not there', () => {
    assert.equal(
      errorMessage(undefined, { code: -32700, message: 'a "quote"' }).toString(),
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a \\"quote\\""}}',
    );
    assert.equal(
      errorMessage(Buffer.from('3'), { code: 1, message: 'm', data: { why: [1] } }).toString(),
      '{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"m","data":{"why":[1]}}}',
    );
  });

  it('are found again by findAnswer', () => {
    assert.deepEqual(read(resultMessage(Buffer.from('5'), Buffer.from('{"a":1}')).toString()), [
      5,
      'result',
      '{"a":1}',
    ]);
    assert.deepEqual(read(errorMessage(Buffer.from('"x"'), { code: 1, message: 'm' }).toString()), [
      'x',
      'error',
      '{"code":1,"message":"m"}',
    ]);
  });
});

describe('findAnswer at the edges', () => {
  const usual: readonly (readonly [text: string, id: number | string])[] = [
    ['{"jsonrpc":"2.0","id":1,"result":@}', 1],
    ['{"id":"abc-1","jsonrpc":"2.0","result":@}', 'abc-1'],
    ['{"id":0,"result":@}', 0],
    ['{"result":@,"jsonrpc":"2.0","id":-12}', -12],
    ['{"result":@,"id":999999999999999,"jsonrpc":"2.0"}', 999999999999999],
    ['{"jsonrpc":"2.0","result":@,"id":""}', ''],
    ['{"id":4,"result":@,"jsonrpc":"2.0"}', 4],
    [' {\n "jsonrpc" : "2.0" ,\r\n\t"id" : 1 , "result" : @ } \n', 1],
    ['\n{ "result" :@ , "jsonrpc" : "2.0" , "id" : "x" }\t', 'x'],
  ];
  const results = [
    '{}',
    '{"a":{"b":[1]}}',
    '{"text":"\\"},\\"id\\":5}"}',
    '{"id":5}',
    '{"x":{"jsonrpc":"2.0","id":5}}',
    '{"a":"}","jsonrpc":"2.0"}',
  ];
  it('reads the usual orders of members, whatever the result holds', () => {
    for (const [form, id] of usual) {
      for (const result of results) {
        const text = form.replace('@', () => result);
        assert.deepEqual(readAtEdges(text), [id, 'result', result], text);
        assert.deepEqual(JSON.parse(text).id, id);
      }
    }
  });

  it('leaves everything unusual to the lexer', () => {
    const unusual = [
      '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
      '{"jsonrpc":"2.0","id":1,"result":[]}',
      '{"jsonrpc":"2.0","id":1,"result":null,"error":{}}',
      '{"jsonrpc":"2.0","id":1,"result":{},"error":null}',
      '{"jsonrpc":"2.0","id":1.5,"result":{}}',
      '{"jsonrpc":"2.0","id":1e3,"result":{}}',
      '{"result":{},"jsonrpc":"2.0","id":1e3}',
      '{"result":{},"jsonrpc":"2.0","id":-1.5}',
      '{"jsonrpc":"2.0","id":1234567890123456,"result":{}}',
      '{"result":{},"id":1234567890123456}',
      '{"jsonrpc":"2.0","id":-,"result":{}}',
      '{"jsonrpc":"2.0","id":null,"result":{}}',
      '{"jsonrpc":"2.0","id":"a\\n","result":{}}',
      '{"result":{},"id":"a\\""}',
      '{"result":{},"id":"é"}',
      `{"result":{},"id":"${'a'.repeat(100)}"}`,
      `{"id":"${'a'.repeat(100)}","result":{}}`,
      '{"jsonrpc":"2.0","id":1,"id":2,"result":{}}',
      '{"jsonrpc":"2.0","id":1,"result":{},"id":2}',
      '{"jsonrpc":"2.0","result":{},"jsonrpc":"2.0","id":2}',
      '{"result":{},"id":1,"id":2}',
      '{"jsonrpc":"1.0","id":1,"result":{}}',
      '{"result":{},"jsonrpc":"1.0","id":1}',
      '{"jsonrpc":"2.0","result":{}}',
      '{"result":{},"xid":1}',
      '{"result":{},"x\\"id":1}',
      '{"result":{},"x,\\"id":1}',
      '{"\\"result":{},"id":1}',
      '{"jsonrpc":"2.0","id":1,"method":"result","x":{}}',
      '{"jsonrpc":"2.0","id":1,"x":1,"result":{}}',
      '[{"jsonrpc":"2.0","id":1,"result":{}}]',
      '{"jsonrpc":"2.0","id":1,"result":{}} x',
      '{"jsonrpc":"2.0","id":1,"result":{',
      '{"jsonrpc":"2.0","id":1,"result":{}',
      '{"result":{"id":1}',
      '{"id":1,"result":',
      '["id":1,"result":{}}',
      '{"id"=1,"result":{}}',
      '{"id":1;"result":{}}',
      '{"id":1,"result"={}}',
      '{"result":{};"id":1}',
      '{"result":{},"id"=1}',
      '{"result":{},"jsonrpc":"2.0";"id":1}',
      '"id":1,"result":{}}',
      '"id":1}',
      '{}',
      '{',
      '}',
      '',
    ];
    for (const text of unusual) assert.equal(findAtEdges(Buffer.from(text)), undefined, text);
  });
});

describe('findAnswer', () => {
  it('reads what is unusual by lexing it', () => {
    const answers: readonly (readonly [
      text: string,
      answer: readonly [id: number | string, kind: string, value: string],
    ])[] = [
      ['{"jsonrpc":"2.0","id":1,"error":{"code":1}}', [1, 'error', '{"code":1}']],
      ['{"error":{"code":1},"x":0,"id":"a"}', ['a', 'error', '{"code":1}']],
      ['{"jsonrpc":"2.0","id":1,"result":null,"error":{}}', [1, 'error', '{}']],
      ['{"jsonrpc":"2.0","id":1,"error":null,"result":{"a":1}}', [1, 'result', '{"a":1}']],
      ['{"jsonrpc":"2.0","id":1,"error":null}', [1, 'error', 'null']],
      ['{"id":1,"result":null}', [1, 'result', 'null']],
      ['{"id":2,"result":[1, 2],"x":{"id":1}}', [2, 'result', '[1, 2]']],
      ['{"id":"a\\u0062\\n","result":"r"}', ['ab\n', 'result', '"r"']],
      ['{"id":1e3,"result":true}', [1000, 'result', 'true']],
      ['{"id":9007199254740991,"result":{}}', [9007199254740991, 'result', '{}']],
    ];
    for (const [text, answer] of answers) assert.deepEqual(read(text), answer, text);
  });

  it('finds no answer in requests, notifications, other values and answers to nobody', () => {
    for (const text of [
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      '{"jsonrpc":"2.0","method":"x","params":{"id":1,"result":{}}}',
      '{"id":1,"method":"x","result":1}',
      '{"id":1}',
      '{"result":{}}',
      '{"id":null,"error":{}}',
      '{"id":true,"result":{}}',
      '{"id":1.5,"result":{}}',
      '{"id":12345678901234567890,"result":{}}',
      '{"id":["1"],"result":{}}',
      '{"id":{},"result":{}}',
      '[{"id":1,"result":{}}]',
      '"x"',
      '{}',
    ]) {
      assert.equal(read(text), undefined, text);
    }
  });

  it('throws when the text is no JSON or parsers would differ about it', () => {
    for (const [text, reason] of [
      ['', 'syntax'],
      ['{"id":1,"result":{}', 'syntax'],
      ['{"id":1,"result":{}}}x', 'syntax'],
      ['{"id":1,"id":2,"result":{}}', 'ambiguous'],
      ['{"id":1,"result":{},"ID":2}', 'ambiguous'],
      ['{"id":1,"result":{},"result":2}', 'ambiguous'],
      [`{"id":1,"result":${'['.repeat(200)}`, 'depth'],
    ] as const) {
      assert.throws(
        () => read(text),
        (error) => error instanceof JsonSyntaxError && error.reason === reason,
        text,
      );
    }
  });

  it('agrees with JSON.parse about generated answers, in every order and spacing', () => {
    const space = fc.constantFrom('', '', ' ', '\n', ' \t\r\n');
    const id = fc.oneof(
      fc.integer().map(String),
      jsonString,
      fc.constantFrom('"a"', '"2.0"', '"id"', '0', '-1', '"jsonrpc"'),
    );
    const decoy = fc.constantFrom(
      '{"id":5}',
      '{"t":",\\"id\\":5}"}',
      '{"t":"\\\\"}',
      '"}"',
      '{"result":{},"jsonrpc":"2.0","id":9}',
      '"\\"id\\":7}"',
    );
    const result = fc.oneof(
      jsonValue,
      decoy,
      fc.tuple(jsonString, fc.oneof(jsonValue, decoy)).map(([name, value]) => `{${name}:${value}}`),
    );
    const order = fc.shuffledSubarray(['jsonrpc', 'id', 'result', 'x'], { minLength: 2 });
    fc.assert(
      fc.property(order, id, result, space, space, (names, idText, resultText, a, b) => {
        const values: Record<string, string> = {
          jsonrpc: '"2.0"',
          id: idText,
          result: resultText,
          x: idText,
        };
        const text = `${a}{${names.map((name) => `${b}"${name}"${a}:${b}${values[name]}${a}`).join(',')}}${b}`;
        const parsed = JSON.parse(text) as { id?: number | string; result?: unknown };
        const bytes = Buffer.from(text);
        const answer = findAnswer(bytes);
        assert.equal(answer !== undefined, names.includes('id') && names.includes('result'), text);
        if (!answer) return;
        assert.equal(answer.id, parsed.id);
        assert.equal(answer.kind, 'result');
        assert.deepEqual(JSON.parse(bytes.toString('utf8', answer.start, answer.end)), parsed.result);
      }),
      { seed: SEED, numRuns: 6000 },
    );
  });
});
