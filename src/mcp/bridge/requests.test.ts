import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonString, jsonValue, SEED } from '../../../test/fixtures/json-samples.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Message, numberText, readMessage, SLOT } from '../message.ts';
import { type Envelope, envelopeText } from './envelope.ts';
import { type Retry, type Rewrite, sameEra, toLegacy, toModern } from './requests.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const NAME = 'io.modelcontextprotocol/';
const ENVELOPE: Envelope = {
  version: '2026-07-28',
  capabilities: Buffer.from('{"elicitation":{}}'),
  info: Buffer.from('{"name":"ours"}'),
  logLevel: undefined,
};
const OURS = envelopeText(ENVELOPE).toString();
const THEIRS = `"${NAME}protocolVersion":"2026-07-28","${NAME}clientInfo":{"name":"c"},"${NAME}clientCapabilities":{}`;

const read = (params?: string): Message =>
  readMessage(
    Buffer.from(
      `{"jsonrpc":"2.0","id":"c","method":"tools/call"${params === undefined ? '' : `,"params":${params}`}}`,
    ),
  );

function rewrite(other: Partial<Rewrite> = {}): Rewrite {
  return { id: numberText(7), members: [], headers: undefined, ...other };
}
const TRACED = rewrite({ headers: ['x', 'y', 'traceparent', TRACE] });

/** The parameters of a request that was written with id 7. */
function params(bytes: Buffer): string {
  const head = '{"jsonrpc":"2.0","id":7,"method":"tools/call"';
  const text = bytes.toString();
  assert.ok(text.startsWith(head), text);
  JSON.parse(text);
  return text.slice(head.length, -1).replace(/^,"params":/, '');
}

describe('for a server of the same era', () => {
  it('the id, the progress token and the members given are replaced, and nothing else', () => {
    const message = read('{"name" : "p_a","n":1.00,"_meta":{"progressToken":"t","x":1e2}}');
    const members = [
      [SLOT.name, Buffer.from('"a"')],
      [SLOT.uri, Buffer.from('"absent"')],
    ] as const;
    assert.equal(
      params(sameEra(message, rewrite({ members }))),
      '{"name" : "a","n":1.00,"_meta":{"progressToken":7,"x":1e2}}',
    );
  });

  it('the envelope and the answers of a further round stay', () => {
    const all = `{"inputResponses":{"k":{}},"requestState":"s","_meta":{${THEIRS}}}`;
    assert.equal(params(sameEra(read(all), rewrite())), all);
    const members = [[SLOT.requestState, Buffer.from('"native"')]] as const;
    assert.equal(params(sameEra(read(all), rewrite({ members }))), all.replace('"s"', '"native"'));
  });

  it('the trace goes into _meta, which is made where there is none', () => {
    for (const [given, sent] of [
      ['{"name":"a"}', `{"_meta":{"traceparent":"${TRACE}"},"name":"a"}`],
      ['{}', `{"_meta":{"traceparent":"${TRACE}"}}`],
      ['{ }', `{"_meta":{"traceparent":"${TRACE}"} }`],
      ['{"_meta":{},"name":"a"}', `{"_meta":{"traceparent":"${TRACE}"},"name":"a"}`],
      ['{"_meta":{"progressToken":1}}', `{"_meta":{"traceparent":"${TRACE}","progressToken":7}}`],
      ['{"_meta":null}', `{"_meta":{"traceparent":"${TRACE}"}}`],
    ] as const)
      assert.equal(params(sameEra(read(given), TRACED)), sent);
  });

  it('a trace that the client has written itself stays, and nothing is made of a broken header', () => {
    const own = '{"_meta":{"traceparent":"own"}}';
    assert.equal(params(sameEra(read(own), TRACED)), own);
    const broken = rewrite({ headers: ['traceparent', 'nonsense'] });
    assert.equal(params(sameEra(read('{"name":"a"}'), broken)), '{"name":"a"}');
    for (const other of [undefined, '[1]', '{"_meta":5}'])
      assert.equal(params(sameEra(read(other), TRACED)), other ?? '');
  });
});

