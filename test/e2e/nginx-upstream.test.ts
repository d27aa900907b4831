// needs: nginx
/** nginx behind the gateway: files and their conditions, connections that end under us, uploads, and reloads. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { type NginxHttp, type NginxProcess, NO_NGINX, startNginx } from '../fixtures/nginx.ts';
import { closing, collect, get, listening } from './http-harness.ts';

const MIB = 1024 * 1024;
const TEXT = 'a line of text that can be compressed\n'.repeat(500);
const LARGE = randomBytes(32 * MIB);
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('nginx behind the gateway', { skip: NO_NGINX, timeout: 150_000 }, () => {
  let nginx: NginxProcess;
  let gateway: GatewayProcess;
  let port: number;
  const closes: (() => Promise<unknown>)[] = [];
  before(async () => {
    const received = createServer(async (incoming, reply) => {
      const bytes = await collect(incoming);
      const { 'content-length': length = '', 'transfer-encoding': coding = '' } = incoming.headers;
      reply.end(`${bytes.length} ${sha(bytes)} ${length}${coding}`);
    });
    const behind = await listening(received);
    closes.push(() => closing(received));
    nginx = await startNginx(site(`127.0.0.1:${behind}`));
    closes.push(() => nginx.stop());
    await fill(nginx.folder);
    gateway = await startGateway(`binds:
  - port: 3000
    listeners: [{ routes: [{ backends: [{ host: "127.0.0.1:${nginx.port}" }] }] }]
`);
    closes.push(() => gateway.stop());
    port = Number(new URL(gateway.url).port);
  });
  after(async () => {
    for (const close of closes.reverse()) await close();
  });

  describe('serves a file', () => {
    test('as it does directly, whatever of it is asked for', async () => {
      const { headers } = await get(nginx.port, { path: '/text.txt' });
      const [etag, modified] = [String(headers.etag), String(headers['last-modified'])];
      const asked: Record<string, string>[] = [
        {},
        { range: 'bytes=0-9' },
        { range: 'bytes=-5' },
        { range: 'bytes=10-19,30-39' },
        { range: 'bytes=999999-' },
        { range: 'bytes=0-9', 'if-range': etag },
        { range: 'bytes=0-9', 'if-range': '"other"' },
        { 'if-none-match': etag },
        { 'if-none-match': '"other"' },
        { 'if-modified-since': modified },
        { 'if-match': '"other"' },
        { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
        { 'accept-encoding': 'gzip' },
        { 'accept-encoding': 'gzip', range: 'bytes=0-9' },
      ];
      for (const method of ['GET', 'HEAD'])
        for (const path of ['/text.txt', '/empty', '/missing', '/folder'])
          for (const each of asked) {
            const [direct, through] = [
              await whole(nginx.port, { method, path, headers: each }),
              await whole(port, { method, path, headers: each }),
            ];
            assert.deepEqual(through, direct, `${method} ${path} ${JSON.stringify(each)}`);
          }
    });

    test('large, to many at a time, without a byte missing', async () => {
      const all = await Promise.all(Array.from({ length: 6 }, () => whole(port, { path: '/large.bin' })));
      for (const { body } of all) assert.equal(body, sha(LARGE));
    });
  });

  describe('keeps connections and ends them', () => {
    for (const limit of ['1', '2', '7'])
      test(`after ${limit} requests, announced: nothing fails, POST included`, async () => {
        const method = (at: number): string => (at % 2 === 0 ? 'GET' : 'POST');
        const failed = await under({ lanes: 8, each: 60 }, (at) =>
          get(port, { method: method(at), path: `/limit-${limit}`, body: method(at) === 'POST' ? 'x' : '' }),
        );
        assert.deepEqual(failed, []);
      });

    test('after a while, unannounced: no GET fails', async () => {
      const failed = await under({ lanes: 8, each: 25 }, async (at) => {
        // Around the time after which nginx closes: the connection goes away while the request is on its way.
        await new Promise((resolve) => setTimeout(resolve, 45 + (at % 10)));
        return get(port, { path: '/brief' });
      });
      assert.deepEqual(failed, []);
    });

    test('after each reply, because it does not keep any', async () => {
      const failed = await under({ lanes: 4, each: 25 }, () => get(port, { path: '/never' }));
      assert.deepEqual(failed, []);
    });

    test('under a reload, with requests under way: no GET fails', async () => {
      let reloading = true;
      const failed = under({ lanes: 8, each: 100_000, until: () => !reloading }, () =>
        get(port, { path: '/ok' }),
      );
      const large = whole(port, { path: '/large.bin' });
      for (let reloads = 0; reloads < 5; reloads += 1) await nginx.reload();
      assert.equal((await large).body, sha(LARGE));
      reloading = false;
      assert.deepEqual(await failed, []);
    });

    test('without an answer: a GET is tried twice, a POST is not, and both learn why', async () => {
      for (const [method, tries] of [
        ['GET', 2],
        ['POST', 1],
      ] as const) {
        const before = hangUps(nginx);
        const { status, body } = await get(port, { method, path: '/hang-up' });
        assert.deepEqual([status, JSON.parse(body).error.code], [502, 'UPSTREAM_CLOSED']);
        assert.equal(hangUps(nginx) - before, tries, method);
      }
    });

    test('with a worker that is killed: what it was sending breaks off, the next request is served', async () => {
      const outgoing = request({ host: '127.0.0.1', port, path: '/slow.bin', agent: false }).end();
      outgoing.on('error', () => undefined);
      const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
      const broken = assert.rejects(collect(reply), /aborted|ECONNRESET/);
      process.kill(Number(reply.headers['x-worker']), 'SIGKILL');
      await broken;
      assert.equal((await get(port, { path: '/ok' })).status, 200);
    });
  });

  describe('takes uploads', () => {
    for (const path of ['/upload', '/upload-held'])
      for (const coding of ['length', 'chunked'])
        test(`of 32 MiB at ${path}, by ${coding}`, async () => {
          const headers: Record<string, string> =
            coding === 'length'
              ? { 'content-length': String(LARGE.length) }
              : { 'transfer-encoding': 'chunked' };
          const { status, body } = await get(port, { method: 'PUT', path, headers, body: LARGE });
          assert.equal(status, 200);
          const [size, digest] = body.split(' ');
          assert.deepEqual([size, digest], [String(LARGE.length), sha(LARGE)]);
        });

    test('or refuses them before they have come: the client learns that', async () => {
      for (let tries = 0; tries < 10; tries += 1) {
        const outgoing = request({ host: '127.0.0.1', port, method: 'PUT', path: '/small', agent: false });
        // Further writes fail once the connection has been closed.
        outgoing.on('error', () => undefined).end(LARGE);
        const response = once(outgoing, 'response') as Promise<[IncomingMessage]>;
        const [{ statusCode }] = await response.catch((error: Error) =>
          assert.fail(`${error.message}\n${gateway.tail()}`),
        );
        assert.equal(statusCode, 413, gateway.tail());
      }
      assert.equal((await get(port, { path: '/ok' })).status, 200);
    });
  });
});

const site =
  (behind: string): NginxHttp =>
  ({ port, folder }) =>
    `
    types { text/plain txt; application/octet-stream bin; }
    default_type text/html;
    client_max_body_size 0;
    server {
      listen 127.0.0.1:${port};
      root ${folder}/files;
      gzip on;
      gzip_types text/plain;
      location = /slow.bin { alias ${folder}/files/large.bin; limit_rate 1m; add_header X-Worker $pid; }
      location = /ok { return 200 ok; }
      location = /never { keepalive_timeout 0; return 200 ok; }
      location = /brief { keepalive_timeout 50ms; return 200 ok; }
      location = /limit-1 { keepalive_requests 1; return 200 ok; }
      location = /limit-2 { keepalive_requests 2; return 200 ok; }
      location = /limit-7 { keepalive_requests 7; return 200 ok; }
      location = /hang-up { access_log ${folder}/hang-ups.log; return 444; }
      location = /small { client_max_body_size 1k; proxy_pass http://${behind}; }
      location = /upload-held { proxy_pass http://${behind}; }
      location = /upload {
        proxy_request_buffering off;
        proxy_http_version 1.1;
        proxy_pass http://${behind};
      }
    }`;

async function fill(folder: string): Promise<void> {
  await mkdir(join(folder, 'files', 'folder'), { recursive: true });
  await writeFile(join(folder, 'files', 'text.txt'), TEXT);
  await writeFile(join(folder, 'files', 'empty'), '');
  await writeFile(join(folder, 'files', 'large.bin'), LARGE);
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
}

/** A reply but for what is of its moment or its connection; the body as its hash. */
async function whole(port: number, { method = 'GET', path, headers = {} }: Asked) {
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }).end();
  const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
  const body = await collect(reply);
  const { date, connection, 'keep-alive': kept, 'transfer-encoding': coding, ...rest } = reply.headers;
  // nginx does not know it beforehand; the gateway does where the body has come whole.
  if (rest['content-encoding'] === 'gzip') delete rest['content-length'];
  const boundary = /boundary=(\d+)/.exec(rest['content-type'] ?? '')?.[1] ?? 'none';
  const known = body.toString('latin1').replaceAll(boundary, 'boundary');
  const type = rest['content-type']?.replace(boundary, 'boundary');
  return {
    status: reply.statusCode,
    headers: { ...rest, 'content-type': type },
    body: sha(Buffer.from(known, 'latin1')),
  };
}

interface Load {
  readonly lanes: number;
  readonly each: number;
  readonly until?: () => boolean;
}

/** Asks again and again; what was not answered 200. */
async function under(
  { lanes, each, until = () => false }: Load,
  ask: (at: number) => Promise<{ status: number; body: string }>,
): Promise<string[]> {
  const failed: string[] = [];
  const lane = async (first: number): Promise<void> => {
    for (let at = first; at < first + each && !until(); at += 1) {
      const { status, body } = await ask(at).catch((error: Error) => ({ status: 0, body: error.message }));
      if (status !== 200) failed.push(`${status} ${body}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, at) => lane(at)));
  return failed;
}

/** How often it closed a connection in place of an answer. */
function hangUps({ folder }: NginxProcess): number {
  return readFileSync(join(folder, 'hang-ups.log'), 'utf8').split('\n').length - 1;
}
