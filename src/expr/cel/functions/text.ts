/** Functions on texts and lists that the evaluator's own strings extension lacks, or has without limits. */
import {
  type CelFunc,
  CelScalar,
  type CelValue,
  celFunc,
  celMethod,
  isCelList,
  listType,
  mapType,
  objectType,
} from '@bufbuild/cel';
import { TimestampSchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { LIMITS } from '../../../core/limits.ts';
import { Fault } from '../frame.ts';
import { TOO_LONG } from '../meter.ts';
import { patternOf } from '../patterns.ts';

const { BOOL, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);
const TIMESTAMP = objectType(TimestampSchema);

const LONGEST = LIMITS.expressionText.value;

export const textFunctions: readonly CelFunc[] = [
  celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
    return patternOf(pattern).test(this);
  }),
  celFunc('matches', [STRING, STRING], BOOL, (text, pattern) => patternOf(pattern).test(text)),
  celMethod('regexReplace', STRING, [STRING, STRING], STRING, function (pattern, replacement) {
    return patternOf(pattern).replace(this, replacement);
  }),
  celMethod('replace', STRING, [STRING, STRING], STRING, function (from, to) {
    return replace(this, { from, to, most: Number.POSITIVE_INFINITY });
  }),
  celMethod('replace', STRING, [STRING, STRING, INT], STRING, function (from, to, most) {
    return replace(this, { from, to, most: most < 0n ? Number.POSITIVE_INFINITY : Number(most) });
  }),
  celMethod('stripPrefix', STRING, [STRING], STRING, function (prefix) {
    return this.startsWith(prefix) ? this.slice(prefix.length) : this;
  }),
  celMethod('stripSuffix', STRING, [STRING], STRING, function (suffix) {
    return suffix !== '' && this.endsWith(suffix) ? this.slice(0, -suffix.length) : this;
  }),
  celMethod('join', LIST, [], STRING, function () {
    return join(this, '');
  }),
  celMethod('join', LIST, [STRING], STRING, function (separator) {
    return join(this, separator);
  }),
  celFunc('size', [STRING], INT, characters),
  celMethod('size', STRING, [], INT, function () {
    return characters(this);
  }),
  // The evaluator's own takes milliseconds; the specification says seconds.
  celFunc('timestamp', [INT], TIMESTAMP, (seconds) => timestampFromMs(Number(seconds) * 1000)),
  celMethod('contains', MAP, [STRING], BOOL, function (key) {
    return this.has(key);
  }),
];

/** Unicode characters, without making a list of them. */
function characters(text: string): bigint {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    if ((text.charCodeAt(at) & 0xfc00) !== 0xd800 || (text.charCodeAt(at + 1) & 0xfc00) !== 0xdc00) continue;
    count -= 1;
    at += 1;
  }
  return BigInt(count);
}

function replace(text: string, { from, to, most }: { from: string; to: string; most: number }): string {
  const parts: string[] = [];
  let length = 0;
  let at = 0;
  for (let count = 0; count < most; count += 1) {
    // Nothing is found before every character and at the end.
    const found = text.indexOf(from, from === '' && count > 0 ? at + 1 : at);
    if (found < 0 || (from === '' && count > text.length)) break;
    parts.push(text.slice(at, found), to);
    length += found - at + to.length;
    if (length > LONGEST) throw new Fault(TOO_LONG);
    at = found + from.length;
  }
  return parts.join('') + text.slice(at);
}

function join(list: Iterable<unknown>, separator: string): string {
  const parts: string[] = [];
  let length = 0;
  for (const part of list) {
    if (typeof part !== 'string') throw new Fault('join() takes a list of texts');
    length += part.length + separator.length;
    if (length > LONGEST) throw new Fault(TOO_LONG);
    parts.push(part);
  }
  return parts.join(separator);
}

/** `list.contains(x)` of the Rust gateway: `x in list`. `in` is the evaluator's own equality, given from outside. */
export function containment(equal: (left: CelValue, right: CelValue) => boolean): CelFunc {
  return celMethod('contains', LIST, [DYN], BOOL, function (wanted) {
    if (isCelList(this)) for (const item of this) if (equal(item, wanted)) return true;
    return false;
  });
}