describe('for a modern server', () => {
  it('the envelope goes into _meta, and both are made where they are missing', () => {
    for (const [given, sent] of [
      [undefined, `{"_meta":{${OURS}}}`],
      ['null', `{"_meta":{${OURS}}}`],
      ['{}', `{"_meta":{${OURS}}}`],
      ['{"name":"a"}', `{"_meta":{${OURS}},"name":"a"}`],
      ['{"_meta":null,"name":"a"}', `{"_meta":{${OURS}},"name":"a"}`],
      ['{"name":"a","_meta":{}}', `{"name":"a","_meta":{${OURS}}}`],
      ['{"name":"a","_meta":{"progressToken":1}}', `{"name":"a","_meta":{${OURS},"progressToken":7}}`],
    ] as const)
      assert.equal(params(toModern(read(given), rewrite(), ENVELOPE)), sent);
  });

  it('what the client has written in the places of the envelope makes room', () => {
    const given = `{"_meta":{"a":1,"${NAME}logLevel":"debug","b":2,"${NAME}clientInfo":{}},"requestState":"forged"}`;
    assert.equal(params(toModern(read(given), rewrite(), ENVELOPE)), `{"_meta":{${OURS},"a":1,"b":2}}`);
  });

  it('a further round carries its answers and the state, whatever it is made of', () => {
    const responses = Buffer.from('{"k":{"action":"accept"}}');
    const retry = { responses, state: 'a"\n\u{1f600}' };
    const state = '"requestState":"a\\"\\n\u{1f600}"';
    assert.equal(
      params(toModern(read('{"name":"a","_meta":{}}'), rewrite({ retry }), ENVELOPE)),
      `{"inputResponses":{"k":{"action":"accept"}},${state},"name":"a","_meta":{${OURS}}}`,
    );
    const stateless = rewrite({ retry: { responses, state: undefined } });
    for (const given of [undefined, '{"inputResponses":{"forged":1}}'])
      assert.equal(
        params(toModern(read(given), stateless, ENVELOPE)),
        `{"_meta":{${OURS}},"inputResponses":{"k":{"action":"accept"}}}`,
      );
  });

  it('parameters that are no object are refused', () => {
    for (const given of ['[1]', '"x"', '5', '{"_meta":[]}', '{"_meta":"x"}'])
      assert.throws(
        () => toModern(read(given), rewrite(), ENVELOPE),
        (error) => error instanceof GatewayError && error.code === 'INVALID_PARAMS',
      );
  });
});

describe('for a legacy server', () => {
  it('the envelope and the answers of a further round are taken out, and an empty _meta with them', () => {
    for (const [given, sent] of [
      [`{"_meta":{${THEIRS}}}`, '{}'],
      [`{ "_meta" : { ${THEIRS} } , "name":"a"}`, '{ "name":"a"}'],
      [`{"name":"a","_meta":{${THEIRS}}}`, '{"name":"a"}'],
      [`{"name":"a","_meta":{${THEIRS}},"requestState":"s","inputResponses":{}}`, '{"name":"a"}'],
      [
        `{"inputResponses":{},"name":"a","_meta":{${THEIRS},"x":1},"b":2}`,
        '{"name":"a","_meta":{"x":1},"b":2}',
      ],
      [`{"name":"a","_meta":{"progressToken":5,${THEIRS}}}`, '{"name":"a","_meta":{"progressToken":7}}'],
      ['{"name":"a","_meta":{}}', '{"name":"a","_meta":{}}'],
    ] as const)
      assert.equal(params(toLegacy(read(given), rewrite())), sent);
  });

  it('no task of the older kind is asked for', () => {
    const given = `{"task":{"ttl":1},"name":"a","arguments":{"task":1},"_meta":{${THEIRS},"task":2}}`;
    assert.equal(
      params(toLegacy(read(given), rewrite())),
      '{"name":"a","arguments":{"task":1},"_meta":{"task":2}}',
    );
    assert.equal(params(sameEra(read(given), rewrite())), given);
    const taskless = rewrite({ taskless: true });
    assert.equal(params(sameEra(read(given), taskless)), given.replace('"task":{"ttl":1},', ''));
    assert.equal(params(sameEra(read('{"task":{}}'), taskless)), '{}');
    assert.equal(params(sameEra(read('{"name":"a"}'), taskless)), '{"name":"a"}');
  });

  it('the trace keeps a _meta alive', () => {
    const meta = `"_meta":{"traceparent":"${TRACE}"}`;
    assert.equal(params(toLegacy(read(`{"a":1,"_meta":{${THEIRS}}}`), TRACED)), `{"a":1,${meta}}`);
    assert.equal(params(toLegacy(read('{"a":1}'), TRACED)), `{${meta},"a":1}`);
  });
});

