// needs: redis-server
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { NO_REDIS, type RedisProcess, startRedis } from '../../test/fixtures/redis.ts';
import { testPorts } from '../../test/fixtures/test-ports.ts';
import type { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { systemClock } from '../core/ports.ts';
import { type BucketSettings, Buckets } from './buckets.ts';
import { RedisConnection } from './redis.ts';
import { redisAddress } from './redis-address.ts';
import { SharedBuckets, type SharedBucketsOptions } from './shared-buckets.ts';

const HOUR = 3_600_000;
const settings: BucketSettings = { maxTokens: 3, tokensPerFill: 2, fillMs: HOUR };

describe('buckets in a Redis', { skip: NO_REDIS }, () => {
  let redis: RedisProcess;
  const connections: RedisConnection[] = [];
  let limits = 0;
  before(async () => {
    redis = await startRedis('hunter2');
  });
  after(() => redis.stop());
  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.close();
  });

  function connect(url = redis.url) {
    const ports = { ...testPorts(), clock: systemClock };
    const address = redisAddress(url);
    const connection = new RedisConnection({ address: () => address, ports, policy: 'limit' });
    connections.push(connection);
    return { connection, ports };
  }

  /** One limit; each of `gateways` has its own connection. */
  function shared(more: Partial<SharedBucketsOptions> = {}, gateways = 1): SharedBuckets[] {
    limits += 1;
    return Array.from({ length: gateways }, () => {
      const { connection } = connect();
      const options = {
        connection,
        settings,
        prefix: `test:${limits}:`,
        timeoutMs: 5000,
        local: undefined,
        ...more,
      };
      return new SharedBuckets(options);
    });
  }

  const codeOf = (take: Promise<unknown>) =>
    take.then(
      () => 'taken',
      (error: GatewayError) => error.code,
    );

  test('count as those in memory do, for several gateways together', async () => {
    const [one, other] = shared({}, 2) as [SharedBuckets, SharedBuckets];
    const { resetMs, ...first } = await one.take('a', 1);
    assert.deepEqual(first, { allowed: true, limit: 3, remaining: 2, retryMs: 0 });
    assert.ok(resetMs > HOUR - 60_000 && resetMs <= HOUR);
    assert.equal((await other.take('a', 1)).remaining, 1);
    assert.equal((await one.take('a', 1)).allowed, true);
    const refused = await other.take('a', 3);
    assert.equal(refused.allowed, false);
    assert.ok(
      (refused.retryMs as number) > HOUR && (refused.retryMs as number) <= 2 * HOUR,
      'after two fills',
    );
    assert.equal((await other.take('b', 3)).allowed, true, 'another key');
    assert.equal((await other.take('b', 4)).retryMs, undefined, 'more than there ever is');
  });

  test('are filled in whole intervals by the clock of the server', async () => {
    const [buckets] = shared({ settings: { maxTokens: 4, tokensPerFill: 2, fillMs: 1000 } }) as [
      SharedBuckets,
    ];
    assert.equal((await buckets.take('a', 4)).allowed, true);
    let refused = await buckets.take('a', 3);
    assert.ok(refused.retryMs !== undefined && refused.retryMs > 1000 && refused.retryMs <= 2000);
    await new Promise((resolve) => setTimeout(resolve, refused.resetMs));
    refused = await buckets.take('a', 3);
    assert.equal(refused.allowed, false);
    assert.equal(refused.remaining, 2);
    assert.equal((await buckets.take('a', 2)).allowed, true);
  });

  test('no race gives anybody more', async () => {
    const gateways = shared({ settings: { maxTokens: 50, tokensPerFill: 1, fillMs: HOUR } }, 4);
    const takes = await Promise.all(
      Array.from({ length: 200 }, (_, index) => (gateways[index % 4] as SharedBuckets).take('a', 1)),
    );
    assert.equal(takes.filter(({ allowed }) => allowed).length, 50);
  });

  test('what is given back can be taken again', async () => {
    const [buckets] = shared() as [SharedBuckets];
    await buckets.take('a', 3);
    buckets.giveBack('a', 2);
    assert.equal((await buckets.take('a', 2)).allowed, true);
    assert.equal((await buckets.take('a', 1)).allowed, false);
  });

  test('a Redis that is killed and comes back is found again, and until then nobody is let through', async () => {
    const { connection, ports } = connect();
    const [buckets] = shared({ connection }) as [SharedBuckets];
    assert.equal((await buckets.take('a', 1)).allowed, true);
    const underWay = Array.from({ length: 20 }, () => codeOf(buckets.take('a', 0)));
    await redis.kill();
    for (const code of await Promise.all(underWay)) assert.match(code, /^(?:taken|OVERLOADED)$/);
    assert.equal(await codeOf(buckets.take('a', 1)), 'OVERLOADED');
    await redis.restart();
    while ((await codeOf(buckets.take('a', 0))) !== 'taken')
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await buckets.take('a', 1)).allowed, true);
    const said = JSON.stringify(ports.logged);
    assert.match(said, /no connection to Redis.*connected to Redis again/);
    assert.doesNotMatch(said, /hunter2/);
  });

  test('without Redis the gateway counts alone where that was asked for', async () => {
    const { connection } = connect('redis://127.0.0.1:1');
    const local = new Buckets({ settings, maxKeys: 10, clock: systemClock });
    const [buckets] = shared({ connection, local }) as [SharedBuckets];
    const takes = [await buckets.take('a', 2), await buckets.take('a', 2)];
    assert.deepEqual(
      takes.map(({ allowed }) => allowed),
      [true, false],
    );
  });

  test('a Redis that hangs is waited for as long as was said, and not by everybody', async () => {
    const { connection } = connect();
    const [buckets] = shared({ connection, timeoutMs: 50 }) as [SharedBuckets];
    const [patient] = shared({ connection }) as [SharedBuckets];
    assert.equal((await patient.take('a', 1)).allowed, true);
    redis.freeze();
    try {
      assert.equal(await codeOf(buckets.take('a', 1)), 'OVERLOADED');
      const crowd = Array.from({ length: LIMITS.redisCommands.value }, () => codeOf(patient.take('a', 0)));
      await assert.rejects(patient.take('a', 0), /too many questions/);
      redis.thaw();
      assert.ok((await Promise.all(crowd)).includes('taken'));
    } finally {
      redis.thaw();
    }
  });

  test('a wrong password is an outage whose log does not show it', async () => {
    const { connection, ports } = connect(redis.url.replace('hunter2', 'hunter3'));
    const [buckets] = shared({ connection }) as [SharedBuckets];
    assert.equal(await codeOf(buckets.take('a', 1)), 'OVERLOADED');
    assert.match(JSON.stringify(ports.logged), /no connection to Redis/);
    assert.doesNotMatch(JSON.stringify(ports.logged), /hunter3/);
  });

  test('a password that was changed counts from the next connection on', { timeout: 20_000 }, async () => {
    let address = redisAddress(redis.url.replace('hunter2', 'hunter3'));
    const ports = { ...testPorts(), clock: systemClock };
    const connection = new RedisConnection({ address: () => address, ports, policy: 'limit' });
    connections.push(connection);
    const [buckets] = shared({ connection }) as [SharedBuckets];
    assert.equal(await codeOf(buckets.take('a', 1)), 'OVERLOADED');
    address = redisAddress(redis.url);
    while ((await codeOf(buckets.take('a', 1))) !== 'taken')
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(JSON.stringify(ports.logged), /connected to Redis again/);
  });

  test('a database that there is not is an outage, not another database', async () => {
    const { connection, ports } = connect(`${redis.url}/99`);
    const [buckets] = shared({ connection }) as [SharedBuckets];
    for (let times = 0; times < 3; times += 1) {
      assert.equal(await codeOf(buckets.take('a', 1)), 'OVERLOADED');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const local = new Buckets({ settings, maxKeys: 10, clock: systemClock });
    const [open] = shared({ connection, local }) as [SharedBuckets];
    assert.equal((await open.take('a', 1)).remaining, 2);
    assert.equal(ports.logged.length, 1);
    const said = JSON.stringify(ports.logged);
    assert.match(said, /no connection to Redis/);
    assert.match(said, /"policy":"limit"/);
    assert.match(said, /127\.0\.0\.1:\d+\/99/);
    assert.match(said, /database cannot be used.*out of range/);
    assert.doesNotMatch(said, /hunter2/);
  });

  test('buckets of two databases are not the same', async () => {
    const prefix = 'test:databases:';
    const [one] = shared({ prefix, connection: connect(`${redis.url}/1`).connection }) as [SharedBuckets];
    const [other] = shared({ prefix, connection: connect(`${redis.url}/2`).connection }) as [SharedBuckets];
    assert.equal((await one.take('a', 3)).allowed, true);
    assert.equal((await other.take('a', 3)).allowed, true);
    assert.equal((await one.take('a', 1)).allowed, false);
  });

  test('whoever asks after the end gets no new connection', async () => {
    const { connection } = connect();
    const [buckets] = shared({ connection }) as [SharedBuckets];
    await connection.close();
    assert.equal(await codeOf(buckets.take('a', 1)), 'OVERLOADED');
  });
});

