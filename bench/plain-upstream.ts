/**
 * The upstream of the measurements of plain HTTP: `node plain-upstream.js`. Prints `ready PORT`. A JSON API and an A2A
 * agent that answer from bytes with next to no work: `GET /records/<id>` (1 KiB), `GET /archives/<id>` (64 KiB),
 * `POST /records` (what came), `POST /agent` (`message/send`, `message/stream`).
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readAsk } from './echo.ts';
import { EVENTS, messageAnswer, statusEvent, textAround } from './plain-bodies.ts';

const record = textAround(1_024);
const archive = textAround(64 * 1_024);

const server = createServer((request, response) => {
  const { method, url = '' } = request;
  if (method === 'GET') {
    const id = url.slice(url.lastIndexOf('/') + 1);
    write(response, (url.startsWith('/archives/') ? archive : record)(id));
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    if (url === '/agent') agent(response, body);
    else write(response, body);
  });
});

function write(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function agent(response: ServerResponse, body: Buffer): void {
  const { id = 'null', method } = readAsk(body);
  if (method === 'message/stream') stream(response, id);
  else write(response, messageAnswer(id));
}

/** One event per turn of the loop, as an agent sends them that does something in between. */
function stream(response: ServerResponse, id: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  const next = (): void => {
    sent++;
    response.write(statusEvent(id, sent));
    if (sent < EVENTS) setImmediate(next);
    else response.end();
  };
  next();
}

server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(`ready ${(server.address() as AddressInfo).port}`));
