/** WebSockets between a real client and server: whatever the protocol has passes untouched, over TCP, TLS and Unix sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { startGateway } from '../fixtures/gateway.ts';
import { cert, key } from '../fixtures/tls.ts';
import { closing, listening } from './http-harness.ts';

const PATIENCE_MS = 30_000;
const MIB = 1024 * 1024;
const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

interface Place {
  /** What stands in the configuration. */
  readonly host: string;
  readonly policies: object;
  readonly tls: boolean;
}

async function place(kind: string, server: Server): Promise<Place> {
  if (kind !== 'a Unix socket') {
    const at = `127.0.0.1:${await listening(server)}`;
    if (kind === 'TCP') return { host: at, policies: {}, tls: false };
    return { host: `https://${at}`, policies: { backendTLS: { insecure: true } }, tls: true };
  }
  const folder = await mkdtemp(join(tmpdir(), 'websocket-'));
  opened.push(() => rm(folder, { recursive: true }));
  server.listen(join(folder, 's'));
  await once(server, 'listening');
  return { host: `unix:${join(folder, 's')}`, policies: {}, tls: false };
}

for (const kind of ['TCP', 'TLS on both sides', 'a Unix socket'])
  describe(`a WebSocket over ${kind}`, { timeout: PATIENCE_MS }, () => {
    let url: string;
    let sockets: WebSocketServer;
    /** The next one that the server gets. */
    const accepted = async (): Promise<WebSocket> =>
      ((await once(sockets, 'connection')) as [WebSocket, IncomingMessage])[0];

    before(async () => {
      const server = kind === 'TLS on both sides' ? createHttpsServer({ cert, key }) : createServer();
      sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
      sockets.on('connection', (socket) => {
        socket.on('message', (data, binary) => socket.send(data, { binary }));
      });
      const { host, policies, tls } = await place(kind, server);
      const listener = {
        ...(tls && { protocol: 'HTTPS', tls: { cert, key } }),
        routes: [{ backends: [{ host, policies }] }],
      };
      const gateway = await startGateway(
        `binds:\n- port: 3000\n  listeners: ${JSON.stringify([listener])}\n`,
      );
      url = `${tls ? 'wss' : 'ws'}://localhost:${new URL(gateway.url).port}/`;
      opened.push(
        () => gateway.stop(),
        () => {
          for (const each of sockets.clients) each.terminate();
          sockets.close();
          return closing(server);
        },
      );
    });

    async function open(options: object = {}): Promise<{ client: WebSocket; server: WebSocket }> {
      const serving = accepted();
      const client = new WebSocket(url, { rejectUnauthorized: false, ...options });
      await once(client, 'open');
      return { client, server: await serving };
    }

    test('carries texts, fragments of a message, and 20 MiB in one', async () => {
      const { client } = await open();
      client.send('grüße');
      assert.equal(String((await once(client, 'message'))[0]), 'grüße');
      client.send('one ', { fin: false });
      client.send('message', { fin: true });
      assert.equal(String((await once(client, 'message'))[0]), 'one message');
      const large = Buffer.alloc(20 * MIB, 'abcdefg');
      client.send(large);
      const [back, binary] = (await once(client, 'message')) as [Buffer, boolean];
      assert.ok(binary && large.equals(back));
      client.close();
      await once(client, 'close');
    });

    test('carries compression as the two have agreed on it, or none', async () => {
      const compressed = await open({ perMessageDeflate: true });
      assert.match(compressed.client.extensions, /permessage-deflate/);
      const plain = await open({ perMessageDeflate: false });
      assert.equal(plain.client.extensions, '');
      for (const { client } of [compressed, plain]) {
        client.send('x'.repeat(MIB));
        assert.equal(String((await once(client, 'message'))[0]).length, MIB);
        client.terminate();
      }
    });

    test('carries pings and pongs, with what is in them', async () => {
      const { client, server } = await open();
      client.ping('up');
      assert.equal(String((await once(client, 'pong'))[0]), 'up');
      server.ping('down');
      assert.equal(String((await once(server, 'pong'))[0]), 'down');
      client.terminate();
    });

    test('carries the code and the reason of either closing', async () => {
      const one = await open();
      one.client.close(4001, 'enough');
      const [code, reason] = (await once(one.server, 'close')) as [number, Buffer];
      assert.deepEqual([code, String(reason)], [4001, 'enough']);
      const other = await open();
      other.server.close(1012, 'restart');
      const [back, why] = (await once(other.client, 'close')) as [number, Buffer];
      assert.deepEqual([back, String(why)], [1012, 'restart']);
    });

    test('ends for one side when the other is gone without a word', async () => {
      const one = await open();
      one.client.terminate();
      assert.equal((await once(one.server, 'close'))[0], 1006);
      const other = await open();
      other.server.terminate();
      assert.equal((await once(other.client, 'close'))[0], 1006);
    });

    test('is one of many, none of which waits for another', async () => {
      // More than the connections for calls.
      const all = await Promise.all(
        Array.from({ length: 300 }, async () => {
          const client = new WebSocket(url, { rejectUnauthorized: false });
          await once(client, 'open');
          return client;
        }),
      );
      const echoed = all.map((client) => once(client, 'message'));
      for (const [at, client] of all.entries()) client.send(String(at));
      const texts = (await Promise.all(echoed)).map(([data]) => String(data));
      assert.deepEqual(
        texts,
        all.map((_, at) => String(at)),
      );
      for (const client of all) client.terminate();
    });
  });
