import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  checkParamHeaders,
  decodeHeaderValue,
  encodeHeaderValue,
  type ParamHeader,
  paramHeaders,
  readParamHeaders,
} from './param-headers.ts';

const REGION = { type: 'string', 'x-mcp-header': 'Region' };
const SIZE = { type: 'integer', 'x-mcp-header': 'Size' };

const read = (inputSchema: unknown): readonly ParamHeader[] | undefined =>
  readParamHeaders(Buffer.from(JSON.stringify({ name: 't', inputSchema })));

const WANTED = read({
  type: 'object',
  properties: {
    region: REGION,
    deep: { type: 'object', properties: { size: SIZE } },
    loud: { type: 'boolean', 'x-mcp-header': 'Loud' },
  },
}) as readonly ParamHeader[];

const sent = (args: string | undefined): string[] =>
  paramHeaders(args === undefined ? undefined : Buffer.from(args), WANTED);

function refused(code: string, act: () => void): void {
  assert.throws(act, (error) => error instanceof GatewayError && error.code === code);
}

describe('which headers a tool wants', () => {
  it('is read from its properties, at any depth', () => {
    assert.deepEqual(WANTED, [
      { header: 'mcp-param-region', path: ['region'], numeric: false },
      { header: 'mcp-param-size', path: ['deep', 'size'], numeric: true },
      { header: 'mcp-param-loud', path: ['loud'], numeric: false },
    ]);
  });

  it('is none for a tool without annotations', () => {
    assert.deepEqual(read({ type: 'object', properties: { a: { type: 'string' } } }), []);
    assert.deepEqual(read({ properties: { a: { description: 'not an x-mcp-header' } } }), []);
    assert.deepEqual(read(undefined), []);
    assert.deepEqual(readParamHeaders(Buffer.from('x-mcp-header')), []);
  });

  it('is unknown when an annotation breaks the rules', () => {
    for (const schema of [
      REGION,
      { properties: { a: { type: 'number', 'x-mcp-header': 'A' } } },
      { properties: { a: { type: 'object', 'x-mcp-header': 'A' } } },
      { properties: { a: { type: ['string', 'null'], 'x-mcp-header': 'A' } } },
      { properties: { a: { 'x-mcp-header': 'A' } } },
      { properties: { a: { type: 'string', 'x-mcp-header': '' } } },
      { properties: { a: { type: 'string', 'x-mcp-header': 'a b' } } },
      { properties: { a: { type: 'string', 'x-mcp-header': 'a:\r\nx' } } },
      { properties: { a: { type: 'string', 'x-mcp-header': 5 } } },
      { properties: { a: REGION, b: { type: 'string', 'x-mcp-header': 'REGION' } } },
      { properties: { a: { type: 'array', items: REGION } } },
      { properties: { a: { items: { properties: { b: REGION } } } } },
      { properties: { ok: REGION }, $defs: { a: SIZE } },
      { properties: { ok: REGION }, anyOf: [{ properties: { a: SIZE } }] },
      { properties: { ok: REGION }, additionalProperties: SIZE },
      { patternProperties: { '^a': REGION } },
      { if: { properties: { a: REGION } } },
    ])
      assert.equal(read(schema), undefined, JSON.stringify(schema));
  });
});

describe('headers for a call', () => {
  it('repeat the arguments that are there', () => {
    assert.deepEqual(sent('{"region":"eu","deep":{"size":42},"loud":false,"other":1}'), [
      ...['mcp-param-region', 'eu', 'mcp-param-size', '42', 'mcp-param-loud', 'false'],
    ]);
    for (const none of [
      undefined,
      '{}',
      '{"region":null,"deep":5}',
      '{"region":[],"deep":{"size":{}}}',
      '[]',
    ])
      assert.deepEqual(sent(none), [], none);
  });

  it('have numbers as decimals, without losing digits', () => {
    for (const [number, text] of [
      ['42.0', '42'],
      ['1e3', '1000'],
      ['-0', '0'],
      ['1.5', '1.5'],
      ['12345678901234567890', '12345678901234567890'],
    ] as const)
      assert.deepEqual(sent(`{"deep":{"size":${number}}}`), ['mcp-param-size', text]);
    for (const number of ['1e400', '1e300']) assert.deepEqual(sent(`{"deep":{"size":${number}}}`), []);
  });

  it('read names as JSON does, and refuse an argument that comes twice', () => {
    assert.deepEqual(sent('{"reg\\u0069on":"e\\u0075"}'), ['mcp-param-region', 'eu']);
    refused('INVALID_REQUEST', () => sent('{"region":"eu","region":"us"}'));
  });
});

