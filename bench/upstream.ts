/** The upstream of the measurements over HTTP: `node upstream.js [tools]`. Prints `ready PORT`. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Ask, answer, progressEvent, progressToken, readAsk, toolList } from './echo.ts';

const tools = toolList(Number(process.argv[2] ?? 1));
let sessions = 0;

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    // No listening stream; DELETE of a session is always fine.
    response.writeHead(request.method === 'DELETE' ? 204 : 405).end();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () =>
    respond(response, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
  );
});

function respond(response: ServerResponse, body: Buffer): void {
  const ask = readAsk(body);
  if (ask.id === undefined) {
    response.writeHead(202).end();
    return;
  }
  const token = ask.method === 'tools/call' && body.includes('"steps":') ? progressToken(ask) : undefined;
  if (token !== undefined) {
    streamProgress(response, ask, token);
    return;
  }
  const message = answer(ask, tools);
  const session = ask.method === 'initialize' ? { 'mcp-session-id': `session-${++sessions}` } : {};
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': message.length,
    ...session,
  });
  response.end(message);
}

/** One event per turn of the loop, as a server sends them that does something in between. */
function streamProgress(response: ServerResponse, ask: Ask, token: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let progress = 0;
  const next = (): void => {
    progress++;
    if (progress <= 20) {
      response.write(`event: message\ndata: ${progressEvent(token, progress)}\n\n`);
      setImmediate(next);
      return;
    }
    response.end(`event: message\ndata: ${answer(ask, tools).toString('latin1')}\n\n`);
  };
  next();
}

server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(`ready ${(server.address() as AddressInfo).port}`));