type Members = readonly (readonly [name: string, value: string])[];

interface Request {
  readonly text: string;
  readonly top: Members;
  /** Undefined: there are none. */
  readonly params: Members | undefined;
  readonly meta: Members | undefined;
}

const ENVELOPE_NAMES = ['protocolVersion', 'clientInfo', 'clientCapabilities', 'logLevel'].map(
  (name) => NAME + name,
);
const INPUT_NAMES = ['inputResponses', 'requestState'];

const blank = fc.constantFrom('', '', ' ', '\t', ' \n');

function written(members: Members, [a, b, c]: readonly [string, string, string]): string {
  return `{${a}${members.map(([name, value]) => `"${name}"${b}:${c}${value}${a}`).join(`,${b}`)}}`;
}

function shuffled(names: readonly string[]): fc.Arbitrary<Members> {
  return fc
    .shuffledSubarray([...names])
    .chain((chosen) => fc.tuple(...chosen.map((name) => fc.tuple(fc.constant(name), jsonValue))));
}

/** Any request, with members of both eras where either has them, in any order and spacing. */
const request: fc.Arbitrary<Request> = fc
  .record({
    meta: fc.option(shuffled([...ENVELOPE_NAMES, 'progressToken', 'x', 'y/z']), { nil: undefined }),
    params: fc.option(shuffled(['name', 'arguments', 'other', ...INPUT_NAMES]), { nil: undefined }),
    metaAt: fc.nat(5),
    paramsAt: fc.nat(3),
    extra: jsonValue,
    id: fc.oneof(jsonString, fc.constantFrom('1', '-7', '12345678901234567890')),
    spaces: fc.tuple(blank, blank, blank),
  })
  .filter(({ id }) => Buffer.byteLength(id) < 250)
  .map(({ meta, params: others, metaAt, paramsAt, extra, id, spaces }) => {
    const params = others && meta ? others.toSpliced(metaAt, 0, ['_meta', written(meta, spaces)]) : others;
    const base: Members = [
      ['jsonrpc', '"2.0"'],
      ['id', id],
      ['x', extra],
      ['method', '"tools/call"'],
    ];
    const top = params ? base.toSpliced(paramsAt, 0, ['params', written(params, spaces)]) : base;
    return { text: written(top, spaces), top, params, meta: params && meta };
  });

/** Without the whitespace between tokens: what is left must be the same byte for byte. */
function bare(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
}

function object(members: Members): string {
  return written(members, ['', '', '']);
}

const without = (members: Members, names: readonly string[]): Members =>
  members.filter(([name]) => !names.includes(name));

