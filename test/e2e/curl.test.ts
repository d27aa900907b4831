// needs: curl, openssl
/** curl as a client of the gateway: each version of HTTP, uploads that wait, ranges, codings, connections kept. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Authority } from '../fixtures/certificates.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { freePort, run } from '../fixtures/programs.ts';
import { closing, collect, listening } from './http-harness.ts';

const LARGE = randomBytes(8 * 1024 * 1024);
const TEXT = 'text that is compressed\n'.repeat(1000);
const DEADLINE = 30_000;
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('curl', { timeout: 120_000 }, () => {
  const authority = new Authority();
  let folder: string;
  let gateway: GatewayProcess;
  let plain: string;
  let secure: string;
  const closes: (() => Promise<unknown>)[] = [async () => authority.remove()];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'curl-'));
    closes.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'large'), LARGE);
    const upstream = createServer(async (incoming, reply) => {
      const body = await collect(incoming);
      const { range, 'accept-encoding': accepted = '', 'content-length': length } = incoming.headers;
      if (incoming.url === '/text' && accepted.includes('gzip'))
        reply.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(TEXT));
      else if (incoming.url === '/large' && range) {
        const [from = 0, to = 0] = range.replace('bytes=', '').split('-').map(Number);
        const headers = { 'content-range': `bytes ${from}-${to}/${LARGE.length}` };
        reply.writeHead(206, headers).end(LARGE.subarray(from, to + 1));
      } else if (incoming.url === '/large') reply.end(LARGE);
      else reply.end(`${incoming.method} ${body.length} ${length} ${sha(body)}`);
    });
    const host = `127.0.0.1:${await listening(upstream)}`;
    closes.push(() => closing(upstream));
    const { cert, key } = authority.issue('localhost');
    const port = await freePort();
    const routes = `routes: [{ backends: [{ host: "${host}" }] }]`;
    gateway = await startGateway(`binds:
  - port: 3000
    listeners: [{ ${routes} }]
  - port: ${port}
    listeners: [{ protocol: HTTPS, tls: { cert: ${cert}, key: ${key} }, ${routes} }]
`);
    closes.push(() => gateway.stop());
    plain = new URL(gateway.url).origin;
    secure = `https://localhost:${port}`;
  });
  after(async () => {
    for (const close of closes.reverse()) await close();
  });

  async function curl(...args: string[]): Promise<string> {
    const { code, output } = await run('curl', ['-sS', '--cacert', authority.root, ...args], {
      deadline: DEADLINE,
    });
    assert.equal(code, 0, `${args.join(' ')}: ${output}`);
    return output;
  }

  const WAYS: readonly (readonly [option: string, version: string, tls?: 'over TLS'])[] = [
    ['--http1.0', '1.1'],
    ['--http1.1', '1.1'],
    // The offer to upgrade is not taken: RFC 9113 dropped it.
    ['--http2', '1.1'],
    ['--http2-prior-knowledge', '2'],
    ['--http1.1', '1.1', 'over TLS'],
    ['--http2', '2', 'over TLS'],
  ];
  for (const [option, version, tls = ''] of WAYS) {
    test(`${option} ${tls}: gets, uploads, asks for parts and for codings`, async () => {
      const at = (path: string): string => `${tls ? secure : plain}${path}`;
      const written = await curl(
        option,
        '-o',
        join(folder, 'got'),
        '-w',
        '%{http_version} %{http_code}',
        at('/large'),
      );
      assert.equal(written, `${version} 200`);
      assert.equal(sha(await readFile(join(folder, 'got'))), sha(LARGE));
      assert.equal(await curl(option, at('/x')), `GET 0 undefined ${sha(Buffer.alloc(0))}`);
      assert.match(await curl(option, '-I', at('/x')), /^HTTP\/[12.]+ 200/);
      // Of this size curl waits to be asked for it.
      assert.equal(
        await curl(option, '-T', join(folder, 'large'), at('/x')),
        `PUT ${LARGE.length} ${LARGE.length} ${sha(LARGE)}`,
      );
      assert.match(await curl(option, '-d', 'a=b', at('/x')), /^POST 3 3 /);
      const part = join(folder, 'part');
      assert.equal(
        await curl(option, '-r', '100-199', '-w', '%{http_code}', '-o', part, at('/large')),
        '206',
      );
      assert.deepEqual(await readFile(part), LARGE.subarray(100, 200));
      assert.equal(await curl(option, '--compressed', at('/text')), TEXT);
    });
  }

  test('an upload of unknown length arrives whole, over either version', async () => {
    for (const option of ['--http1.1', '--http2-prior-knowledge']) {
      const script = `cat ${join(folder, 'large')} | curl -sS ${option} -T - ${plain}/x`;
      const { output } = await run('sh', ['-c', script], { deadline: DEADLINE });
      assert.equal(output, `PUT ${LARGE.length} undefined ${sha(LARGE)}`);
    }
  });

  test('several requests use one connection', async () => {
    for (const [option, where] of [
      ['--http1.1', plain],
      // Not without TLS: curl 7.88 cannot use such a connection again, of whatever server.
      ['--http2', secure],
    ] as const) {
      const each = ['-o', '/dev/null', `${where}/x`];
      const made = await curl(option, '-w', '%{num_connects} ', ...each, ...each, ...each);
      assert.equal(made, '1 0 0 ', option);
    }
  });
});
