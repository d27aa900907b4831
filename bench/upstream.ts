/**
 * The upstream of the measurements over HTTP: `node upstream.js [tools] [legacy|modern]`. Prints `ready PORT`. A call
 * with `steps` among its arguments reports progress, one with `ask` asks the client before it answers.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Ask,
  answer,
  inputRequired,
  progressEvent,
  progressToken,
  question,
  readAsk,
  toolList,
} from './echo.ts';

const era = process.argv[3] === 'modern' ? 'modern' : 'legacy';
const tools = toolList(Number(process.argv[2] ?? 1), era);
let sessions = 0;
let questions = 0;
/** By the id of the question. */
const waiting = new Map<string, () => void>();

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
  if (ask.id === undefined || ask.method === '') {
    response.writeHead(202).end();
    if (ask.id !== undefined) waiting.get(ask.id)?.();
    return;
  }
  const special = ask.method === 'tools/call' ? body.indexOf('"arguments":{"') + '"arguments":{"'.length : -1;
  if (special >= 0 && body.toString('latin1', special, special + 6) === 'steps"') {
    const token = progressToken(ask);
    if (token !== undefined) return streamProgress(response, ask, token);
  }
  if (special >= 0 && body.toString('latin1', special, special + 4) === 'ask"') {
    if (era === 'legacy') return askClient(response, ask);
    if (!body.includes('"inputResponses":')) return write(response, inputRequired(ask), {});
  }
  const session = ask.method === 'initialize' ? { 'mcp-session-id': `session-${++sessions}` } : {};
  write(response, answer(ask, tools, era), session);
}

function write(response: ServerResponse, message: Buffer, headers: Record<string, string>): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': message.length,
    ...headers,
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

function askClient(response: ServerResponse, ask: Ask): void {
  questions += 1;
  const id = `"q${questions}"`;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: message\ndata: ${question(questions)}\n\n`);
  waiting.set(id, () => {
    waiting.delete(id);
    response.end(`event: message\ndata: ${answer(ask, tools).toString('latin1')}\n\n`);
  });
}

server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(`ready ${(server.address() as AddressInfo).port}`));
