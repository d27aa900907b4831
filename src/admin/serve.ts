/**
 * Puts a Hono application on an address: both loopback families for `localhost`, a Unix socket, or one TCP address.
 * Owns the sockets it opens. Knows nothing of what the application answers.
 */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createConnection, type ListenOptions } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono, MiddlewareHandler } from 'hono';
import { GatewayError } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';
import { type Address, formatAddress, hostOf, isLoopbackHost, parseAddress } from '../lib/address.ts';
import { redactText } from '../lib/secrets.ts';

export interface Serving extends Closable {
  /** Where it listens, with the port the system chose when 0 was asked for. */
  readonly address: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly app: Hono;
  /** As configured. A port alone means loopback. */
  readonly address: string;
  /** For messages: `admin`, `stats`. */
  readonly name: string;
}

/** How often another port is tried when the system's choice for IPv4 is taken on IPv6. */
const TWIN_ATTEMPTS = 10;

/** Throws GatewayError LISTEN_FAILED with a sentence that says what to do. */
export async function serveApp({ app, address: text, name }: ServeOptions): Promise<Serving> {
  const address = parseAddress(text);
  if (!address)
    throw new GatewayError(
      'LISTEN_FAILED',
      `${name} address ${JSON.stringify(text)} is not host:port or unix:/path`,
    );
  app.onError((error, context) => context.text(`${redactText(error.message)}\n`, 500));
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const open = (options: ListenOptions) => listen(createServer(listener), options);
  try {
    const servers =
      address.kind === 'unix' ? [await openUnix(address.path, open)] : await openTcp(address, open);
    return { address: formatAddress(bound(address, servers[0])), close: () => closeAll(servers) };
  } catch (error) {
    throw new GatewayError('LISTEN_FAILED', `${name} address ${text}: ${explain(error)}`, { cause: error });
  }
}

/**
 * Refuses requests that reached a loopback address under another name: a web page whose host name was made to resolve
 * to 127.0.0.1 (DNS rebinding) would otherwise read the answers as its own. A Unix socket has no host to speak of.
 */
export function requireLocalHost(address: string): MiddlewareHandler {
  const parsed = parseAddress(address);
  const guarded = parsed?.kind === 'tcp' && (parsed.host === undefined || isLoopbackHost(parsed.host));
  return async (context, next) => {
    const host = context.req.header('host');
    const origin = context.req.header('origin');
    if (
      guarded &&
      !(host !== undefined && isLoopbackHost(hostOf(host)) && (origin === undefined || isLocalOrigin(origin)))
    ) {
      return context.text('this address answers local requests only\n', 403);
    }
    return next();
  };
}

type Open = (options: ListenOptions) => Promise<Server>;

async function openTcp(address: Extract<Address, { kind: 'tcp' }>, open: Open): Promise<Server[]> {
  const { host = 'localhost', port } = address;
  if (host !== 'localhost') return [await open({ host, port })];
  for (let attempt = 1; ; attempt++) {
    const v4 = await open({ host: '127.0.0.1', port });
    try {
      return [v4, await open({ host: '::1', port: portOf(v4) })];
    } catch (error) {
      const code = codeOf(error);
      // No IPv6 on this machine: 127.0.0.1 is all of localhost.
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return [v4];
      await closeAll([v4]);
      if (port !== 0 || code !== 'EADDRINUSE' || attempt === TWIN_ATTEMPTS) throw error;
    }
  }
}

/** A socket file outlives a process that was killed: it is taken over when nobody answers behind it. Other files are not. */
async function openUnix(path: string, open: Open): Promise<Server> {
  try {
    return await ownerOnly(await open({ path }), path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE' || !(await lstat(path)).isSocket() || (await answers(path)))
      throw error;
    await unlink(path);
    return ownerOnly(await open({ path }), path);
  }
}

async function ownerOnly(server: Server, path: string): Promise<Server> {
  await chmod(path, 0o600);
  return server;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function listen(server: Server, options: ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...options, exclusive: true }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          // A scraper's keep-alive connection must not hold up the end of the process.
          server.closeAllConnections();
        }),
    ),
  );
}

function bound(address: Address, server: Server | undefined): Address {
  if (address.kind === 'unix' || !server) return address;
  return { kind: 'tcp', host: address.host ?? 'localhost', port: portOf(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function isLocalOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname);
}

function explain(error: unknown): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE')
    return 'already in use by another process; stop that one or choose another address';
  if (code === 'EACCES') return 'not permitted; ports below 1024 and foreign directories need more rights';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  if (code === 'ENOTFOUND') return 'the host name does not resolve';
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
