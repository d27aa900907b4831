import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { blocksAt, changed, fieldsOf, ProtobufError } from './protobuf.ts';

/** google.protobuf.Struct, as an implementation of protobuf writes it. */
const struct = (name: string, text: string): Buffer =>
  Buffer.from(
    toBinary(
      StructSchema,
      create(StructSchema, { fields: { [name]: { kind: { case: 'stringValue', value: text } } } }),
    ),
  );

test('fields are found where an implementation of protobuf has put them', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      (name, text) => {
        const bytes = struct(name, text);
        assert.equal(blocksAt(bytes, [1, 2, 3])[0]?.toString('utf8'), text);
        assert.equal(blocksAt(bytes, [1, 1])[0]?.toString('utf8') ?? '', name);
      },
    ),
  );
});

test('a changed field is read by an implementation of protobuf, whatever its length', () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 70_000]) {
    const other = 'x'.repeat(size);
    const deep = (bytes: Buffer, [number, ...rest]: number[]): Buffer =>
      changed(bytes, (each, value) =>
        each !== number ? value : rest.length > 0 ? deep(value, rest) : Buffer.from(other),
      );
    const read = fromBinary(StructSchema, deep(struct('name', 'text'), [1, 2, 3]));
    assert.deepEqual(read.fields['name']?.kind, { case: 'stringValue', value: other });
  }
});

test('a message in which nothing changes keeps every byte, in its order', () => {
  // Two of the same number, a number that is written too long, fixed ones, one that is unknown.
  const bytes = Buffer.from('0a0161188180000a016225000000002900000000000000000a00f2ff0700', 'hex');
  assert.deepEqual(
    changed(bytes, (_number, value) => value),
    bytes,
  );
  assert.deepEqual(
    changed(bytes, (number, value) => (number === 1 ? undefined : value)),
    Buffer.from('1881800025000000002900000000000000' + '00f2ff0700', 'hex'),
  );
  assert.equal(fieldsOf(bytes)[1]?.value, 1);
});

test('what is no message is never read as one', () => {
  for (const hex of [
    '0a',
    '0a05',
    '0a0561',
    '0b',
    '0c',
    '0f',
    '08',
    '08ff',
    '09000000',
    '0d0000',
    'ff'.repeat(11),
  ])
    assert.throws(() => fieldsOf(Buffer.from(hex, 'hex')), ProtobufError, hex);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        assert.deepEqual(
          changed(Buffer.from(bytes), (_number, value) => value),
          Buffer.from(bytes),
        );
      } catch (error) {
        assert.ok(error instanceof ProtobufError);
      }
    }),
  );
});
