/** Remote servers over both transports: one that is not there yet is left out, and shown as soon as it answers. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { callText, startExample, toolNames } from '../../test/fixtures/example.ts';
import { freePort, start, untilListening } from '../../test/fixtures/programs.ts';

const SERVER = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/server-everything/dist/index.js',
);

export async function check(t: TestContext): Promise<void> {
  const [current, legacy] = [await freePort(), await freePort()];
  await startServer(t, 'streamableHttp', current);
  const gateway = await startExample(t, 'remote', {
    CURRENT_SERVER: `http://localhost:${current}/mcp`,
    LEGACY_SERVER: `http://localhost:${legacy}/sse`,
  });
  const client = await gateway.connect();
  let changed = (): void => {};
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed());
  const has = async (name: string) => (await toolNames(client)).includes(name);
  assert.deepEqual([await has('current_echo'), await has('legacy_echo')], [true, false]);

  await startServer(t, 'sse', legacy);
  for (;;) {
    // The gateway says when the server is there; and whoever asks makes it look at once.
    const next = new Promise<void>((resolve) => {
      changed = resolve;
    });
    if (await has('legacy_echo')) break;
    await Promise.race([next, setTimeout(1000)]);
  }
  assert.equal(await callText(client, 'legacy_echo', { message: 'old' }), 'Echo: old');
  assert.equal(await callText(client, 'current_echo', { message: 'new' }), 'Echo: new');
}

async function startServer(t: TestContext, transport: string, port: number): Promise<void> {
  const env = { ...process.env, PORT: String(port) };
  const program = start(process.execPath, [SERVER, transport], { env });
  t.after(() => program.stop());
  await untilListening(port, program);
}
