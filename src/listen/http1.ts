/**
 * HTTP/1.1 on node:http: requests become Exchanges, Answers become responses. Node's parser refuses what smuggling
 * needs (Content-Length with Transfer-Encoding, bad chunks, bare CR); this file must never relax it.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import { isTunnel, type Reply, type Tunnel } from '../core/exchange.ts';
import { addressesOf } from './addresses.ts';
import { declaredLength, IncomingBody } from './body.ts';
import { AcceptedExchange } from './exchange.ts';
import { Http1Writer } from './http1-writer.ts';
import type { Limits } from './limits.ts';
import { faultOf } from './request-fault.ts';
import { errorBody, errorReply, openTunnel, respond, withoutTunnel } from './respond.ts';
import { headersTooLarge, type Serving } from './serving.ts';
import { requestTarget, tunnelTarget } from './target.ts';
import { takesUpgrade, withoutOffer } from './upgrade-offer.ts';

/** For how long the rest of a refused upload is read and thrown away, so that the client gets to see the reply. */
const LINGER_MS = 5_000;

/** Sees a new connection first; `speak` serves HTTP/1.1 on it, or on what it turned out to carry. */
export type Greet = (socket: Socket, speak: (over: Socket) => void) => void;

const TCP_KEEP_ALIVE_MS = 60_000;

export function http1Server(serving: Serving, greet: Greet): Server {
  const { limits } = serving;
  const options = {
    shouldUpgradeCallback: takesUpgrade,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, Math.ceil(limits.headersTimeoutMs / 2)),
    insecureHTTPParser: false,
    // Ours to check: node's own answer to it is in no log.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
  };
  const server = createServer(options);
  configure(server, limits);
  // The server's own listener is kept aside: its timeouts and idle tracking work only on a server that listens itself.
  const [listener] = server.listeners('connection') as [(this: Server, socket: Duplex) => void];
  server.removeAllListeners('connection');
  server.on('connection', (socket) =>
    greet(socket, (over) => {
      listener.call(server, over);
      grow(serving, over);
    }),
  );
  const isServed = (request: IncomingMessage): boolean => {
    // Requests that came with one that was refused are read all the same; nobody can answer them any more.
    if (!request.socket.writable) return false;
    const fault = faultOf(request);
    if (fault) refuse(serving, fault, request.socket);
    return fault === undefined;
  };
  server.on('request', (request, response) => {
    if (isServed(request)) serve(serving, { request, response, expects: false });
  });
  server.on('checkContinue', (request, response) => {
    if (isServed(request)) serve(serving, { request, response, expects: true });
  });
  server.on('upgrade', (request, socket, head) => {
    if (!isServed(request)) return;
    if (takesUpgrade(request)) {
      void serveUpgrade(serving, { request, socket, head });
      return;
    }
    socket.unshift(Buffer.concat([withoutOffer(request), head]));
    listener.call(server, socket);
  });
  server.on('connect', (request, socket, head) => {
    if (isServed(request)) void serveUpgrade(serving, { request, socket, head });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    refuse(serving, error, socket as Socket),
  );
  return server;
}

interface Arriving {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client waits to be told to send its body. */
  readonly expects: boolean;
}

function serve(serving: Serving, { request, response, expects }: Arriving): void {
  // Node throws away an unread body by resuming it, after the reply; that must not ask for it.
  const announce = expects ? () => void (response.headersSent || response.writeContinue()) : undefined;
  const { uploads, limits } = serving;
  const body = new IncomingBody({ stream: request, length: bodyLength(request), announce, uploads });
  const exchange = accept(serving, { request, body, upgrade: undefined });
  const socket = request.socket as Occupied;
  socket[EXCHANGE] = exchange;
  const writer = new Http1Writer({ response, socket, exchange, pauseMs: limits.replyPauseMs });
  // Its response has no connection before its turn, and node tells it nothing until then.
  const pipelined = response.socket === null;
  let left = false;
  const leave = (): void => {
    if (left) return;
    left = true;
    if (pipelined) socket.off('close', leave);
    if (socket[EXCHANGE] === exchange) socket[EXCHANGE] = undefined;
    exchange.end(response.writableFinished);
    if (!request.complete) discard(serving, request, socket);
    serving.left();
  };
  response.on('close', leave);
  if (pipelined) socket.once('close', leave);
  void serving.answer(exchange).then((answer) => {
    // A client that was not told to go on may take the reply for its cue, or send the next request instead.
    if (body.unannounced || serving.draining || socket[AGED]) response.shouldKeepAlive = false;
    respond(exchange, withoutTunnel(answer, exchange), writer);
  });
}

interface Parts {
  readonly request: IncomingMessage;
  readonly body: IncomingBody;
  readonly upgrade: string | undefined;
}

function accept(serving: Serving, { request, body, upgrade }: Parts): AcceptedExchange {
  const arrival = {
    method: request.method as string,
    target:
      request.method === 'CONNECT'
        ? tunnelTarget(request.url as string)
        : requestTarget(request.url as string, request.headers.host),
    httpVersion: request.httpVersion === '1.0' ? ('1.0' as const) : ('1.1' as const),
    head: request,
    body,
    socket: request.socket,
    upgrade,
  };
  const exchange = new AcceptedExchange(arrival, serving.ports);
  body.exchange = exchange;
  return exchange;
}

