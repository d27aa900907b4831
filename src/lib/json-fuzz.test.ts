import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  brokenJson,
  jsonObject,
  jsonString,
  jsonText,
  jsonValue,
  SEED,
} from '../../test/fixtures/json-samples.ts';
import {
  compact,
  elements,
  JsonSyntaxError,
  type JsonText,
  lex,
  memberBefore,
  members,
  Shape,
  spaceBefore,
  splice,
  without,
} from './json-text.ts';

const RUNS = { seed: SEED, numRuns: 2000 };
const NOTHING = new Shape({});
const SHAPE = new Shape({ id: true, method: true, params: { name: true, deep: { er: true } } });
const PATHS = [
  ['id'],
  ['method'],
  ['params'],
  ['params', 'name'],
  ['params', 'deep'],
  ['params', 'deep', 'er'],
];

/** What JSON.parse says; the lexer refuses bytes that are not UTF-8 as well. */
function parsed(bytes: Buffer): { readonly value: unknown } | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    return { value: JSON.parse(bytes.toString()) };
  } catch {
    return undefined;
  }
}

function lexed(bytes: Buffer, shape: Shape): JsonText | JsonSyntaxError {
  try {
    return lex(bytes, shape);
  } catch (error) {
    assert.ok(error instanceof JsonSyntaxError, String(error));
    return error;
  }
}

function sameVerdict(bytes: Buffer): void {
  const result = lexed(bytes, NOTHING);
  assert.equal(result instanceof JsonSyntaxError, parsed(bytes) === undefined, bytes.toString('hex'));
  if (result instanceof JsonSyntaxError) assert.ok(result.offset >= 0 && result.offset <= bytes.length);
}

/** The value at a path, seen through objects only. */
function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

const NAMES = new Shape({ id: true, method: true });
const NAMES_INSIDE = new Shape({ params: { id: true, method: true } });
const EXACT = ['id', 'method'];
const DISGUISED = [
  'ID',
  'Id',
  'i\\u0064',
  '\\u0049d',
  'id\\u0000',
  '\u0131d',
  'METHOD',
  'methoD',
  'metho\\u0064',
  'method\\u0000',
];
const FREE = ['', 'i', 'idd', 'di', 'method2', 'metho\\u0065', 'é', '\\n', '\\u0000id', 'long'.repeat(30)];

function spans(text: JsonText, offset: number): number[] {
  return [0, ...PATHS.map((path) => SHAPE.slot(...path))].map((slot) =>
    text.has(slot) ? text.startOf(slot) - offset : -1,
  );
}

const deep = jsonValue.chain((value) =>
  jsonObject([
    ['"er"', value],
    ['"ER2"', value],
  ]),
);
const params = fc.tuple(jsonValue, fc.oneof(deep, jsonValue)).chain(([value, inner]) =>
  jsonObject([
    ['"name"', value],
    ['"deep"', inner],
    ['"arguments"', value],
    ['"na\\u006de2"', '1'],
  ]),
);
/** Objects of the shape, and values in its places that are something else. */
const message = fc.tuple(jsonValue, jsonValue, fc.oneof(params, jsonValue)).chain(([one, two, three]) =>
  jsonObject([
    ['"id"', one],
    ['"method"', two],
    ['"params"', three],
    ['"x"', two],
    ['""', one],
  ]),
);

