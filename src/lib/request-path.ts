/** Paths of requests: which spellings are served, which are the same, and how a prefix is replaced. Pure. */

/**
 * Why a path is refused before any rule is asked, or undefined when it is plain. Rules are written for one spelling;
 * an upstream that normalises (dot segments, `//`, `\`, encoded separators, needlessly encoded letters: RFC 3986
 * section 6.2.2) would serve another resource than the one the rules have seen. So such paths are not served at all.
 */
export function pathFault(path: string): string | undefined {
  if (!SUSPICIOUS.test(path)) return undefined;
  if (path.includes('//')) return 'empty segment';
  if (path.includes('\\') || path.includes('#')) return 'character that no path may contain';
  if (/%(?![0-9a-f]{2})/i.test(path)) return 'malformed percent-encoding';
  if (/%(?:2f|5c|[01][0-9a-f]|7f)/i.test(path)) return 'encoded separator or control character';
  if (/%(?:3[0-9]|[46][1-9a-f]|[57][0-9a]|2d|2e|5f|7e)/i.test(path))
    return 'encoded character that needs no encoding';
  if (/\/\.\.?(?:\/|$)/.test(path)) return 'dot segment';
  return undefined;
}

/** Nearly every path passes with this one look. */
const SUSPICIOUS = /%|\/\/|\/\.|[\\#]/;

/** Percent-encoding in one case, so that `%c3%a9` and `%C3%A9` are one path. */
export function canonicalPath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase());
}

/**
 * `path` with `replacement` for its beginning `prefix`, which is one of whole segments: final slashes of either make no
 * difference. undefined: it does not begin so.
 */
export function replacePrefix(path: string, prefix: string, replacement: string): string | undefined {
  const base = withoutFinalSlash(prefix);
  const rest = path.slice(base.length);
  const begins = canonicalPath(path).startsWith(canonicalPath(base)) && (rest === '' || rest[0] === '/');
  if (!begins) return undefined;
  return (rest === '' ? replacement : withoutFinalSlash(replacement) + rest) || '/';
}

function withoutFinalSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
