/** Each step takes out its own difference and no other: what differs besides stays a mismatch. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Case, Pair, Way } from './case.ts';
import type { Difference } from './difference.ts';
import { differences } from './differences.ts';
import { SERVER } from './identity.ts';

const ONE: Case = {
  group: 'g',
  name: 'n',
  method: 'tools/call',
  params: '{"name":"received"}',
  compare: 'answer',
};

type Labelled = readonly (readonly [string, string])[];

interface Sample {
  readonly pair: Pair;
  readonly label: string;
  readonly direct: string | undefined;
  readonly through: string | undefined;
  readonly way?: Way;
  readonly one?: Partial<Case>;
  /** What else came of the case. */
  readonly others?: { readonly direct?: Labelled; readonly through?: Labelled };
}

/** What is left of the mismatch after every step that applies. */
function left({ pair, way = 'http', label, direct, through, one, others }: Sample): (string | undefined)[] {
  const pairing = {
    direct: new Map([...(others?.direct ?? []), [label, direct ?? '']]),
    through: new Map([...(others?.through ?? []), [label, through ?? '']]),
  };
  const context = { one: { ...ONE, ...one }, place: { pair, way }, pairing };
  const applies = ({ pairs, ways }: Difference): boolean =>
    (pairs?.includes(pair) ?? true) && (ways?.includes(way) ?? true);
  const end = differences
    .filter(applies)
    .reduce((mismatch, difference) => difference.without(mismatch, context), { label, direct, through });
  return [end.direct, end.through];
}

const isMeant = (sample: Sample): boolean => {
  const [direct, through] = left(sample);
  return direct === through;
};

const M_L = { pair: 'modern-legacy' } as const;
const L_M = { pair: 'legacy-modern' } as const;
const META = `"_meta":{"io.modelcontextprotocol/serverInfo":${SERVER}}`;

const results: readonly [Sample, meant: boolean][] = [
  [
    { ...M_L, label: 'result', direct: '{"n":1.0}', through: `{"resultType":"complete",${META},"n":1.0}` },
    true,
  ],
  [
    { ...M_L, label: 'result', direct: '{"n":1.0}', through: `{"resultType":"complete",${META},"n":1}` },
    false,
  ],
  [
    { ...M_L, label: 'result', direct: '{"n":1.0}', through: `{"n":1.0,"resultType":"complete",${META}}` },
    false,
  ],
  [{ ...M_L, label: 'result', direct: '{}', through: '{"resultType":"complete"}' }, true],
  [{ ...M_L, label: 'result', direct: '{}', through: '{"resultType":"input_required"}' }, false],
  [
    {
      ...M_L,
      label: 'result',
      direct: '{"contents":[]}',
      through: `{"resultType":"complete","ttlMs":0,"cacheScope":"private",${META},"contents":[]}`,
    },
    true,
  ],
  [
    {
      ...M_L,
      label: 'result',
      direct: '{"contents":[]}',
      through: `{"resultType":"complete","ttlMs":0,"cacheScope":"public",${META},"contents":[]}`,
    },
    false,
  ],
  [{ ...L_M, label: 'result', direct: '{"a":1,"resultType":"complete"}', through: '{"a":1}' }, true],
  [{ ...L_M, label: 'result', direct: '{"a":1,"resultType":"complete","x":2}', through: '{"a":1}' }, false],
  [{ ...L_M, label: 'result', direct: '{"a":1,"resultType":"task"}', through: '{"a":1}' }, false],
  [
    { pair: 'modern-modern', label: 'result', direct: '{"a":1,"resultType":"complete"}', through: '{"a":1}' },
    false,
  ],
  [{ pair: 'legacy-legacy', label: 'result', direct: '{ "a" : 1.0 }', through: '{"a":1.0}' }, true],
  [{ pair: 'legacy-legacy', label: 'result', direct: '{"a":"x y"}', through: '{"a":"xy"}' }, false],
];

test('results: what is put in and taken out is just that, at its place', () => {
  for (const [sample, meant] of results)
    assert.equal(isMeant(sample), meant, `${sample.direct} and ${sample.through}`);
});

