/** A principal as its owner would recognise it: see core/identity.ts for its forms. */

/** Longer names leave room for sentences, which would be read as the gateway's. */
const MAX_NAME = 200;
/** Invisible, or turn the text around: a name could look like another one, or hide who vouches for it. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

export function personOf(principal: string): string {
  const [, kind = '', rest = principal] = /^([a-z-]+):(.*)$/s.exec(principal) ?? [];
  switch (kind) {
    case 'jwt':
    case 'jwt-client': {
      const at = rest.indexOf('|');
      if (at < 0) return rest;
      const what = kind === 'jwt' ? '' : 'client ';
      return `${what}${named(rest.slice(at + 1))} (of ${rest.slice(0, at)})`;
    }
    case 'basic':
      return named(rest);
    case 'key':
      return `the owner of API key ${rest}`;
    case 'tls':
      return `the owner of certificate ${rest}`;
    case 'jwt-token':
      return `the owner of token ${rest}`;
    default:
      return principal;
  }
}

function named(text: string): string {
  const seen = text.replace(UNSEEN, '\ufffd');
  return seen.length <= MAX_NAME ? seen : `${seen.slice(0, MAX_NAME)}…`;
}
