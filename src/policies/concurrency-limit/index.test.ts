import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type PolicyBench, policyBench, toolCall } from '../../../test/fixtures/policy-parts.ts';
import { replyOf, testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import { isTunnel } from '../../core/exchange.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Flow } from '../../lib/flow.ts';

const KEY = 'concurrencyLimit';
const host = { route: { backends: ['host'] } };
const mcp = { route: { backends: ['mcp'] } };
const headers: readonly string[] = [];

describe('concurrencyLimit before backends that are not MCP', () => {
  let bench: PolicyBench;
  beforeEach(() => {
    bench = policyBench(KEY);
  });
  afterEach(() => bench.close());

  /** Whether one more request is let in. */
  async function room(send: (exchange: Exchange) => Promise<Answer>): Promise<boolean> {
    try {
      await textOf(replyOf(await send(testExchange({ path: '/whole' }))));
      return true;
    } catch (error) {
      assert.equal((error as { code: string }).code, 'OVERLOADED');
      return false;
    }
  }

  /** `/whole` is answered at once, anything else by `answer`. */
  function limited(answer: () => Answer | Promise<Answer>, config: object = { maxCalls: 1 }) {
    const { exchange: layer } = bench.build(config, host);
    assert.ok(layer);
    return layer(async ({ path }) =>
      path === '/whole' ? { status: 200, headers, body: Flow.of('x') } : answer(),
    );
  }

  test('a request holds its slot until its reply has ended', async () => {
    const body = new Flow();
    const send = limited(() => ({ status: 200, headers, body }));
    const reply = replyOf(await send(testExchange({})));
    body.push(Buffer.from('a'));
    assert.equal(await room(send), false);
    const text = textOf(reply);
    body.push(Buffer.from('b'));
    body.end(['x-trailer', '1']);
    assert.equal(await text, 'ab');
    assert.equal(await room(send), true);
  });

  test('a reply that breaks off, that nobody wants, or that fails to come gives its slot back', async () => {
    const cancelled: Error[] = [];
    const source = { pause() {}, resume() {}, cancel: (reason: Error) => void cancelled.push(reason) };
    const bodies = [new Flow(source), new Flow(source)];
    const queue = [...bodies];
    const send = limited(() => {
      const body = queue.shift();
      if (!body) throw new Error('no answer');
      return { status: 200, headers, body };
    });
    const broken = replyOf(await send(testExchange({})));
    const failing = assert.rejects(textOf(broken), /broke off/);
    assert.equal(await room(send), false);
    bodies[0]?.fail(new Error('broke off'));
    await failing;
    assert.equal(await room(send), true);
    const unwanted = replyOf(await send(testExchange({})));
    assert.equal(await room(send), false);
    unwanted.body.cancel(new Error('gone'));
    assert.equal(cancelled.length, 1);
    assert.equal(await room(send), true);
    await assert.rejects(send(testExchange({})), /no answer/);
    assert.equal(await room(send), true);
  });

  test('a tunnel holds its slot until it is closed', async () => {
    const attached: Duplex[] = [];
    const send = limited(() => ({ status: 101, headers, attach: (client) => void attached.push(client) }));
    const open = async (client: Duplex) => {
      const answer = await send(testExchange({ upgrade: 'websocket' }));
      assert.ok(isTunnel(answer));
      answer.attach(client, Buffer.alloc(0));
    };
    const client = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    await open(client);
    assert.equal(attached[0], client);
    assert.equal(await room(send), false);
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.destroy();
    await closed;
    assert.equal(await room(send), true);
    await open(client);
    assert.equal(await room(send), true, 'one that was closed before it began');
  });

  test('a client that goes away while it waits leaves the line', async () => {
    const body = new Flow();
    const send = limited(() => ({ status: 200, headers, body }), { maxCalls: 1, maxWaiting: 1 });
    const first = replyOf(await send(testExchange({})));
    const waiting = testExchange({});
    const refused = assert.rejects(send(waiting), /went away/);
    waiting.cancel.cancel(new Error('went away'));
    await refused;
    const next = room(send);
    first.body.cancel(new Error('gone'));
    assert.equal(await next, true);
  });

  test('counts for each value of its key, and refuses who has none', async () => {
    const body = new Flow();
    const send = limited(() => ({ status: 200, headers, body }), {
      maxCalls: 1,
      key: 'request.headers["x-user"]',
    });
    const as = (user?: string) =>
      send(testExchange({ headers: user === undefined ? {} : { 'x-user': user } }));
    await as('a');
    await assert.rejects(as('a'), { code: 'OVERLOADED' });
    await assert.rejects(as(), { code: 'FORBIDDEN' });
  });
});

describe('concurrencyLimit before MCP calls', () => {
  const bench = policyBench(KEY);

  test('a call holds its slot until it is over', async () => {
    const { gate, exchange } = bench.build({ maxCalls: 1 }, mcp);
    assert.ok(gate && !exchange);
    const enter = async () => gate.enter(toolCall('a'), testExchange({}), new Cancel());
    const leave = await enter();
    await assert.rejects(enter, { code: 'OVERLOADED' });
    leave?.();
    assert.ok(await enter());
  });

  test('a key about tools does not concern lists', async () => {
    const { gate } = bench.build({ maxCalls: 1, key: 'mcp.tool.name' }, { ...mcp, place: 'route other' });
    assert.ok(gate);
    const enter = async (tool: string | undefined) =>
      gate.enter(
        tool === undefined ? { ...toolCall(''), item: undefined } : toolCall(tool),
        undefined,
        new Cancel(),
      );
    assert.ok(await enter('a'));
    assert.ok(await enter('b'));
    await assert.rejects(enter('a'), { code: 'OVERLOADED' });
    assert.equal(await enter(undefined), undefined);
    assert.deepEqual(bench.ports.logged, []);
  });

  test('slots outlive a reload, whatever becomes of the numbers', async () => {
    const at = { level: 'target', place: 'target x' } as const;
    const before = bench.build({ maxCalls: 2 }, at).gate;
    assert.ok(before);
    const leave = await before.enter(toolCall('a'), undefined, new Cancel());
    const after = bench.build({ maxCalls: 1 }, at).gate;
    await assert.rejects(async () => after?.enter(toolCall('a'), undefined, new Cancel()), {
      code: 'OVERLOADED',
    });
    leave?.();
    assert.ok(await after?.enter(toolCall('a'), undefined, new Cancel()));
  });

  test('what cannot be counted in one place is refused at load', () => {
    const mixed = { route: { backends: ['mcp', 'host'] } };
    assert.throws(() => bench.build({ maxCalls: 1 }, mixed), { code: 'CONFIG_INVALID' });
    assert.throws(() => bench.build({ maxCalls: 1, key: 'mcp.tool.name' }, host), { code: 'CONFIG_INVALID' });
    assert.match(bench.problems({ maxCalls: 1, key: 'nobody' })[0] ?? '', /^key: /);
  });
});
