/** The upstream of the measurements over stdio: `node upstream-stdio.js [tools]`. */
import { type Ask, answer, progressEvent, progressToken, readAsk, toolList } from './echo.ts';

const tools = toolList(Number(process.argv[2] ?? 1));
let pending: Buffer[] = [];

process.stdin.on('data', (chunk: Buffer) => {
  let start = 0;
  for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
    const rest = chunk.subarray(start, end);
    respond(pending.length === 0 ? rest : Buffer.concat([...pending, rest]));
    pending = [];
    start = end + 1;
  }
  if (start < chunk.length) pending.push(chunk.subarray(start));
});

function respond(line: Buffer): void {
  const ask = readAsk(line);
  if (ask.id === undefined) return;
  const token = ask.method === 'tools/call' && line.includes('"steps":') ? progressToken(ask) : undefined;
  if (token === undefined) write(ask);
  else report(ask, token, 1);
}

/** One event per turn of the loop, as the HTTP upstream does it. */
function report(ask: Ask, token: string, progress: number): void {
  if (progress > 20) {
    write(ask);
    return;
  }
  process.stdout.write(`${progressEvent(token, progress)}\n`);
  setImmediate(report, ask, token, progress + 1);
}

function write(ask: Ask): void {
  process.stdout.write(Buffer.concat([answer(ask, tools), Buffer.from('\n')]));
}
