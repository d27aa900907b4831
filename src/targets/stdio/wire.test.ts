import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childPorts, isAlive, type LogEntry, until } from '../../../test/fixtures/child-host.ts';
import { ask, code, ECHO, NOTHING, open, World } from '../../../test/fixtures/stdio-target.ts';

test('a message goes out as one line and the answer comes back', async (t) => {
  const { wire, reader } = await open(new World(t).node(ECHO));
  assert.equal((await ask(wire, reader, '{"id":1}')).got, '{"id":1}');
  assert.equal(wire.relates, false);
});

test('a message with a line break is refused, and nothing of it reaches the server', async (t) => {
  const { wire, reader } = await open(new World(t).node(ECHO));
  for (const text of ['{}\n{"method":"smuggled"}', '{\r}']) {
    await assert.rejects(wire.send(Buffer.from(text), NOTHING), code('INTERNAL'));
  }
  assert.equal((await ask(wire, reader, '{"id":2}')).got, '{"id":2}');
});

test('banners are dropped and logged, and what surrounds a message is taken off', async (t) => {
  const log: LogEntry[] = [];
  const script = String.raw`process.stdout.write('Server v1 ready\n\n\uFEFF{"bom":1}\r\n  {"blank":1} \n[{"batch":1}]\n"text"\n'); process.stdin.resume()`;
  const { reader } = await open(new World(t, childPorts({ log })).node(script));
  await reader.next(2);
  assert.deepEqual(reader.messages, ['{"bom":1}', '{"blank":1}', '[{"batch":1}]']);
  const dropped = () => log.filter(({ message }) => message === 'not a message on standard output');
  await until(() => dropped().length === 2, 'both banners are logged');
  assert.ok(dropped().every(({ level }) => level === 'debug'));
});

test('a server that exits tells how, why, and with what on standard error', async (t) => {
  const script = 'console.error("Error: missing API_KEY\\n    at main"); process.exitCode = 3';
  const { reader, wire } = await open(new World(t).node(script));
  const error = await reader.end();
  assert.equal(error.code, 'PROCESS_EXIT');
  assert.equal(error.message, 'the server process exited with code 3: Error: missing API_KEY');
  assert.deepEqual(error.detail.data, { exitCode: 3, stderr: 'Error: missing API_KEY\n    at main' });
  assert.match(wire.diagnostics?.() ?? '', /missing API_KEY/);
  await assert.rejects(wire.send(Buffer.from('{}'), NOTHING), code('PROCESS_EXIT'));
});

test('the reason of npx is its error, not the place of its log', async (t) => {
  const words = [
    'npm error code E404',
    'npm error no such package',
    'npm error A complete log of this run can be found in: x',
  ];
  const script = `console.error(${JSON.stringify(words.join('\n'))}); process.exitCode = 1`;
  const { reader } = await open(new World(t).node(script));
  const { message } = await reader.end();
  assert.equal(message, 'the server process exited with code 1: npm error no such package');
});

test('secrets of the settings do not travel in what a server said', async (t) => {
  const script =
    'console.error("rejected: " + process.env.API_KEY + " in " + process.env.MODE); process.exitCode = 1';
  const { reader } = await open(
    new World(t).node(script, { env: { API_KEY: 'sk-123456', MODE: 'production' } }),
  );
  assert.deepEqual((await reader.end()).detail.data, {
    exitCode: 1,
    stderr: 'rejected: [redacted] in production',
  });
});

test('a server that is killed names the signal', async (t) => {
  const { reader } = await open(new World(t).connector({ cmd: '/bin/sh', args: ['-c', 'kill -KILL $$'] }));
  assert.deepEqual((await reader.end()).detail.data, { signal: 'SIGKILL' });
});

test('a server that exits while it is written to closes the wire, whatever the order', async (t) => {
  const world = new World(t);
  for (let round = 0; round < 10; round += 1) {
    const { wire, reader } = await open(world.connector({ cmd: 'true' }));
    await wire.send(Buffer.alloc(100_000, 'x'), NOTHING).catch(() => undefined);
    assert.equal((await reader.end()).code, 'PROCESS_EXIT');
  }
});

test('closing a wire ends its child and reports nothing', async (t) => {
  const { wire, reader } = await open(new World(t).node(ECHO));
  const { pid } = await ask(wire, reader);
  await wire.close();
  assert.equal(await isAlive(pid), false);
  assert.deepEqual(reader.closings, []);
  await assert.rejects(wire.send(Buffer.from('{}'), NOTHING), code('UPSTREAM_CLOSED'));
});

test('a message over the limit closes the wire and ends the child', async (t) => {
  const script = `const c = 'x'.repeat(1 << 20); process.stdout.write('{"a":"');
    (function more(n) { if (n > 0) process.stdout.write(c, () => more(n - 1)); })(50); process.stdin.resume()`;
  const world = new World(t);
  const { reader } = await open(world.node(script));
  assert.equal((await reader.end()).code, 'UPSTREAM_MESSAGE_TOO_LARGE');
  await until(() => world.host.count === 0, 'the child ends');
  assert.deepEqual(reader.messages, []);
});
