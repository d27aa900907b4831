/** Requests as bytes, and the handshake that opens an MCP session. */
import type { Answer, HttpConnection } from './connection.ts';

export interface Endpoint {
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
  /** Sent with each request. */
  readonly token?: string;
}

/** What stands as the user in the URL is a token. */
export function endpoint(url: string): Endpoint {
  const { hostname, port, pathname, search, username } = new URL(url);
  return {
    hostname: hostname === 'localhost' ? '127.0.0.1' : hostname,
    port,
    path: `${pathname}${search}`,
    ...(username !== '' && { token: username }),
  };
}

export interface Session {
  readonly endpoint: Endpoint;
  readonly id: string | undefined;
}

const VERSION = '2025-11-25';
const MODERN_VERSION = '2026-07-28';

/** The bytes of one request. `session` undefined: before the handshake. */
export function request(to: Endpoint, body: string, session?: Session, method = 'POST'): Buffer {
  const headers = [
    ...(session ? [`MCP-Protocol-Version: ${VERSION}`] : []),
    ...(session?.id !== undefined ? [`Mcp-Session-Id: ${session.id}`] : []),
  ];
  return bytesOf(to, `${method} ${to.path} HTTP/1.1`, { headers, body });
}

export interface ModernRequest {
  readonly id: number;
  readonly method: string;
  readonly params: { readonly name?: string };
  readonly capabilities: object;
}

/** The bytes of one request of revision 2026-07-28, as the official SDK writes them. */
export function modernRequest(to: Endpoint, { id, method, params, capabilities }: ModernRequest): Buffer {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN_VERSION,
    'io.modelcontextprotocol/clientInfo': CLIENT,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } });
  const headers = [`MCP-Protocol-Version: ${MODERN_VERSION}`, `Mcp-Method: ${method}`];
  if (params.name !== undefined) headers.push(`Mcp-Name: ${params.name}`);
  return bytesOf(to, `POST ${to.path} HTTP/1.1`, { headers, body });
}

export interface PlainRequest {
  readonly method: string;
  readonly accept?: string;
  /** JSON. */
  readonly body?: string;
}

/** The bytes of one request that is no MCP. */
export function plainRequest(to: Endpoint, { method, accept = '*/*', body }: PlainRequest): Buffer {
  const content =
    body === undefined
      ? ''
      : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  const head = `Host: localhost:${to.port}\r\nUser-Agent: bench/1\r\nAccept: ${accept}\r\n`;
  return Buffer.from(`${method} ${to.path} HTTP/1.1\r\n${head}${content}\r\n${body ?? ''}`);
}

function bytesOf(to: Endpoint, line: string, { headers, body }: { headers: string[]; body: string }): Buffer {
  const payload = Buffer.from(body);
  const lines = [
    line,
    `Host: localhost:${to.port}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    'User-Agent: bench/1',
    ...(to.token === undefined ? [] : [`Authorization: Bearer ${to.token}`]),
    ...headers,
    `Content-Length: ${payload.length}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), payload]);
}

export function exchange(connection: HttpConnection, bytes: Buffer, expected: string): Promise<Answer> {
  return new Promise((resolve) => connection.send(bytes, { bytes: expected, keep: true }, resolve));
}

const CLIENT = { name: 'bench', version: '1' };

export const initialize = (capabilities: object): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: VERSION, capabilities, clientInfo: CLIENT },
  });
export const INITIALIZE = initialize({});
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

/** initialize and initialized on a connection that is there. */
export async function openSession(
  connection: HttpConnection,
  to: Endpoint,
  hello = INITIALIZE,
): Promise<Session> {
  const first = await exchange(connection, request(to, hello), '"result"');
  if (first.status !== 200 || !first.right) throw new Error(`initialize: ${first.status} ${first.body}`);
  const session: Session = { endpoint: to, id: /\r\nmcp-session-id: *([^\r\n]+)/i.exec(first.head)?.[1] };
  const second = await exchange(connection, request(to, INITIALIZED, session), '');
  if (second.status >= 300) throw new Error(`initialized: ${second.status} ${second.body}`);
  return session;
}

export async function closeSession(connection: HttpConnection, session: Session): Promise<void> {
  await exchange(connection, request(session.endpoint, '', session, 'DELETE'), '');
}
