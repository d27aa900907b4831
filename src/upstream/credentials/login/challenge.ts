/** What a 401 says of where to log in: the parameters of a Bearer challenge (RFC 9110 section 11, RFC 9728 section 5.1). */

export interface Challenge {
  readonly resourceMetadata: string | undefined;
  readonly scope: string | undefined;
  /** Such as `insufficient_scope`. */
  readonly error: string | undefined;
}

const PART = /([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/y;

/** Headers as a flat list with names in lower case; several challenges may stand in one header or in several. */
export function bearerChallenge(headers: readonly string[]): Challenge | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const found = headers[at] === 'www-authenticate' ? readBearer(headers[at + 1] as string) : undefined;
    if (found) return found;
  }
  return undefined;
}

function readBearer(text: string): Challenge | undefined {
  let parameters: Map<string, string> | undefined;
  let at = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const part = PART.exec(text);
    if (!part) {
      at += 1;
      continue;
    }
    at = PART.lastIndex;
    const [, name = '', quoted, plain] = part;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (value === undefined) {
      if (parameters) break;
      if (name.toLowerCase() === 'bearer') parameters = new Map();
    } else parameters?.set(name.toLowerCase(), value);
  }
  return (
    parameters && {
      resourceMetadata: parameters.get('resource_metadata'),
      scope: parameters.get('scope'),
      error: parameters.get('error'),
    }
  );
}
