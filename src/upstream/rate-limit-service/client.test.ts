import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type RateLimitServer, startRateLimitServer } from '../../../test/fixtures/rate-limit-server.ts';
import { type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import type { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { RateLimitClient } from './client.ts';
import { rateLimitService } from './protocol.ts';
import { CODE, type RateLimitRequest, UNITS } from './question.ts';

const request: RateLimitRequest = {
  domain: 'agentgateway',
  descriptors: [
    {
      entries: [
        { key: 'user', value: 'alice' },
        { key: 'tool', value: 'écho' },
      ],
      limit: { requestsPerUnit: 100, unit: UNITS.minute },
      hitsAddend: { value: 5n },
    },
  ],
};

/** Made with other people's types for the same protocol (envoy_data_plane for Python), so that a wrong number shows. */
const REQUEST =
  '0a0c6167656e746761746577617912280a0d0a04757365721205616c6963650a0d0a04746f6f6c1205c3a963686f1204086410021a020805';
const RESPONSE =
  '08021217080212071a016e0807100218032208080c1080cab5ee011a080a03782d611201311a0c0a05782d7261771a0372617722080a03782d621201322a08746f6f206d756368';

test('messages are those of the protocol, byte for byte', () => {
  const { input, output } = rateLimitService().method.shouldRateLimit;
  assert.equal(Buffer.from(toBinary(input, create(input, { ...request }))).toString('hex'), REQUEST);
  const said = JSON.parse(
    JSON.stringify(
      fromBinary(output, Uint8Array.from(Buffer.from(RESPONSE, 'hex'))),
      (key, value: unknown) => {
        if (key === '$typeName') return undefined;
        if (typeof value === 'bigint') return String(value);
        return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
      },
    ),
  );
  assert.deepEqual(said, {
    overallCode: CODE.overLimit,
    statuses: [
      {
        code: CODE.overLimit,
        currentLimit: { name: 'n', requestsPerUnit: 7, unit: UNITS.minute },
        limitRemaining: 3,
        durationUntilReset: { seconds: '12', nanos: 500_000_000 },
      },
    ],
    responseHeadersToAdd: [
      { key: 'x-a', value: '1', rawValue: '' },
      { key: 'x-raw', value: '', rawValue: 'raw' },
    ],
    requestHeadersToAdd: [{ key: 'x-b', value: '2', rawValue: '' }],
    rawBody: 'too much',
  });
});

describe('a client of a rate limit service', () => {
  let server: RateLimitServer;
  let client: RateLimitClient;
  let ports: TestPorts;
  beforeEach(async () => {
    ports = testPorts();
    server = await startRateLimitServer();
    client = new RateLimitClient({ url: `http://${server.host}`, clock: ports.clock });
  });
  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  const failure = (asking: Promise<unknown>) =>
    asking.then(
      () => assert.fail('there was an answer'),
      (error: GatewayError) => {
        assert.equal(error.code, 'LIMITS_UNAVAILABLE');
        assert.doesNotMatch(error.message, /127\.0\.0\.1/);
        return String(error.cause);
      },
    );

  test('asks over gRPC and hands back what the service says', async () => {
    server.answer = () => ({ over: true, body: 'too much', responseHeaders: { 'x-a': '1' } });
    const response = await client.ask(request, 5000);
    assert.equal(response.overallCode, CODE.overLimit);
    assert.equal(Buffer.from(response.rawBody).toString(), 'too much');
    assert.deepEqual(server.asked, ['agentgateway user=alice,tool=écho +5 limit 100/2']);
  });

  test('gives up when the time is over, and when the service fails', async () => {
    let release = (): void => {};
    server.answer = () =>
      new Promise((resolve) => {
        release = () => resolve({});
      });
    assert.match(await failure(client.ask(request, 50)), /deadline/);
    release();
    server.answer = () => {
      throw new Error('broken');
    };
    assert.match(await failure(client.ask(request, 5000)), /internal/);
  });

  test('connects again when the service comes back', async () => {
    await client.ask(request, 5000);
    const port = Number(server.host.split(':')[1]);
    await server.stop();
    await failure(client.ask(request, 5000));
    server = await startRateLimitServer(port);
    assert.equal((await client.ask(request, 5000)).overallCode, CODE.ok);
  });

  test('holds no more questions than a limit says, and none after the end', async () => {
    const waiting: (() => void)[] = [];
    server.answer = () => new Promise((resolve) => waiting.push(() => resolve({})));
    const crowd = Array.from({ length: LIMITS.rateLimitQuestions.value }, () => client.ask(request, 60_000));
    assert.match(await failure(client.ask(request, 5000)), /too many/);
    for (const one of crowd) one.catch(() => undefined);
    await client.close();
    await Promise.allSettled(crowd);
    assert.match(await failure(client.ask(request, 5000)), /no longer in use/);
  });

  test('outlives a service that takes its leave while it is asked', async () => {
    for (let times = 0; times < 5; times += 1) {
      await client.ask(request, 5000);
      const port = Number(server.host.split(':')[1]);
      const stopped = server.stop();
      await Promise.allSettled(Array.from({ length: 20 }, () => client.ask(request, 5000)));
      await stopped;
      server = await startRateLimitServer(port);
    }
    assert.equal((await client.ask(request, 5000)).overallCode, CODE.ok);
  });

  test('connects anew where a connection was cut without a word', async (t) => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    const patient = new RateLimitClient({ url: `http://127.0.0.1:${port}`, clock: ports.clock });
    t.after(() => patient.close());
    const ask = () => failure(patient.ask(request, 100));
    await ask();
    await ports.clock.advance(LIMITS.rateLimitPing.value);
    await ask();
    assert.equal(sockets.length, 1);
    await ports.clock.advance(LIMITS.rateLimitPing.value);
    await ask();
    assert.equal(sockets.length, 2);
  });
});