describe('lex, held against JSON.parse', () => {
  it('accepts every valid text', () => {
    fc.assert(
      fc.property(jsonText, (text) => sameVerdict(Buffer.from(text))),
      RUNS,
    );
  });

  it('gives the same verdict on texts that were broken in a few places', () => {
    fc.assert(fc.property(brokenJson, sameVerdict), { ...RUNS, numRuns: 6000 });
  });

  it('gives the same verdict on random bytes', () => {
    const soup = fc.array(fc.constantFrom(...Buffer.from('{}[]",:\\u0a1e.-+ntrfalse \n\xc3\xa9', 'latin1')), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.oneof(soup, fc.uint8Array({ maxLength: 20 })), (bytes) =>
        sameVerdict(Buffer.from(bytes)),
      ),
      RUNS,
    );
  });

  it('records spans whose text is the value that JSON.parse sees, and none where it sees none', () => {
    fc.assert(
      fc.property(message, (text) => {
        const bytes = Buffer.from(text);
        const found = lex(bytes, SHAPE);
        const value: unknown = JSON.parse(text);
        for (const path of PATHS) {
          const slot = SHAPE.slot(...path);
          const expected = at(value, path);
          assert.equal(found.has(slot), expected !== undefined, path.join('.'));
          if (expected === undefined) continue;
          assert.deepEqual(JSON.parse(found.raw(slot).toString()), expected);
          assert.equal(found.raw(slot).toString().trim(), found.raw(slot).toString());
          assert.equal(found.text(slot), typeof expected === 'string' ? expected : undefined);
        }
      }),
      RUNS,
    );
  });

  it('calls a text ambiguous exactly when a remembered name comes twice or in disguise', () => {
    const names = fc.array(fc.constantFrom(...EXACT, ...DISGUISED, ...FREE), { maxLength: 6 });
    fc.assert(
      fc.property(names, fc.boolean(), (chosen, inside) => {
        const object = `{${chosen.map((name) => `"${name}":1`).join(',')}}`;
        const result = lexed(
          Buffer.from(inside ? `{"params":${object}}` : object),
          inside ? NAMES_INSIDE : NAMES,
        );
        const twice = EXACT.some((name) => chosen.filter((other) => other === name).length > 1);
        const disguised = chosen.some((name) => DISGUISED.includes(name));
        assert.equal(
          result instanceof JsonSyntaxError && result.reason === 'ambiguous',
          twice || disguised,
          object,
        );
        assert.equal(result instanceof JsonSyntaxError, twice || disguised, object);
      }),
      RUNS,
    );
  });

  it('reads a range as it reads the same bytes alone', () => {
    fc.assert(
      fc.property(
        fc.oneof(message, jsonText),
        fc.uint8Array({ maxLength: 9 }),
        fc.uint8Array({ maxLength: 9 }),
        (text, before, behind) => {
          const alone = lex(Buffer.from(text), SHAPE);
          const bytes = Buffer.concat([before, Buffer.from(text), behind]);
          const inside = lex(bytes, SHAPE, { start: before.length, end: bytes.length - behind.length });
          assert.deepEqual(spans(inside, before.length), spans(alone, 0));
        },
      ),
      RUNS,
    );
  });
});

describe('elements', () => {
  it('gives the spans of the elements, however they are spaced', () => {
    fc.assert(
      fc.property(fc.array(jsonText, { maxLength: 6 }), (texts) => {
        const bytes = Buffer.from(`x[${texts.join(',')}]`);
        const found = elements(bytes, 1, bytes.length);
        const each = texts.map((_, index) => bytes.toString('utf8', found[2 * index], found[2 * index + 1]));
        assert.equal(found.length, 2 * texts.length);
        assert.deepEqual(
          each,
          texts.map((text) => text.trim()),
        );
      }),
      RUNS,
    );
  });
});

/** An object of any members, some of which look like the end of one. */
const anyObject = fc
  .array(fc.tuple(jsonString, fc.oneof(jsonValue, jsonString)), { maxLength: 6 })
  .chain((chosen) => fc.tuple(fc.constantFrom('', ' ', '\n'), jsonObject(chosen)))
  .map(([blank, text]) => `${blank}${text}${blank}`);

const readBackwards = (bytes: Buffer, floor: number): unknown[] => {
  const found: unknown[] = [];
  let end = bytes.lastIndexOf('}');
  for (;;) {
    const member = memberBefore(bytes, end, floor);
    if (!member) return found.reverse();
    assert.ok(
      member.at > floor && member.start > member.at && member.end > member.start && member.end <= end,
    );
    found.push([member.at, member.start, member.end]);
    end = spaceBefore(bytes, member.at) - 1;
    if (bytes[end] !== ','.charCodeAt(0)) return found.reverse();
  }
};