function bodyLength(request: IncomingMessage): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  return declaredLength(request.headers) ?? 0;
}

/**
 * The reply is out, the upload is not in: a connection in this state is not used again. What still comes is read, because
 * closing a connection with bytes unread resets it, and a client that gets a reset before the reply never sees the reply.
 */
function discard(serving: Serving, request: IncomingMessage & { _dump?(): void }, socket: Socket): void {
  if (socket.destroyed) return;
  // Of a last reply node has ended the connection, and would close it with that.
  socket.off('finish', socket.destroy);
  const destroyed = request.destroyed;
  if (destroyed) {
    // By undici, whose upstream has answered. Node reads no further for a request that takes nothing, unless it is dumped.
    request._dump?.();
    socket.end();
    socket.pause().resume();
  } else request.resume();
  const timer = serving.ports.clock.after(LINGER_MS, () => socket.destroy());
  (socket.writableEnded ? socket : request).once('close', () => timer.cancel());
}

// Upgrades.

interface Upgrading {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

async function serveUpgrade(serving: Serving, { request, socket, head }: Upgrading): Promise<void> {
  const upgrade = request.method === 'CONNECT' ? 'connect' : (request.headers.upgrade?.toLowerCase() ?? '');
  const exchange = accept(serving, {
    request,
    body: new IncomingBody({ stream: request, length: 0, uploads: serving.uploads }),
    upgrade,
  });
  const { record } = exchange;
  socket.on('error', ignore);
  socket.once('close', () => {
    // A tunnel of CONNECT counts itself.
    if (record.status === 101) record.bytesOut = request.socket.bytesWritten;
    exchange.end(record.status !== 0);
    serving.left();
  });
  const answer = await serving.answer(exchange);
  if (!isTunnel(answer)) {
    refuseUpgrade(exchange, answer, { request, pauseMs: serving.limits.replyPauseMs });
    return;
  }
  record.status = answer.status;
  openTunnel(socket, record, () => {
    if (!socket.destroyed) socket.write(tunnelHead(answer), 'latin1');
    answer.attach(socket, head);
  });
}

function tunnelHead({ status, headers }: Tunnel): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}\r\n`;
}

/** Node has taken the parser off this connection, so the reply is its last. */
function refuseUpgrade(
  exchange: AcceptedExchange,
  reply: Reply,
  { request, pauseMs }: { request: IncomingMessage; pauseMs: number },
): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  response.on('finish', () => request.socket.destroySoon());
  respond(exchange, reply, new Http1Writer({ response, socket: request.socket, exchange, pauseMs }));
}

// The life of a connection.

const EXCHANGE = Symbol('exchange');
const AGED = Symbol('aged');
interface Occupied extends Socket {
  /** The request being served on this connection. */
  [EXCHANGE]?: AcceptedExchange | undefined;
  /** It has lasted long enough: the next reply is its last. */
  [AGED]?: boolean;
}

function grow({ limits, ports }: Serving, socket: Occupied): void {
  if (limits.connectionMs === undefined) return;
  const timer = ports.clock.after(limits.connectionMs, () => {
    socket[AGED] = true;
    if (!socket[EXCHANGE]) socket.destroySoon();
  });
  socket.once('close', () => timer.cancel());
}

/** What a reload changes holds for the next request of each connection, but for the size of headers: for new ones. */
export function configure(server: Server, limits: Limits): void {
  // Node drops what is above this number silently; one more than allowed lets us see and refuse it.
  server.maxHeadersCount = limits.headerCount + 1;
  server.headersTimeout = limits.headersTimeoutMs;
  server.keepAliveTimeout = limits.keepAliveTimeoutMs;
  (server as Server & { maxHeaderSize: number }).maxHeaderSize = limits.headerBytes;
}

// Requests that never became one.

/** Answers what node's parser refuses, unless a reply has begun: its bytes must not be mixed with ours. */
function refuse(serving: Serving, error: NodeJS.ErrnoException, socket: Occupied): void {
  const failure = parseFailure(error, serving.limits);
  const exchange = socket[EXCHANGE];
  if (!failure || !socket.writable || (exchange && exchange.record.status !== 0)) {
    socket.destroy();
    return;
  }
  const { log, signals } = serving.ports;
  signals.count('http_requests_refused', { code: failure.code });
  const { code, message: detail } = failure;
  log.info({ code, detail, 'src.addr': addressesOf(socket).client.address }, 'request refused');
  if (exchange) errorReply(failure, exchange);
  const body = errorBody(failure);
  const head = `HTTP/1.1 ${failure.http} ${STATUS_CODES[failure.http]}\r\nConnection: close\r\n`;
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  socket.destroySoon();
}

function parseFailure(error: NodeJS.ErrnoException, limits: Limits): GatewayError | undefined {
  const code = error.code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW') return headersTooLarge(limits);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new GatewayError('REQUEST_TIMEOUT', 'the request did not arrive in time');
  if (code.startsWith('HPE_'))
    return new GatewayError('BAD_REQUEST', `not a valid HTTP request: ${error.message}`);
  return undefined;
}

function ignore(): void {}