/** Whatever comes by: `uncaughtException` and `unhandledRejection` would fail these tests too. */
describe('what listens where Redis should', () => {
  const GARBAGE: readonly [string, (socket: Socket) => unknown][] = [
    ['speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['speaks before it is asked', (socket) => socket.write('SSH-2.0-x\r\n')],
    ['greets as Redis would answer', (socket) => socket.write('+OK\r\n+OK\r\n+OK\r\n')],
    ['answers with bytes', (socket) => socket.on('data', () => socket.write(Buffer.alloc(64, 0xff)))],
    ['says yes to everything', (socket) => answerEach(socket, '+OK\r\n')],
    ['answers with numbers', (socket) => answerEach(socket, ':1\r\n')],
    ['answers with nothing', (socket) => answerEach(socket, '$-1\r\n')],
    ['knows no command', (socket) => answerEach(socket, '-ERR unknown command\r\n')],
    ['hangs up', (socket) => socket.destroy()],
    ['hangs up when it is asked', (socket) => socket.on('data', () => socket.destroy())],
  ];
  for (const [what, serve] of GARBAGE)
    test(`${what}: an outage`, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        serve(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const address = redisAddress(`redis://:hunter2@127.0.0.1:${port}/3`);
      const ports = { ...testPorts(), clock: systemClock };
      const connection = new RedisConnection({ address: () => address, ports, policy: 'limit' });
      const options = { connection, settings, prefix: 'test:', timeoutMs: 300 };
      const closed = new SharedBuckets({ ...options, local: undefined });
      const local = new Buckets({ settings, maxKeys: 10, clock: systemClock });
      const open = new SharedBuckets({ ...options, local });
      try {
        for (let times = 0; times < 2; times += 1) {
          await assert.rejects(closed.take('a', 1), { code: 'OVERLOADED' });
          assert.equal((await open.take('a', 1)).remaining, 2 - times);
          await new Promise((resolve) => setTimeout(resolve, 60));
        }
        assert.doesNotMatch(JSON.stringify(ports.logged), /hunter2|report this/);
      } finally {
        await connection.close();
        server.close();
      }
    });
});

/** One answer for each command, which is a list. */
function answerEach(socket: Socket, answer: string): void {
  socket.on('data', (data) => {
    const commands = data.toString('latin1').match(/^\*\d+\r$/gm) ?? [];
    socket.write(answer.repeat(commands.length));
  });
}
