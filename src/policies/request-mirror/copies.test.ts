import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { LIMITS } from '../../core/limits.ts';
import { Flow } from '../../lib/flow.ts';
import type { UpstreamReply, UpstreamRequest } from '../../upstream/http.ts';
import { Copies } from './copies.ts';

function world() {
  const ports = testPorts();
  const sent: UpstreamRequest[] = [];
  const answers: (() => void)[] = [];
  const upstream = {
    request: (request: UpstreamRequest) =>
      new Promise<UpstreamReply>((resolve, reject) => {
        sent.push(request);
        answers.push(() => resolve({ status: 500, headers: [], body: Flow.of('thrown away') }));
        request.cancel?.onCancel(reject);
      }),
  };
  const copies = new Copies({ origin: 'http://mirror.example', upstream, ports });
  const copy = (body?: PassThrough | Buffer, headers: readonly string[] = []): void =>
    copies.copy({ method: 'POST', path: '/a', headers, body });
  return { ports, sent, answers, copies, copy };
}

test('a body is copied as its reader takes it, and sent when it is whole', async () => {
  const { copy, sent, answers, ports } = world();
  const body = new PassThrough();
  copy(body, ['host', 'a.example', 'x-a', '1', 'content-length', '6']);
  body.write('abc');
  await settled();
  assert.equal(body.readableFlowing, null, 'nobody has begun to read it');
  const read: string[] = [];
  body.on('data', (chunk: Buffer) => read.push(chunk.toString()));
  body.end('def');
  await once(body, 'end');
  await settled();
  assert.deepEqual(read, ['abc', 'def']);
  assert.deepEqual([String(sent[0]?.body), sent[0]?.headers], ['abcdef', ['x-a', '1']]);
  answers[0]?.();
  await settled();
  assert.deepEqual(ports.counted, ['http_mirrored_total sent']);
  assert.equal(ports.clock.waiting, 0);
});

test('what is too large is left out, told or found out', async () => {
  const { copy, sent, ports } = world();
  const most = LIMITS.mirroredBody.value;
  copy(Buffer.alloc(most + 1));
  copy(new PassThrough(), ['content-length', String(most + 1)]);
  const body = new PassThrough();
  copy(body);
  body.on('data', () => {});
  body.end(Buffer.alloc(most + 1));
  await once(body, 'end');
  await settled();
  assert.deepEqual(sent, []);
  assert.deepEqual(ports.counted, Array(3).fill('http_mirrored_total too_large'));
  assert.equal(ports.clock.waiting, 0);
});

test('a body that nobody has read has no copy', async () => {
  const { copy, sent, ports } = world();
  const body = new PassThrough();
  copy(body);
  body.end('abc');
  body.resume();
  await once(body, 'end');
  await settled();
  assert.deepEqual([sent, ports.counted, ports.clock.waiting], [[], [], 0]);
});

test('a request that is broken off has no copy', async () => {
  const { copy, sent, ports } = world();
  const body = new PassThrough();
  copy(body);
  body.on('data', () => {});
  body.write('abc');
  await settled();
  body.destroy();
  await settled();
  assert.deepEqual([sent, ports.counted, ports.clock.waiting], [[], [], 0]);
});

test('only so many are under way at once', async () => {
  const { copy, sent, answers, ports } = world();
  const most = LIMITS.mirrored.value;
  for (let count = 0; count <= most; count += 1) copy(Buffer.from('a'));
  assert.equal(sent.length, most);
  assert.deepEqual(ports.counted, ['http_mirrored_total too_many']);
  answers[0]?.();
  await settled();
  copy(Buffer.from('a'));
  assert.equal(sent.length, most + 1);
});

test('one that takes too long is given up, and all at the end of their owner', async () => {
  const { copy, sent, copies, ports } = world();
  copy(Buffer.from('a'));
  await ports.clock.advance(LIMITS.mirrorTime.value);
  await settled();
  assert.deepEqual(ports.counted, ['http_mirrored_total failed']);
  copy();
  const body = new PassThrough();
  copy(body);
  copies.close();
  await settled();
  assert.equal(ports.counted.length, 3);
  body.on('data', () => {});
  body.end('late');
  await once(body, 'end');
  await settled();
  assert.equal(sent.length, 2, 'the late one is not sent');
  assert.equal(ports.clock.waiting, 0);
  assert.equal(ports.logged.filter(({ level }) => level === 'warn').length, 1, 'once aloud');
});
