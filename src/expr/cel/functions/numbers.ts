/** The math extension of cel-go. Least and greatest come with a list: the compiler makes one of several arguments. */
import {
  type CelFunc,
  type CelList,
  CelScalar,
  type CelUint,
  type CelValue,
  celFunc,
  celUint,
  isCelUint,
  listType,
} from '@bufbuild/cel';
import { Fault } from '../frame.ts';

const { BOOL, DOUBLE, DYN, INT, UINT } = CelScalar;
const LIST = listType(DYN);

const LOWEST = -(2n ** 63n);
const WORD = 64;

type Bits = (left: bigint, right: bigint) => bigint;

export const numberFunctions: readonly CelFunc[] = [
  ...['math.greatest', 'max'].flatMap((name) => extreme(name, (left, right) => left > right)),
  ...['math.least', 'min'].flatMap((name) => extreme(name, (left, right) => left < right)),
  celFunc('math.ceil', [DOUBLE], DOUBLE, Math.ceil),
  celFunc('math.floor', [DOUBLE], DOUBLE, Math.floor),
  celFunc('math.trunc', [DOUBLE], DOUBLE, Math.trunc),
  // Halves go away from zero, which Math.round does not for negative ones.
  celFunc('math.round', [DOUBLE], DOUBLE, (x) => Math.sign(x) * Math.round(Math.abs(x))),
  celFunc('math.isInf', [DOUBLE], BOOL, (x) => Math.abs(x) === Number.POSITIVE_INFINITY),
  celFunc('math.isNaN', [DOUBLE], BOOL, Number.isNaN),
  celFunc('math.isFinite', [DOUBLE], BOOL, Number.isFinite),
  celFunc('math.abs', [DOUBLE], DOUBLE, Math.abs),
  celFunc('math.abs', [UINT], UINT, (x) => x),
  celFunc('math.abs', [INT], INT, (x) => {
    if (x === LOWEST) throw new Fault('int overflow');
    return x < 0n ? -x : x;
  }),
  celFunc('math.sign', [DOUBLE], DOUBLE, Math.sign),
  celFunc('math.sign', [INT], INT, (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n)),
  celFunc('math.sign', [UINT], UINT, (x) => celUint(x.value > 0n ? 1n : 0n)),
  celFunc('math.sqrt', [DOUBLE], DOUBLE, Math.sqrt),
  celFunc('math.sqrt', [INT], DOUBLE, (x) => Math.sqrt(Number(x))),
  celFunc('math.sqrt', [UINT], DOUBLE, (x) => Math.sqrt(Number(x.value))),
  ...bitwise('math.bitAnd', (left, right) => left & right),
  ...bitwise('math.bitOr', (left, right) => left | right),
  ...bitwise('math.bitXor', (left, right) => left ^ right),
  celFunc('math.bitNot', [INT], INT, (x) => ~x),
  celFunc('math.bitNot', [UINT], UINT, (x) => celUint(BigInt.asUintN(WORD, ~x.value))),
  ...shift('math.bitShiftLeft', (value, by) => BigInt.asUintN(WORD, value << by)),
  ...shift('math.bitShiftRight', (value, by) => value >> by),
];

function extreme(
  name: string,
  better: (left: number | bigint, right: number | bigint) => boolean,
): CelFunc[] {
  const best = (list: CelList): CelValue => {
    let found: CelValue | undefined;
    for (const item of list) if (found === undefined || better(numeric(item), numeric(found))) found = item;
    if (found === undefined) throw new Fault('an empty list');
    numeric(found);
    return found;
  };
  return [
    celFunc(name, [LIST], DYN, best),
    celFunc(name, [INT], INT, (x) => x),
    celFunc(name, [UINT], UINT, (x) => x),
    celFunc(name, [DOUBLE], DOUBLE, (x) => x),
  ];
}

/** JavaScript compares numbers and bigints by their exact values. */
function numeric(value: CelValue): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (isCelUint(value)) return value.value;
  throw new Fault('only numbers can be compared here');
}

function bitwise(name: string, bits: Bits): CelFunc[] {
  return [
    celFunc(name, [INT, INT], INT, bits),
    celFunc(name, [UINT, UINT], UINT, (left, right) => celUint(bits(left.value, right.value))),
  ];
}

/** On the 64 bits of the value, whatever its sign. */
function shift(name: string, move: Bits): CelFunc[] {
  const shifted = (value: bigint, by: bigint): bigint => {
    if (by < 0n) throw new Fault('a negative shift');
    return by >= WORD ? 0n : move(BigInt.asUintN(WORD, value), by);
  };
  return [
    celFunc(name, [INT, INT], INT, (value, by) => BigInt.asIntN(WORD, shifted(value, by))),
    celFunc(name, [UINT, INT], UINT, (value: CelUint, by) => celUint(shifted(value.value, by))),
  ];
}