/** Puts the new id, and the parameters and `_meta` given, into the request; undefined takes them out. */
function expected({ top, params: before, meta: oldMeta }: Request, meta?: Members, params?: Members): string {
  const ownMeta = meta?.map(([name, value]) => [name, name === 'progressToken' ? '7' : value] as const);
  const inner = params?.flatMap((member) => {
    if (member[0] !== '_meta') return [member];
    return ownMeta ? [['_meta', object(ownMeta)] as const] : [];
  });
  assert.ok(before !== undefined || oldMeta === undefined);
  const outer = top.flatMap(([name, value]): Members => {
    if (name === 'id') return [['id', '7']];
    if (name === 'params') return inner ? [['params', object(inner)]] : [];
    return [[name, value]];
  });
  const added = inner && before === undefined ? [['params', object(inner)] as const] : [];
  return bare(object([...outer, ...added]));
}

const RUNS = { seed: SEED, numRuns: 1500 };
const maybeTrace = fc.constantFrom<readonly string[] | undefined>(undefined, ['traceparent', TRACE]);
const maybeRetry = fc.option(
  fc.record({
    responses: fc.option(
      jsonValue.map((value) => `{"k":${value}}`),
      { nil: undefined },
    ),
    state: fc.option(fc.string(), { nil: undefined }),
  }),
  { nil: undefined },
);

function traced(headers: readonly string[] | undefined, meta: Members): Members {
  return headers ? [['traceparent', `"${TRACE}"`], ...meta] : meta;
}

describe('any request, held against its members', () => {
  it('keeps everything in the same era', () => {
    fc.assert(
      fc.property(request, maybeTrace, (given, headers) => {
        const sent = sameEra(readMessage(Buffer.from(given.text)), rewrite({ headers }));
        const meta = given.params && (headers || given.meta) && traced(headers, given.meta ?? []);
        const made: Members = headers && !given.meta ? [['_meta', '']] : [];
        assert.equal(
          bare(sent.toString()),
          expected(given, meta, given.params && [...made, ...given.params]),
        );
      }),
      RUNS,
    );
  });

  it('keeps everything on the way to a modern server, but what it may not say', () => {
    fc.assert(
      fc.property(request, maybeTrace, maybeRetry, (given, headers, round) => {
        const retry: Retry | undefined = round && {
          responses: round.responses === undefined ? undefined : Buffer.from(round.responses),
          state: round.state,
        };
        const sent = toModern(readMessage(Buffer.from(given.text)), rewrite({ headers, retry }), ENVELOPE);
        const trace: Members = headers ? [['traceparent', `"${TRACE}"`]] : [];
        const ours = OURS.slice(1)
          .split(/,"(?=io\.)/)
          .map((member) => {
            const at = member.indexOf('":');
            return [member.slice(0, at), member.slice(at + 2)] as const;
          });
        const meta = [...ours, ...trace, ...without(given.meta ?? [], ENVELOPE_NAMES)];
        const answers: Members = round?.responses === undefined ? [] : [['inputResponses', round.responses]];
        const state: Members =
          round?.state === undefined ? [] : [['requestState', JSON.stringify(round.state)]];
        const made: Members = given.meta ? [] : [['_meta', '']];
        const params = [...made, ...answers, ...state, ...without(given.params ?? [], INPUT_NAMES)];
        assert.equal(bare(sent.toString()), expected(given, meta, params));
      }),
      RUNS,
    );
  });

  it('keeps everything on the way to a legacy server, but the envelope and the answers', () => {
    fc.assert(
      fc.property(request, maybeTrace, (given, headers) => {
        const sent = toLegacy(readMessage(Buffer.from(given.text)), rewrite({ headers }));
        const kept = given.meta && without(given.meta, ENVELOPE_NAMES);
        const isEmptied = kept?.length === 0 && given.meta?.length !== 0;
        const meta = headers ? traced(headers, kept ?? []) : isEmptied ? undefined : kept;
        const made: Members = headers && !given.meta ? [['_meta', '']] : [];
        const params = given.params && [...made, ...without(given.params, INPUT_NAMES)];
        assert.equal(bare(sent.toString()), expected(given, meta, params));
      }),
      RUNS,
    );
  });
});
