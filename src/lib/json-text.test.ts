import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, it } from 'node:test';
import { JsonSyntaxError, type JsonText, lex, MAX_DEPTH, Shape } from './json-text.ts';

const NOTHING = new Shape({});
const MESSAGE = new Shape({
  jsonrpc: true,
  id: true,
  method: true,
  params: { name: true, uri: true, _meta: { progressToken: true } },
  result: true,
});
const ID = MESSAGE.slot('id');
const METHOD = MESSAGE.slot('method');
const PARAMS = MESSAGE.slot('params');
const NAME = MESSAGE.slot('params', 'name');
const META = MESSAGE.slot('params', '_meta');
const TOKEN = MESSAGE.slot('params', '_meta', 'progressToken');

function read(text: string | Buffer): JsonText {
  return lex(typeof text === 'string' ? Buffer.from(text) : text, MESSAGE);
}

function faultOf(text: string | Buffer, shape = MESSAGE): string {
  try {
    lex(typeof text === 'string' ? Buffer.from(text) : text, shape);
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof JsonSyntaxError);
    return error.reason;
  }
}

function parses(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false;
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

describe('lex', () => {
  it('finds the remembered members and leaves their bytes as they were', () => {
    const text = read(
      ' {"id": 1.50e+400 ,"x":{"method":"no"},"method":"tools\\/call","params":{"arguments":{"name":1},"name":"é\\n","_meta":{"progressToken":"t"}}}\n',
    );
    assert.equal(text.raw(ID).toString(), '1.50e+400');
    assert.equal(text.text(METHOD), 'tools/call');
    assert.equal(text.raw(METHOD).toString(), '"tools\\/call"');
    assert.equal(text.text(NAME), 'é\n');
    assert.equal(text.raw(META).toString(), '{"progressToken":"t"}');
    assert.equal(text.text(TOKEN), 't');
    assert.equal(text.first(PARAMS), '{'.charCodeAt(0));
    assert.equal(text.bytes.toString('utf8', text.start, text.end), text.bytes.toString().trim());
  });

  it('says so when a member is absent', () => {
    const text = read('{"params":[{"name":"not here"}]}');
    assert.equal(text.has(PARAMS), true);
    assert.equal(text.has(NAME), false);
    assert.equal(text.startOf(NAME), -1);
    assert.equal(text.endOf(NAME), -1);
    assert.equal(text.first(NAME), -1);
    assert.equal(text.text(NAME), undefined);
    assert.throws(() => text.raw(NAME), /absent/);
  });

  it('decodes only strings', () => {
    assert.equal(read('{"method":null}').text(METHOD), undefined);
    assert.equal(read('{"method":["a"]}').text(METHOD), undefined);
    assert.equal(read('{"method":""}').text(METHOD), '');
    assert.equal(read('{"method":"\\ud83d\\ude00\\u0000\\ud800"}').text(METHOD), '\u{1f600}\0\ud800');
  });

  it('reads a range of a larger buffer and nothing beyond it', () => {
    const bytes = Buffer.from('[{"id":1}, {"id":22}]');
    const second = lex(bytes, MESSAGE, { start: 10, end: 20 });
    assert.equal(second.raw(ID).toString(), '22');
    assert.deepEqual([second.start, second.end], [11, 20]);
    for (const [text, end] of [
      ['{"id":1}', 7],
      ['"abc"', 4],
      ['12e5', 3],
      ['true', 3],
      ['"\\u0041"', 5],
      ['"\\n"', 2],
    ] as const) {
      assert.throws(() => lex(Buffer.from(text), MESSAGE, { start: 0, end: end }), JsonSyntaxError, text);
    }
  });

  it('accepts values that are no objects', () => {
    for (const text of [
      '0',
      '-0',
      '"a"',
      'true',
      'false',
      'null',
      '[]',
      '[{}]',
      ' 1e9 ',
      '"\\ud800"',
      '{"":1}',
    ]) {
      assert.equal(faultOf(text), 'accepted', text);
    }
  });

  const broken = [
    '',
    ' ',
    '{',
    '}',
    '[',
    ']',
    '[1,]',
    '[,1]',
    '{,}',
    '{"a":1,}',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '{"a" 1}',
    '{"a":1 "b":2}',
    '[1 2]',
    '01',
    '-',
    '+1',
    '1.',
    '.5',
    '1e',
    '1e+',
    '0x1',
    '1_0',
    '-01',
    'NaN',
    'Infinity',
    'tru',
    'nul',
    'truex',
    'nullnull',
    'True',
    '"',
    '"a',
    '"\\',
    '"\\"',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\U0041"',
    '"a\nb"',
    '"a\rb"',
    '"\t"',
    '"\0"',
    '\ufeff{}',
    '{} {}',
    '{}x',
    '1 2',
    '\u00a01',
    '\v1',
    '/**/1',
    '1//',
    '{"a":1}}',
    '[1]]',
    '"a"b',
    '{1:2}',
    '{null:1}',
    '{"a":1,,"b":2}',
    '[1,,2]',
    '{"id":',
    '{"params":{',
    '{"id"',
  ];
  it('refuses what the grammar does not allow', () => {
    for (const text of broken) assert.equal(faultOf(text), 'syntax', JSON.stringify(text));
  });

  it('tells where the text stops to be JSON', () => {
    for (const [text, offset] of [
      ['[1,]', 3],
      ['{"a" 1}', 5],
      ['"ab', 3],
      ['[1]x', 3],
      ['{"id":tru}', 9],
      ['', 0],
      ['"a\nb"', 2],
    ] as const) {
      assert.throws(() => read(text), { name: 'JsonSyntaxError', offset }, text);
    }
  });

  it('refuses bytes that are not UTF-8, and tells where', () => {
    for (const bytes of [
      [0xff],
      [0x80],
      [0xc3],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
      [0xe2, 0x82],
    ]) {
      const text = Buffer.concat([Buffer.from('["é","'), Buffer.from(bytes), Buffer.from('"]')]);
      assert.throws(() => read(text), { reason: 'utf8' }, text.toString('hex'));
      assert.equal(
        faultOf(Buffer.concat([Buffer.from('{"'), Buffer.from(bytes), Buffer.from('":1}')])),
        'utf8',
      );
    }
    assert.throws(() => read(Buffer.from([0x22, 0x61, 0xc3, 0xa9, 0xff, 0x22])), {
      reason: 'utf8',
      offset: 4,
    });
  });

  it('looks for broken UTF-8 in its own range only', () => {
    const bytes = Buffer.concat([Buffer.from([0xff]), Buffer.from('"é"'), Buffer.from([0xff])]);
    assert.equal(lex(bytes, NOTHING, { start: 1, end: bytes.length - 1 }).end, 5);
    const broken = Buffer.concat([Buffer.from('["é",'), Buffer.from([0x22, 0xff, 0x22]), Buffer.from(']')]);
    assert.throws(() => lex(broken, NOTHING, { start: 6, end: 9 }), { reason: 'utf8', offset: 7 });
  });

  it('accepts 128 levels and no more, however they are made', () => {
    const nests: readonly (readonly [open: string, close: string, levels: number])[] = [
      ['[', ']', 1],
      ['{"a":', '}', 1],
      ['{"params":', '}', 1],
      ['{"params":[', ']}', 2],
      ['[{"a":', '}]', 2],
    ];
    for (const [open, close, levels] of nests) {
      const times = MAX_DEPTH / levels;
      assert.equal(faultOf(`${open.repeat(times)}1${close.repeat(times)}`), 'accepted', open);
      assert.equal(faultOf(`${open.repeat(times)}[]${close.repeat(times)}`), 'depth', open);
    }
    assert.equal(faultOf('['.repeat(100_000)), 'depth');
  });

  it('refuses a remembered member that comes twice', () => {
    for (const text of [
      '{"id":1,"id":1}',
      '{"id":1,"x":2,"id":null}',
      '{"params":{"name":"a","name":"b"}}',
      '{"params":{},"params":{"name":"a"}}',
      '{"params":{"_meta":{"progressToken":1,"progressToken":2}}}',
    ]) {
      assert.equal(faultOf(text), 'ambiguous', text);
    }
  });

  const lookAlikes = [
    'Method',
    'METHOD',
    'methoD',
    '\\u006dethod',
    'm\\u0065thod',
    'metho\\u0044',
    '\\u004dETHOD',
    'method\\u0000',
    'method\\u0000x',
    'Method\\u0000\\u0000',
    'method\\ud800',
    'met\\udc00hod',
    'params\\u0000',
    'param\u017f',
    'param\\u017f',
    'PARAM\u017f',
    '\u0131d',
    '\u0130d',
    '\\u0130D',
    'ID',
    'iD',
    'Result',
    'jsonRPC',
  ];
  it('refuses names that another parser might read as a remembered one', () => {
    for (const name of lookAlikes) assert.equal(faultOf(`{"${name}":1}`), 'ambiguous', name);
    assert.equal(faultOf('{"params":{"NAME":1}}'), 'ambiguous');
    assert.equal(faultOf('{"params":{"_Meta":1}}'), 'ambiguous');
    assert.equal(faultOf('{"params":{"_meta":{"progresstoken":1}}}'), 'ambiguous');
    const kelvin = new Shape({ key: true });
    assert.equal(faultOf('{"\u212aey":1}', kelvin), 'ambiguous');
    assert.equal(faultOf('{"\\u212aEY":1}', kelvin), 'ambiguous');
  });

  it('leaves all other names alone', () => {
    for (const name of [
      'methods',
      'metho',
      '',
      'a\\u0062',
      'm\\u0065thods',
      '\\u0000method',
      'x\\u0000',
      'mëthod',
      'метод',
      '\\ud83d\\ude00',
      'i\\u0064x',
      '\u007fmeta',
      'idé',
      ' id',
      'id ',
    ]) {
      assert.equal(faultOf(`{"${name}":1,"${name}":2}`), 'accepted', name);
    }
    assert.equal(
      faultOf('{"Name":1,"params":{"Method":1,"ID":2,"arguments":{"NAME":1}},"x":{"Method":1}}'),
      'accepted',
    );
    // 0x7f differs from the underscore by the case bit, and is no other case of it.
    assert.equal(faultOf('{"params":{"\u007fmeta":1}}'), 'accepted');
  });

  it('agrees with JSON.parse on every special byte at every place of strings long and short', () => {
    const specials = [0x00, 0x0a, 0x1f, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xff];
    for (let alignment = 0; alignment < 4; alignment++) {
      for (const length of [3, 62, 64, 65, 66, 67, 71, 72, 90]) {
        for (let place = 0; place < length; place++) {
          for (const special of specials) {
            const around = Buffer.alloc(alignment + length + 6, 'x');
            const bytes = around.subarray(alignment, alignment + length + 2);
            bytes[0] = 0x22;
            bytes[place + 1] = special;
            bytes[length + 1] = 0x22;
            assert.equal(
              faultOf(bytes) === 'accepted',
              parses(bytes),
              `${bytes.toString('hex')} at ${alignment}`,
            );
          }
        }
      }
    }
  });

  it('never reads a quote that stands behind the end', () => {
    for (let length = 0; length < 100; length++) {
      const bytes = Buffer.from(`"${'a'.repeat(length)}""`);
      assert.throws(() => lex(bytes, NOTHING, { start: 0, end: length + 1 }), { reason: 'syntax' });
      assert.equal(lex(bytes, NOTHING, { start: 0, end: length + 2 }).end, length + 2);
    }
  });
});
