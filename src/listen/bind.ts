/** Binds a port: on one address, or on both loopback families, which must then agree on the number. */
import type { Server } from 'node:http';
import { GatewayError } from '../core/errors.ts';

export interface BindTarget {
  readonly port: number;
  readonly address: string | undefined;
}

export interface Bound {
  readonly port: number;
  readonly servers: readonly Server[];
}

const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);
/** How often a port that is free on IPv4 may turn out to be taken on IPv6 before we give up. */
const ATTEMPTS = 8;

export async function bind(make: () => Server, { port, address }: BindTarget): Promise<Bound> {
  if (address !== undefined) {
    const server = make();
    return { port: await listen(server, { port, host: address, ipv6Only: false }), servers: [server] };
  }
  for (let attempt = 1; ; attempt += 1) {
    const bound = await bindLoopback(make, port, attempt < ATTEMPTS);
    if (bound) return bound;
  }
}

/** undefined: the port the system picked for IPv4 is taken on IPv6. */
async function bindLoopback(make: () => Server, port: number, mayRetry: boolean): Promise<Bound | undefined> {
  const four = make();
  const chosen = await listen(four, { port, host: '127.0.0.1' });
  const six = make();
  try {
    await listen(six, { port: chosen, host: '::1', ipv6Only: true });
    return { port: chosen, servers: [four, six] };
  } catch (error) {
    const code = ((error as GatewayError).cause as NodeJS.ErrnoException).code ?? '';
    if (NO_IPV6.has(code)) return { port: chosen, servers: [four] };
    four.close();
    if (code === 'EADDRINUSE' && port === 0 && mayRetry) return undefined;
    throw error;
  }
}

interface Where {
  readonly port: number;
  readonly host: string;
  readonly ipv6Only?: boolean;
}

function listen(server: Server, where: Where): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenFailed(where, error));
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      const bound = server.address();
      resolve(typeof bound === 'object' && bound ? bound.port : where.port);
    });
  });
}

function listenFailed({ port, host }: Where, error: NodeJS.ErrnoException): GatewayError {
  const remedies: Record<string, string> = {
    EADDRINUSE: 'the port is in use; stop the other program or choose another port',
    EACCES: 'not permitted; choose a port above 1023 or run with the right to bind it',
    EADDRNOTAVAIL: 'this machine has no such address; check `address`',
    ENOTFOUND: 'no such host name; check `address`',
  };
  const why = remedies[error.code ?? ''] ?? error.message;
  return new GatewayError('LISTEN_FAILED', `cannot listen on port ${port} of ${host}: ${why}`, {
    cause: error,
  });
}
