/** A principal as its owner would recognise it: see core/identity.ts for its forms. */

export function personOf(principal: string): string {
  const [, kind = '', rest = principal] = /^([a-z-]+):(.*)$/s.exec(principal) ?? [];
  switch (kind) {
    case 'jwt':
    case 'jwt-client': {
      const at = rest.indexOf('|');
      if (at < 0) return rest;
      const what = kind === 'jwt' ? '' : 'client ';
      return `${what}${rest.slice(at + 1)} (of ${rest.slice(0, at)})`;
    }
    case 'basic':
      return rest;
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