describe('members', () => {
  it('gives names and values as JSON.parse sees them', () => {
    fc.assert(
      fc.property(anyObject, (text) => {
        const bytes = Buffer.from(text);
        const found = members(bytes).map(({ name, start, end }) => [
          name,
          JSON.parse(bytes.toString('utf8', start, end)) as unknown,
        ]);
        // Not by assignment: of a member called __proto__ that would make something else.
        assert.deepEqual(Object.fromEntries(found), JSON.parse(text));
      }),
      RUNS,
    );
  });

  it('read backwards are the same ones', () => {
    fc.assert(
      fc.property(anyObject, (text) => {
        const bytes = Buffer.from(text);
        assert.deepEqual(
          readBackwards(bytes, 0),
          members(bytes).map(({ at, start, end }) => [at, start, end]),
        );
      }),
      RUNS,
    );
  });

  it('read backwards as far as a floor are the last ones', () => {
    fc.assert(
      fc.property(anyObject, fc.nat(200), (text, reach) => {
        const bytes = Buffer.from(text);
        const floor = Math.max(0, bytes.length - reach);
        const expected = members(bytes).filter(({ at }) => at > floor);
        assert.deepEqual(
          readBackwards(bytes, floor),
          expected.map(({ at, start, end }) => [at, start, end]),
        );
      }),
      RUNS,
    );
  });

  it('of what is no JSON are read backwards without harm', () => {
    fc.assert(
      fc.property(brokenJson, fc.nat(20), (bytes, floor) => {
        readBackwards(bytes, floor);
      }),
      { ...RUNS, numRuns: 6000 },
    );
  });
});

describe('without', () => {
  it('leaves the other members as they were', () => {
    fc.assert(
      fc.property(anyObject, fc.infiniteStream(fc.boolean()), (text, choice) => {
        const bytes = Buffer.from(text);
        const raw = (from: Buffer): string[] =>
          members(from).map(({ at, end }) => from.toString('utf8', at, end));
        const all = members(bytes).map((member) => ({ member, goes: choice.next().value as boolean }));
        const gone = all.filter(({ goes }) => goes).map(({ member }) => member);
        const rest = splice(bytes, without(bytes, gone));
        assert.deepEqual(
          raw(rest),
          all.filter(({ goes }) => !goes).map(({ member }) => bytes.toString('utf8', member.at, member.end)),
        );
        JSON.parse(rest.toString());
      }),
      RUNS,
    );
  });
});

describe('compact', () => {
  it('keeps the value, leaves no line end, and changes nothing the second time', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const once = compact(Buffer.from(text));
        assert.ok(!once.includes('\n') && !once.includes('\r'));
        assert.deepEqual(JSON.parse(once.toString()), JSON.parse(text));
        assert.equal(compact(once), once);
      }),
      RUNS,
    );
  });
});

describe('splice', () => {
  it('does what cutting and joining text does', () => {
    const edits = fc.array(
      fc.tuple(fc.nat(6), fc.nat(4), fc.string({ maxLength: 5, unit: 'binary-ascii' })),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(edits, fc.nat(5), fc.nat(5), (steps, before, behind) => {
        const text = 'abcdefghij'.repeat(7);
        const bytes = Buffer.from(text);
        const end = bytes.length - behind;
        let from = before;
        let expected = '';
        const list = steps.map(([gap, length, put]) => {
          const start = from + gap;
          expected += text.slice(from, start) + put;
          from = start + length;
          return { start, end: from, with: Buffer.from(put) };
        });
        expected += text.slice(from, end);
        assert.equal(splice(bytes, list, { start: before, end: end }).toString(), expected);
        assert.equal(bytes.toString(), text);
      }),
      RUNS,
    );
  });
});