test('errors: only the number of a resource that is not there differs', () => {
  const error = (code: number, more = ''): string => `{"code":${code},"message":"m"${more}}`;
  assert.ok(isMeant({ ...M_L, label: 'error', direct: error(-32002), through: error(-32602) }));
  assert.ok(isMeant({ ...L_M, label: 'error', direct: error(-32602), through: error(-32002) }));
  assert.ok(!isMeant({ ...M_L, label: 'error', direct: error(-32602), through: error(-32002) }));
  assert.ok(!isMeant({ ...M_L, label: 'error', direct: error(-32002), through: error(-32602, ',"data":1') }));
  assert.ok(
    !isMeant({ pair: 'modern-modern', label: 'error', direct: error(-32002), through: error(-32602) }),
  );
});

test('requests: the envelope alone comes and goes, ids and tokens are the number of the request', () => {
  const id: [string, string] = ['received id', '7'];
  const token = (text: string): string => `{"_meta":{"progressToken":${text},"x":1.0}}`;
  const sample = { pair: 'legacy-legacy', label: 'received params', others: { through: [id] } } as const;
  assert.ok(isMeant({ ...sample, direct: token('"a"'), through: token('7') }));
  assert.ok(!isMeant({ ...sample, direct: token('"a"'), through: token('8') }));
  assert.ok(!isMeant({ ...sample, direct: token('"a"'), through: '{"_meta":{"progressToken":7,"x":1}}' }));
  const envelope = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"';
  const params = { ...M_L, label: 'received params', direct: `{"a":1.0,"_meta":{${envelope},"x":1}}` };
  assert.ok(isMeant({ ...params, through: '{"a":1.0,"_meta":{"x":1}}' }));
  assert.ok(!isMeant({ ...params, through: '{"a":1.0}' }));
  assert.ok(!isMeant({ ...params, pair: 'modern-modern', through: '{"a":1.0,"_meta":{"x":1}}' }));
});

test('headers: what a modern server wants repeated is there with just that value', () => {
  const header = (
    name: string,
    direct: string | undefined,
    through: string | undefined,
    pair: Pair,
  ): boolean => isMeant({ pair, label: `header ${name}`, direct, through });
  assert.ok(header('mcp-name', undefined, 'received', 'legacy-modern'));
  assert.ok(!header('mcp-name', undefined, 'other', 'legacy-modern'));
  assert.ok(!header('mcp-name', 'received', undefined, 'legacy-modern'));
  assert.ok(header('mcp-method', 'tools/call', undefined, 'modern-legacy'));
  assert.ok(!header('mcp-method', 'tools/call', undefined, 'modern-modern'));
  assert.ok(header('mcp-session-id', undefined, 'x', 'modern-legacy'));
  assert.ok(!header('mcp-session-id', undefined, 'x', 'modern-modern'));
  assert.ok(!header('accept', 'a', 'b', 'legacy-legacy'));
});

test('questions: a round holds the requests of the server and nothing else', () => {
  const question: [string, string] = ['question 0', '"roots/list" {"x":1.0}'];
  const round = (params: string, more = ''): string =>
    `{"resultType":"input_required","inputRequests":{"q1":{"method":"roots/list","params":${params}}},` +
    `"requestState":"${'s'.repeat(60)}",${META}${more}}`;
  const sample = { ...M_L, label: 'round 0', direct: undefined, others: { direct: [question] } };
  assert.ok(isMeant({ ...sample, through: round('{"x":1.0}') }));
  assert.ok(!isMeant({ ...sample, through: round('{"x":1}') }));
  assert.ok(!isMeant({ ...sample, through: round('{"x":1.0}', ',"y":1') }));
  const sealed = { pair: 'modern-modern', label: 'round 0', direct: '{"requestState":"a","x":1.0}' } as const;
  assert.ok(isMeant({ ...sealed, through: `{"requestState":"${'s'.repeat(60)}","x":1.0}` }));
  assert.ok(!isMeant({ ...sealed, through: `{"requestState":"${'s'.repeat(60)}","x":1}` }));
  assert.ok(!isMeant({ ...sealed, through: '{"requestState":"b","x":1.0}' }));
});
