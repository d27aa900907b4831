/**
 * The functions of expressions as people read about them: docs/reference/cel.md is made from this table, and a test
 * holds it against what the evaluator has. Pure; nothing here computes.
 */
export interface FunctionGroup {
  readonly title: string;
  readonly entries: readonly FunctionEntry[];
}

export interface FunctionEntry {
  /** As called; `x` is what it is called on. */
  readonly forms: readonly string[];
  readonly what: string;
  /** The Rust gateway has it, this one not yet. */
  readonly later?: true;
}

const entry = (forms: string, what: string): FunctionEntry => ({ forms: forms.split(' | '), what });
const later = (forms: string, what: string): FunctionEntry => ({ ...entry(forms, what), later: true });

export const FUNCTIONS: readonly FunctionGroup[] = [
  {
    title: 'Standard',
    entries: [
      entry('has(x.field)', 'Whether a field is there; false for one that is null.'),
      entry(
        'x.all(name, test) | x.exists(name, test) | x.exists_one(name, test)',
        'Tests on the elements of a list or the keys of a map.',
      ),
      entry(
        'x.map(name, value) | x.map(name, test, value) | x.filter(name, test)',
        'Lists made of a list or of the keys of a map.',
      ),
      entry('size(x) | x.size()', 'Characters, bytes, elements or entries.'),
      entry(
        'x.contains(part) | x.startsWith(part) | x.endsWith(part)',
        'Parts of a text; `contains` also elements of a list and keys of a map.',
      ),
      entry('x.matches(pattern) | matches(x, pattern)', 'Whether an RE2 pattern is found in the text.'),
      entry(
        'int(x) | uint(x) | double(x) | string(x) | bytes(x) | bool(x) | dyn(x) | type(x)',
        'Conversions; `type` gives the type.',
      ),
      entry('duration(text) | timestamp(text)', '`90s`, `1h30m`; `2026-01-02T03:04:05Z`.'),
      entry(
        'x.getFullYear() | x.getMonth() | x.getDayOfYear() | x.getDayOfMonth() | x.getDate() | x.getDayOfWeek() | x.getHours() | x.getMinutes() | x.getSeconds() | x.getMilliseconds()',
        'Parts of a time, with an optional time zone; hours to milliseconds also of a duration.',
      ),
      entry('max(a, b, ...) | min(a, b, ...)', 'Of numbers, or of one list of them.'),
    ],
  },
  {
    title: 'Values',
    entries: [
      entry('default(x, other)', '`other` where `x` is missing or null; other errors of `x` stay errors.'),
      entry('coalesce(a, b, ...)', 'The first that is neither an error nor null.'),
      entry('x.with(name, result) | cel.bind(name, x, result)', '`result`, in which `name` stands for `x`.'),
      entry('fail() | fail(reason)', 'An error.'),
      entry('random()', 'A number from 0 to below 1.'),
      entry('uuid()', 'A random UUID.'),
      entry('x.unredacted()', 'The text of a secret.'),
      later('variables()', 'All variables as one map.'),
    ],
  },
  {
    title: 'JSON and maps',
    entries: [
      entry('json(x)', 'What a JSON text, or bytes, stand for.'),
      entry('toJson(x) | to_json(x)', 'A value as JSON text.'),
      entry('unvalidatedJwtPayload(token)', 'Claims of a token that nobody has checked.'),
      entry('x.mapValues(name, value)', 'The same keys with other values.'),
      entry('x.filterKeys(name, test)', 'The entries whose keys pass.'),
      entry('x.merge(other)', 'Both maps; `other` wins.'),
      entry('jsonField(x, name)', 'One field of a JSON text.'),
      later('flatten(x) | flattenRecursive(x) | flatten_recursive(x)', 'Many fields of a log from one map.'),
    ],
  },
  {
    title: 'Texts',
    entries: [
      entry(
        'x.charAt(at) | x.indexOf(part) | x.lastIndexOf(part) | x.substring(from, to)',
        'Positions and parts.',
      ),
      entry('x.split(separator) | x.join(separator)', 'Between texts and lists.'),
      entry(
        'x.replace(from, to) | x.replace(from, to, most)',
        'Replaces a part everywhere, or at most so often.',
      ),
      entry(
        'x.regexReplace(pattern, replacement)',
        'Replaces the first match of an RE2 pattern; `$1` and `$name` stand for groups.',
      ),
      entry('x.lowerAscii() | x.upperAscii() | x.trim()', 'Case and white space.'),
      entry('x.stripPrefix(part) | x.stripSuffix(part)', 'Without that beginning or end.'),
      entry('x.format(list) | strings.quote(x)', 'As in cel-go.'),
    ],
  },
  {
    title: 'Codecs and hashes',
    entries: [
      entry(
        'base64.encode(x) | base64.decode(x) | base64Encode(x) | base64Decode(x)',
        'Decoding gives bytes; `string()` makes a text of them.',
      ),
      entry(
        'url.encode(x) | url.decode(x)',
        'Percent encoding of everything but letters, digits and `-._~`.',
      ),
      entry(
        'form.encode(map) | form.decode(x)',
        '`application/x-www-form-urlencoded`; several values of a name are a list.',
      ),
      entry('sha1.encode(x) | sha256.encode(x) | md5.encode(x)', 'Hex digests.'),
    ],
  },
  {
    title: 'Header views',
    entries: [
      entry(
        'x.join() | x.raw() | x.split()',
        'Headers with all values joined by commas, as lists, as lists split at commas.',
      ),
      entry('x.redacted()', 'Headers whose sensitive values are `<redacted>`.'),
      entry('x.cookie(name)', 'The first cookie of that name.'),
    ],
  },
  {
    title: 'URIs',
    entries: [
      entry('x.query(name)', 'All values of a query parameter.'),
      entry(
        'x.addQuery(name, value) | x.setQuery(name, value)',
        'The URI with one value more, or with that one only.',
      ),
    ],
  },
  {
    title: 'Numbers',
    entries: [
      entry('math.least(a, b, ...) | math.greatest(a, b, ...)', 'Of numbers, or of one list of them.'),
      entry(
        'math.ceil(x) | math.floor(x) | math.round(x) | math.trunc(x)',
        'Of doubles; halves are rounded away from zero.',
      ),
      entry('math.isInf(x) | math.isNaN(x) | math.isFinite(x)', 'Kinds of doubles.'),
      entry('math.abs(x) | math.sign(x) | math.sqrt(x)', 'Of any number.'),
      entry(
        'math.bitAnd(a, b) | math.bitOr(a, b) | math.bitXor(a, b) | math.bitNot(x) | math.bitShiftLeft(x, by) | math.bitShiftRight(x, by)',
        'On the 64 bits of ints and uints.',
      ),
    ],
  },
  {
    title: 'Addresses',
    entries: [
      entry('isIP(text) | isCIDR(text)', 'Whether it is an address, a network.'),
      entry('ip(text) | cidr(text)', 'An address; a network such as `10.0.0.0/8`.'),
      entry(
        'x.family() | x.isUnspecified() | x.isLoopback() | x.isLinkLocalMulticast() | x.isLinkLocalUnicast() | x.isGlobalUnicast()',
        'Of an address.',
      ),
      entry(
        'x.containsIP(ip) | x.containsCIDR(cidr) | x.ip() | x.masked() | x.prefixLength()',
        'Of a network; what it contains may be given as text.',
      ),
    ],
  },
];

/** `x.split(separator)` is `split`, `math.least(a, b)` is `math.least`. */
export function functionName(form: string): string {
  return form.replace(/\(.*$/s, '').replace(/^x\./, '');
}

/** Names that do not exist here yet. */
export function laterFunctions(): Set<string> {
  const entries = FUNCTIONS.flatMap((group) => group.entries).filter((each) => each.later);
  return new Set(entries.flatMap((each) => each.forms.map(functionName)));
}
