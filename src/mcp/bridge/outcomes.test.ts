import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { brokenJson, jsonValue, SEED } from '../../../test/fixtures/json-samples.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  errorStatus,
  errorToLegacy,
  errorToModern,
  type InputRequest,
  inputRequiredResult,
  readInputRequired,
  resultToLegacy,
  resultToModern,
  withRequestState,
} from './outcomes.ts';

const INFO = Buffer.from('{"name":"s","version":"1"}');
const META = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}';
const TYPE = '"resultType":"complete"';
const CACHE = '"ttlMs":0,"cacheScope":"private"';

const modern = (text: string, options: Partial<Parameters<typeof resultToModern>[1]> = {}): string =>
  resultToModern(Buffer.from(text), { cacheable: false, serverInfo: undefined, ...options }).toString();
const legacy = (text: string): string => resultToLegacy(Buffer.from(text)).toString();

describe('a result for a modern client', () => {
  it('is complete', () => {
    assert.equal(modern('{"content":[]}'), `{${TYPE},"content":[]}`);
    assert.equal(modern('{}'), `{${TYPE}}`);
    assert.equal(modern('{ "content" : [] }'), `{${TYPE}, "content" : [] }`);
    assert.equal(modern('{ }'), `{${TYPE} }`);
  });

  it('says so once: what the server has written at the top stays, and the same deeper does not count', () => {
    assert.equal(modern('{"a":1,"resultType":"complete"}'), '{"a":1,"resultType":"complete"}');
    assert.equal(modern('{"a":{"resultType":"x"}}'), `{${TYPE},"a":{"resultType":"x"}}`);
    assert.equal(modern('{"a":"\\"resultType\\""}'), `{${TYPE},"a":"\\"resultType\\""}`);
  });

  it('may not be kept where clients could', () => {
    const cacheable = true;
    assert.equal(modern('{"contents":[]}', { cacheable }), `{${TYPE},${CACHE},"contents":[]}`);
    assert.equal(modern('{}', { cacheable }), `{${TYPE},${CACHE}}`);
    assert.equal(modern('{"ttlMs":5}', { cacheable }), `{${TYPE},"cacheScope":"private","ttlMs":5}`);
    assert.equal(modern('{"ttlMs":5}'), `{${TYPE},"ttlMs":5}`);
  });

  it('names the server, unless the server has done so', () => {
    const serverInfo = INFO;
    assert.equal(modern('{"a":1}', { serverInfo }), `{${TYPE},${META},"a":1}`);
    assert.equal(modern('{}', { serverInfo }), `{${TYPE},${META}}`);
    assert.equal(modern('{"_meta":{}}', { serverInfo }), `{${TYPE},${META}}`);
    assert.equal(
      modern('{"_meta":{ "x":1},"a":1}', { serverInfo, cacheable: true }),
      `{${TYPE},${CACHE},${META.slice(0, -1)}, "x":1},"a":1}`,
    );
    assert.equal(modern('{"a":{"_meta":{}}}', { serverInfo }), `{${TYPE},${META},"a":{"_meta":{}}}`);
    const own = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"own"}}';
    assert.equal(modern(`{${own}}`, { serverInfo }), `{${TYPE},${own}}`);
    assert.equal(modern('{"_meta":null}', { serverInfo }), `{${TYPE},"_meta":null}`);
  });

  it('passes unchanged when it is no object or no JSON', () => {
    for (const text of ['[]', '"x"', 'null', '', '{"resultType"', '{"a":{"resultType":1},]'])
      assert.equal(modern(text, { cacheable: true, serverInfo: INFO }), text);
  });
});

describe('a result for a legacy client', () => {
  it('has no resultType, wherever it stood', () => {
    for (const [text, rest] of [
      [`{${TYPE},"content":[]}`, '{"content":[]}'],
      [`{"content":[],${TYPE}}`, '{"content":[]}'],
      [`{"content":[] , ${TYPE} }`, '{"content":[]  }'],
      [`{"a":1,${TYPE},"b":2}`, '{"a":1,"b":2}'],
      [`{"content":[],${TYPE},${META}}`, `{"content":[],${META}}`],
      [`{${TYPE}}`, '{}'],
      ['{"a":1,"resultType":"task"}', '{"a":1}'],
      [
        '{"a":1,"result\\u0054ype":"complete","resultType":"complete"}',
        '{"a":1,"result\\u0054ype":"complete"}',
      ],
    ] as const)
      assert.equal(legacy(text), rest);
  });

  it('keeps what only looks like it', () => {
    for (const text of [
      '{}',
      '{"a":{"resultType":"complete"}}',
      '{"a":[{"resultType":"complete"}]}',
      '{"a":"x,\\"resultType\\":\\"complete\\"}"}',
      '{"resultType2":"complete"}',
      '{"a":"resultType"}',
    ])
      assert.equal(legacy(text), text);
  });

  it('is the very same buffer when there is nothing to take out', () => {
    const body = Buffer.from('{"content":[]}');
    assert.equal(resultToLegacy(body), body);
  });

  it('passes unchanged when it is no JSON', () => {
    for (const text of ['', '{"resultType"', '{"a":[},"resultType":1,"b":2]'])
      assert.equal(legacy(text), text);
  });
});

