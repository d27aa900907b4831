/** What strangers send: JSON of every kind where something else is meant, damaged text, headers that say anything. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RawReply } from './raw-http.ts';

const SPECIAL = [
  '__proto__',
  'constructor',
  '',
  '\u0000',
  '\ud800',
  '\u2028',
  '../..',
  'x'.repeat(300),
  '%00',
  '0',
];
export const text = fc.oneof(fc.constantFrom(...SPECIAL), fc.string({ unit: 'binary', maxLength: 40 }));
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.bigInt().map(Number),
  fc.constantFrom(null, true, false, 1e308, -0, 2 ** 53),
);
export const json = fc.oneof(scalar, fc.jsonValue({ maxDepth: 3 }), fc.array(scalar, { maxLength: 4 }));

/** What is meant to be there, or anything else. */
export const member = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: json });

/** A value as text that may have been damaged. */
export const damaged = (values: fc.Arbitrary<unknown>): fc.Arbitrary<Buffer> =>
  fc
    .record({
      value: values,
      damage: fc.option(fc.record({ at: fc.nat(), cut: fc.nat(20), put: fc.uint8Array({ maxLength: 6 }) }), {
        freq: 3,
      }),
      spaces: fc.constantFrom(undefined, 1, '\r\n', '\n\t'),
    })
    .map(({ value, damage, spaces }) => {
      const whole = Buffer.from(JSON.stringify(value, undefined, spaces) ?? '');
      if (!damage) return whole;
      const at = whole.length === 0 ? 0 : damage.at % whole.length;
      return Buffer.concat([whole.subarray(0, at), damage.put, whole.subarray(at + damage.cut)]);
    });

export const visible = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

/** Undefined: it is not sent. */
export const header = (...usual: string[]): fc.Arbitrary<string | undefined> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<string | undefined>(...usual) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: visible },
  );

/** An HTTP answer, and a body that is what its type says. */
export function answered(reply: RawReply | undefined, sent: string): asserts reply {
  assert.ok(reply, `no HTTP answer to ${JSON.stringify(sent.slice(0, 2000))}`);
  assert.ok(reply.status >= 200 && reply.status < 600, String(reply.status));
  assert.notEqual(reply.status, 500, reply.body);
  if (reply.body !== '' && /^application\/json/.test(reply.type)) JSON.parse(reply.body);
}
