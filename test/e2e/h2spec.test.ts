// needs: openssl
/**
 * Conformance of HTTP/2 by h2spec: the gateway with and without TLS, and node's own server beside it, because framing is
 * nghttp2's business. What fails stands here with its reason; an entry that does not fail any more has to go.
 */
import assert from 'node:assert/strict';
import { createServer as createHttp1Server } from 'node:http';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Authority } from '../fixtures/certificates.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { type H2specPlace, h2spec, provideH2spec } from '../fixtures/h2spec.ts';
import { freePort } from '../fixtures/programs.ts';
import { closing, listening } from './http-harness.ts';

/** Of nghttp2, as node has it: these fail against node's own server too. */
const OF_NODE: Readonly<Record<string, string>> = {
  'http2/5.1: closed: Sends a DATA frame after sending RST_STREAM frame': 'ignored',
  'http2/5.1: closed: Sends a HEADERS frame after sending RST_STREAM frame': 'ignored',
  'http2/5.1: closed: Sends a DATA frame': 'ignored',
  'http2/5.1: closed: Sends a HEADERS frame': 'ignored',
  'http2/5.1.1: Sends stream identifier that is numerically smaller than previous': 'ignored',
  'http2/6.7: Sends a PING frame with ACK': 'node closes the connection: nobody has sent such a ping',
};

/** By what changed in nghttp2 between the two. */
const OF_NODE_20: typeof OF_NODE = {
  'http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1':
    'the connection is ended, with another code',
};
const SINCE_NODE_22: typeof OF_NODE = {
  'http2/5.3.1: Sends PRIORITY frame that depend on itself': 'no longer read: RFC 9113 5.3.2 deprecates it',
  'http2/6.3: Sends a PRIORITY frame with 0x0 stream identifier': 'no longer read',
  'http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream':
    'the connection is ended instead of the stream',
};

/** Of the gateway without TLS. */
const OURS: Readonly<Record<string, string>> = {
  'http2/3.5: Sends invalid connection preface':
    'the port serves HTTP/1.1 as well: what is no preface is answered 400 by that, and the connection closed',
};

const suite = await provideH2spec();
const skip = 'reason' in suite ? suite.reason : false;
const command = 'command' in suite ? suite.command : '';
const major = Number(process.versions.node.split('.')[0]);
const knownOfNode = Object.keys({ ...OF_NODE, ...(major < 22 ? OF_NODE_20 : SINCE_NODE_22) });

test('HTTP/2 conforms as far as node does, with and without TLS', { skip, timeout: 170_000 }, async (t) => {
  const [ports, bare] = [await startBehind(t), await startNode(t)];
  await Promise.all([
    fails({ port: bare }, knownOfNode),
    fails({ port: ports.secure, tls: true }, knownOfNode),
    fails({ port: ports.plain }, [...knownOfNode, ...Object.keys(OURS)]),
  ]);
});

/** Exactly these. What fails once and not again, because of the suite's own deadlines, is no finding. */
async function fails(place: H2specPlace, known: readonly string[]): Promise<void> {
  const expected = [...known].sort();
  const first = await h2spec(command, place);
  if (isDeepStrictEqual(first.failed, expected)) return;
  const second = await h2spec(command, place);
  const twice = first.failed.filter((each) => second.failed.includes(each));
  assert.deepEqual(twice, expected, `${second.output}\n${twice.join('\n')}`);
}

/** A gateway before a server that answers once it has read everything. */
async function startBehind(t: TestContext): Promise<{ plain: number; secure: number }> {
  const upstream = createHttp1Server((request, reply) => {
    request.resume().on('end', () => reply.end('hello'));
  });
  const host = `127.0.0.1:${await listening(upstream)}`;
  t.after(() => closing(upstream));
  const authority = new Authority();
  t.after(() => authority.remove());
  const { cert, key } = authority.issue('localhost');
  const secure = await freePort();
  const routes = `routes: [{ backends: [{ host: "${host}" }] }]`;
  const gateway = await startGateway(`binds:
  - port: 3000
    listeners: [{ ${routes} }]
  - port: ${secure}
    listeners: [{ protocol: HTTPS, tls: { cert: ${cert}, key: ${key} }, ${routes} }]
`);
  t.after(() => gateway.stop());
  return { plain: Number(new URL(gateway.url).port), secure };
}

async function startNode(t: TestContext): Promise<number> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer((request, reply) => {
    request.on('error', () => undefined);
    request.resume().on('end', () => reply.end('hello'));
  });
  server.on('sessionError', () => undefined).on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
