/**
 * As much of protobuf's wire format as it takes to find a field, and to change one and keep every other byte
 * (protobuf.dev/programming-guides/encoding). Knows no messages. Pure.
 */

/** Why bytes are no message. */
export class ProtobufError extends Error {
  constructor(message = 'the message of gRPC is broken') {
    super(message);
  }
}

export interface Field {
  readonly number: number;
  /** With its tag. */
  readonly start: number;
  readonly end: number;
  /** Of one with a length: text, bytes, another message. */
  readonly bytes: Buffer | undefined;
  /** Of a varint. Beyond 53 bits it loses its low bits. */
  readonly value: number | undefined;
}

const VARINT = 0;
const LENGTH = 2;

/** In their order. Throws ProtobufError. */
export function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  const at = { offset: 0 };
  while (at.offset < message.length) {
    const start = at.offset;
    const tag = varint(message, at);
    const wire = tag & 7;
    const value = wire === VARINT ? varint(message, at) : undefined;
    const size = value === undefined ? sizeOf(wire, message, at) : 0;
    const end = at.offset + size;
    if (end > message.length) throw new ProtobufError();
    const bytes = wire === LENGTH ? message.subarray(at.offset, end) : undefined;
    fields.push({ number: Math.floor(tag / 8), start, end, bytes, value });
    at.offset = end;
  }
  return fields;
}

/** All with a length at `path`, numbers from the outside in: one that comes twice is merged by its reader. */
export function blocksAt(message: Buffer, path: readonly number[]): Buffer[] {
  const [number, ...rest] = path;
  return fieldsOf(message).flatMap((field) => {
    if (field.number !== number || field.bytes === undefined) return [];
    return rest.length > 0 ? blocksAt(field.bytes, rest) : [field.bytes];
  });
}

/** `change` is asked for each field with a length: its new bytes, or undefined to leave it out. */
export function changed(
  message: Buffer,
  change: (number: number, bytes: Buffer) => Buffer | undefined,
): Buffer {
  const pieces: Buffer[] = [];
  for (const { number, start, end, bytes } of fieldsOf(message)) {
    const other = bytes && change(number, bytes);
    if (other === bytes) pieces.push(message.subarray(start, end));
    else if (other) pieces.push(varintBytes(number * 8 + LENGTH), varintBytes(other.length), other);
  }
  return Buffer.concat(pieces);
}

/** By wire type. Groups (3, 4) are of a time before A2A. */
function sizeOf(wire: number, message: Buffer, at: { offset: number }): number {
  switch (wire) {
    case 1:
      return 8;
    case LENGTH:
      return varint(message, at);
    case 5:
      return 4;
    default:
      throw new ProtobufError();
  }
}

function varint(message: Buffer, at: { offset: number }): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = message[at.offset];
    if (byte === undefined) throw new ProtobufError();
    at.offset += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new ProtobufError();
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