type Members = readonly (readonly [name: string, value: string])[];

/** Values that hold a resultType of their own, or a string that reads like the end of a result. */
const value = fc.oneof(
  jsonValue,
  fc.constantFrom(
    '{"resultType":"complete"}',
    '[{"a":1,"resultType":"complete"}]',
    '"x\\",\\"resultType\\":\\"complete\\"}"',
    '"\\\\"',
    '"{\\"resultType\\":\\"complete\\","',
    '{"_meta":{},"ttlMs":1,"cacheScope":"public"}',
  ),
  // Beyond what is read backwards.
  fc
    .integer({ min: 1500, max: 4000 })
    .map((length) => `"${'\\\\x"}'.replaceAll('"', '\\"').repeat(length / 4)}"`),
);
const type = fc.constantFrom('"complete"', '"complete"', '"task"', '{"a":[1]}', '12.50', 'null', '"\\\\"');
const blank = fc.constantFrom('', '', '', ' ', '\n');

interface Result {
  readonly text: string;
  readonly members: Members;
}

function results(names: readonly string[]): fc.Arbitrary<Result> {
  return fc
    .shuffledSubarray([...names])
    .chain((chosen) =>
      fc.tuple(
        fc.tuple(...chosen.map((name) => fc.tuple(fc.constant(name), name === 'resultType' ? type : value))),
        blank,
        blank,
      ),
    )
    .map(([members, a, b]) => ({
      members,
      text: `{${a}${members.map(([name, text]) => `"${name}"${b}:${a}${text}${b}`).join(`,${a}`)}}`,
    }));
}

/** Without the whitespace between tokens: what is left must be the same byte for byte. */
function bare(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
}

