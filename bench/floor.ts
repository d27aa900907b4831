/**
 * The floor: what a proxy costs that does nothing. A plain node:http server and undici's dispatch, all headers copied,
 * answers streamed. `node floor.js PORT_OF_UPSTREAM`; prints `ready PORT`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Dispatcher, Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 64, pipelining: 1 });

/** Those that describe one connection and must not be copied to the next (RFC 9110, 7.6.1). */
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const streamed = process.argv[3] === 'streamed';

const server = createServer((request, response) => {
  if (streamed) {
    forward(request, response, hasBody(request) ? request : undefined);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () =>
    forward(request, response, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)),
  );
});

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

type Body = Buffer | IncomingMessage | undefined;

function forward(request: IncomingMessage, response: ServerResponse, body: Body): void {
  const headers: string[] = [];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] as string;
    if (!HOP.has(name.toLowerCase())) headers.push(name, request.rawHeaders[index + 1] as string);
  }
  const method = request.method as Dispatcher.HttpMethod;
  pool.dispatch({ method, path: request.url as string, headers, body: body ?? null }, answerInto(response));
}

function answerInto(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client left'));
      });
    },
    onResponseStart(_controller, status, headers) {
      const copied: Record<string, string | string[]> = {};
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined && !HOP.has(name)) copied[name] = value;
      }
      response.writeHead(status, copied);
    },
    onResponseData(controller, chunk) {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    },
  };
}

server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(`ready ${(server.address() as AddressInfo).port}`));