describe('headers of a call', () => {
  const check = (args: string, headers: Record<string, string>): void =>
    checkParamHeaders(Buffer.from(args), WANTED, headers);

  it('agree with the arguments', () => {
    check('{"region":"eu","deep":{"size":42}}', { 'mcp-param-region': 'eu', 'mcp-param-size': '42' });
    check('{"region":"é"}', { 'mcp-param-region': '=?base64?w6k=?=' });
    check('{"deep":{"size":42.0}}', { 'mcp-param-size': '42' });
    check('{"deep":{"size":42}}', { 'mcp-param-size': '42.0' });
    check('{"loud":true}', { 'mcp-param-loud': 'true' });
  });

  it('need not be there, and are not looked at, where the argument is absent', () => {
    check('{}', {});
    check('{"region":null}', { 'mcp-param-region': 'eu' });
    checkParamHeaders(undefined, WANTED, {});
  });

  it('are refused when they are missing, differ or are badly encoded', () => {
    for (const [args, headers] of [
      ['{"region":"eu"}', {}],
      ['{"region":""}', {}],
      ['{"region":"eu"}', { 'mcp-param-region': 'us' }],
      ['{"region":"eu"}', { 'mcp-param-region': 'EU' }],
      ['{"region":"é"}', { 'mcp-param-region': '=?base64?w6k?=' }],
      ['{"region":"42"}', { 'mcp-param-region': '42.0' }],
      ['{"deep":{"size":42}}', { 'mcp-param-size': '0x2a' }],
      ['{"deep":{"size":42}}', { 'mcp-param-size': '' }],
      ['{"loud":true}', { 'mcp-param-loud': 'True' }],
      ['{"deep":{"size":12345678901234567890}}', { 'mcp-param-size': '12345678901234567891' }],
    ] as const)
      refused('HEADER_MISMATCH', () => check(args, headers));
  });

  it('may be missing for integers that JavaScript cannot hold', () => {
    check('{"deep":{"size":12345678901234567890}}', {});
    check('{"deep":{"size":12345678901234567890}}', { 'mcp-param-size': '12345678901234567890' });
  });

  it('that we write are those that we accept', () => {
    const args = fc.record(
      {
        region: fc.string({ unit: 'binary' }),
        deep: fc.record({ size: fc.double({ noNaN: true }) }),
        loud: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(args, (value) => {
        const text = JSON.stringify(value);
        const list = sent(text);
        const headers: Record<string, string> = {};
        for (let at = 0; at < list.length; at += 2) headers[list[at] as string] = list[at + 1] as string;
        check(text, headers);
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
});

describe('header values', () => {
  it('are the text itself where a header keeps it', () => {
    for (const text of ['eu', 'a b\tc', '=?base64?', '?=', '=?base64?=', '~!'])
      assert.equal(encodeHeaderValue(text), text);
  });

  it('are in base64 where it would not', () => {
    for (const [text, value] of [
      ['', '=?base64??='],
      ['é', '=?base64?w6k=?='],
      [' a', '=?base64?IGE=?='],
      ['a ', '=?base64?YSA=?='],
      ['a\r\nx: y', '=?base64?YQ0KeDogeQ==?='],
      ['=?base64?YQ==?=', '=?base64?PT9iYXNlNjQ/WVE9PT89?='],
    ] as const) {
      assert.equal(encodeHeaderValue(text), value);
      assert.equal(decodeHeaderValue(value), text);
    }
  });

  it('are no text when base64 is not padded, has other letters, or is not of UTF-8', () => {
    for (const base64 of ['w6k', 'w6k==', 'w6 k=', 'w6-_', 'YR==', '/w==', '='])
      assert.equal(decodeHeaderValue(`=?base64?${base64}?=`), undefined, base64);
  });

  it('read back the same, and a header can hold them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const value = encodeHeaderValue(text);
        assert.match(value, /^[!-~](?:[\t -~]*[!-~])?$/);
        assert.equal(decodeHeaderValue(value), Buffer.from(text).toString());
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
});