const object = (members: Members): string =>
  `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
const RUNS = { seed: SEED, numRuns: 2500 };

describe('any result, held against its members', () => {
  it('loses its resultType and nothing else on the way to a legacy client', () => {
    fc.assert(
      fc.property(results(['resultType', 'content', '_meta', 'x', 'resultTypes']), ({ text, members }) => {
        assert.equal(bare(legacy(text)), bare(object(members.filter(([name]) => name !== 'resultType'))));
      }),
      RUNS,
    );
  });

  it('gains what it lacks and nothing else on the way to a modern client', () => {
    const names = ['resultType', 'contents', '_meta', 'ttlMs', 'cacheScope', 'x'];
    fc.assert(
      fc.property(results(names), fc.boolean(), fc.boolean(), ({ text, members }, cacheable, named) => {
        const there = new Set(members.map(([name]) => name));
        const added: Members = [
          ['resultType', '"complete"'],
          ['ttlMs', '0'],
          ['cacheScope', '"private"'],
          ['_meta', META.slice('"_meta":'.length)],
        ];
        const wanted = [
          'resultType',
          ...(cacheable ? ['ttlMs', 'cacheScope'] : []),
          ...(named ? ['_meta'] : []),
        ];
        const put = added.filter(([name]) => wanted.includes(name) && !there.has(name));
        const identity = META.slice('"_meta":{'.length, -1);
        const kept = members.map(([name, text]): readonly [string, string] => {
          if (name !== '_meta' || !named || !text.startsWith('{')) return [name, text];
          const rest = text.slice(1);
          return [name, `{${identity}${rest.trimStart().startsWith('}') ? '' : ','}${rest}`];
        });
        const sent = modern(text, { cacheable, serverInfo: named ? INFO : undefined });
        assert.equal(bare(sent), bare(object([...put, ...kept])));
      }),
      RUNS,
    );
  });

  it('passes without harm when it is broken', () => {
    fc.assert(
      fc.property(brokenJson, (bytes) => {
        resultToLegacy(bytes);
        resultToModern(bytes, { cacheable: true, serverInfo: INFO });
        errorStatus(bytes);
        errorToModern(bytes);
        errorToLegacy(bytes, 'resources/read');
      }),
      RUNS,
    );
  });
});

describe('an input_required result', () => {
  const REQUESTS: InputRequest[] = [
    { key: 'b', method: 'roots/list', params: Buffer.from('{}') },
    { key: 'a"1', method: 'elicitation/create', params: Buffer.from('{"message":"é","n":1.00}') },
  ];

  it('is read in the order of the server, with raw parameters', () => {
    const body = Buffer.from(
      '{"resultType":"input_required","inputRequests":{"z":{"method":"roots/list"},' +
        '"a":{"params":{ "n":1.00 },"method":"sampling/createMessage","x":1}},"requestState":"a\\"b"}',
    );
    const found = readInputRequired(body);
    assert.deepEqual(
      found?.requests.map(({ key, method, params }) => [key, method, params.toString()]),
      [
        ['z', 'roots/list', '{}'],
        ['a', 'sampling/createMessage', '{ "n":1.00 }'],
      ],
    );
    assert.equal(found?.state, 'a"b');
  });

  it('may have a state alone, or questions alone', () => {
    const stateOnly = readInputRequired(Buffer.from('{"resultType":"input_required","requestState":""}'));
    assert.deepEqual(stateOnly, { requests: [], state: '' });
    const body = Buffer.from('{"inputRequests":{"k":{"method":"roots/list"}},"resultType":"input_required"}');
    assert.equal(readInputRequired(body)?.state, undefined);
  });

  it('is none when the result is of another type', () => {
    for (const text of [
      '{"content":[]}',
      '{"content":[{"text":"\\"input_required\\""}],"resultType":"complete"}',
      '{"a":{"resultType":"input_required"}}',
      '{"a":"input_required","resultType":5}',
      '["input_required"]',
    ])
      assert.equal(readInputRequired(Buffer.from(text)), undefined, text);
  });

  it('is refused when it is malformed', () => {
    const head = '{"resultType":"input_required"';
    for (const text of [
      `${head}}`,
      `${head},"requestState":5}`,
      `${head},"requestState":null}`,
      `${head},"inputRequests":[]}`,
      `${head},"inputRequests":{"k":5}}`,
      `${head},"inputRequests":{"k":{}}}`,
      `${head},"inputRequests":{"k":{"method":5}}}`,
      `${head},"inputRequests":{"k":{"method":"m","params":[]}}}`,
      `${head},"inputRequests":{"k":{"method":"m"},"k":{"method":"m"}}}`,
      `${head},"inputRequests":{"k":{"method":"m","method":"n"}}}`,
      `${head},"resultType":"complete","requestState":"s"}`,
      `${head},"requestState":"s"`,
    ])
      assert.throws(
        () => readInputRequired(Buffer.from(text)),
        (error) => error instanceof GatewayError && error.code === 'UPSTREAM_PROTOCOL',
        text,
      );
  });

  it('is written so that it reads back the same', () => {
    for (const state of ['sealed', undefined]) {
      const body = inputRequiredResult(REQUESTS, state, INFO);
      assert.deepEqual(readInputRequired(body), { requests: REQUESTS, state });
      const parsed = JSON.parse(body.toString()) as { _meta: unknown };
      assert.deepEqual(parsed._meta, JSON.parse(`{${META}}`)._meta);
    }
    const bareResult = inputRequiredResult([], 's', undefined).toString();
    assert.equal(bareResult, '{"resultType":"input_required","inputRequests":{},"requestState":"s"}');
  });

  it('gets another state, and nothing else changes', () => {
    const text = '{"requestState" : "native","a":{"requestState":"x"},"n":1.00}';
    assert.equal(
      withRequestState(Buffer.from(text), 'ours').toString(),
      '{"requestState" : "ours","a":{"requestState":"x"},"n":1.00}',
    );
    assert.equal(
      withRequestState(Buffer.from('{"a":1}'), 'ours').toString(),
      '{"requestState":"ours","a":1}',
    );
    assert.equal(withRequestState(Buffer.from('{}'), 'ours').toString(), '{"requestState":"ours"}');
  });
});

describe('an error', () => {
  it('of a resource that is not there has the code of the era', () => {
    const old = '{"code":-32002,"message":"-32002","data":{"uri":"a","n":1.00}}';
    const newer = '{"code":-32602,"message":"-32002","data":{"uri":"a","n":1.00}}';
    assert.equal(errorToModern(Buffer.from(old)).toString(), newer);
    assert.equal(errorToLegacy(Buffer.from(newer), 'resources/read').toString(), old);
  });

  it('of any other kind stays', () => {
    for (const text of [
      '{"code":-32601,"message":"-32002"}',
      '{"message":"m","data":{"code":-32002}}',
      '5',
      '{"code":-32002',
    ])
      assert.equal(errorToModern(Buffer.from(text)).toString(), text);
    for (const [text, method] of [
      ['{"code":-32602,"message":"m","data":{"uri":"a"}}', 'tools/call'],
      ['{"code":-32602,"message":"\\"uri\\"","data":{"x":{"uri":"a"}}}', 'resources/read'],
      ['{"code":-32602,"message":"m","data":"uri"}', 'resources/read'],
      ['{"code":-32603,"message":"m","data":{"uri":"a"}}', 'resources/read'],
    ] as const)
      assert.equal(errorToLegacy(Buffer.from(text), method).toString(), text);
  });

  it('has a status of its own where the specification says so', () => {
    for (const [code, status] of [
      [-32601, 404],
      [-32600, 400],
      [-32700, 400],
      [-32020, 400],
      [-32021, 400],
      [-32022, 400],
      [-32602, 200],
      [-32603, 200],
      [1, 200],
    ] as const)
      assert.equal(errorStatus(Buffer.from(`{"message":"-32601","code" : ${code}}`)), status);
    for (const text of ['{}', '5', '{"code":"-32601"}', '{"code":constructor}', '{'])
      assert.equal(errorStatus(Buffer.from(text)), 200);
  });
});
