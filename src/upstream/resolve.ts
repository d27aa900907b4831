/** Names to addresses, as the system resolves them; a bounded number at a time, the same name once. */
import { type LookupAddress, lookup } from 'node:dns';
import { GatewayError } from '../core/errors.ts';

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export function systemResolve(host: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => (error ? reject(error) : resolve(found)));
  });
}

/** `most` at a time: the system's resolver has few threads, which files are read with as well. */
export function resolvingAtMost(most: number, resolve: Resolve): Resolve {
  const asked = new Map<string, ReturnType<Resolve>>();
  return (host) => {
    const under = asked.get(host);
    if (under) return under;
    if (asked.size >= most)
      return Promise.reject(new GatewayError('OVERLOADED', 'too many names are being resolved', RETRY));
    const asking = resolve(host).finally(() => asked.delete(host));
    asked.set(host, asking);
    return asking;
  };
}

const RETRY = { headers: ['retry-after', '1'] };
