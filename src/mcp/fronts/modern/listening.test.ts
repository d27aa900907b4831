import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settled } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { readMessage } from '../../message.ts';
import type { ListenFilter } from '../../visitors/listener.ts';
import { ListenCall, readFilter } from './listening.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const TOOLS: ListenFilter = { tools: true, prompts: false, resources: false, uris: [], taskIds: [] };

/** A client that listens to an endpoint of one visitor. */
class World {
  readonly sent: unknown[] = [];
  readonly responses: unknown[] = [];
  readonly ended = new Cancel();
  closed = 0;
  readonly call: ListenCall;
  /** What the servers say. */
  sink: (message: Buffer) => void = () => assert.fail('nobody listens');
  /** The servers have been told, or refused. */
  ready!: (honoured?: object) => void;
  refuse!: (error: Error) => void;
  readonly begun: Promise<void>;

  constructor() {
    const parse = (message: Buffer): unknown => JSON.parse(message.toString());
    this.call = new ListenCall({
      visitor: {
        listen: (_filter, { hear }) => {
          this.sink = hear;
          return new Promise((resolve, reject) => {
            this.refuse = reject;
            this.ready = (honoured = { toolsListChanged: true }) =>
              resolve({
                honoured: Buffer.from(JSON.stringify(honoured)),
                ended: this.ended,
                close: () => {
                  this.closed += 1;
                  this.ended.cancel(new Error('closed'));
                },
              });
          });
        },
      },
      exchange: undefined,
      id: '"l"',
      serverInfo: undefined,
      send: (message) => void this.sent.push(parse(message)),
      ended: (response) => void this.responses.push(parse(response)),
    });
    this.begun = this.call.begin(TOOLS);
  }

  say(method: string): void {
    this.sink(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method })));
  }

  get methods(): unknown[] {
    return this.sent.map((each) => (each as { method: string }).method);
  }
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

describe('subscriptions/listen', () => {
  it('is acknowledged before anything else, also before what came while the servers were told', async () => {
    const world = new World();
    world.say('notifications/tools/list_changed');
    assert.deepEqual(world.sent, []);
    world.ready();
    await world.begun;
    world.say('notifications/prompts/list_changed');
    assert.deepEqual(world.methods, [
      ACKNOWLEDGED,
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
    ]);
    for (const each of world.sent)
      assert.equal((each as { params: { _meta: object } }).params._meta[SUBSCRIPTION as never], 'l');
  });

  it('ends with a result when the endpoint ends it, once, and nothing follows', async () => {
    const world = new World();
    world.ready();
    await world.begun;
    world.ended.cancel(new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down'));
    world.say('notifications/tools/list_changed');
    world.call.leave();
    assert.deepEqual(world.methods, [ACKNOWLEDGED]);
    assert.deepEqual(world.responses, [
      { jsonrpc: '2.0', id: 'l', result: { resultType: 'complete', _meta: { [SUBSCRIPTION]: 'l' } } },
    ]);
  });

  it('ends without a word when the client leaves', async () => {
    const world = new World();
    world.ready();
    await world.begun;
    world.call.leave();
    world.call.leave();
    world.say('notifications/tools/list_changed');
    assert.deepEqual([world.closed, world.methods, world.responses], [1, [ACKNOWLEDGED], []]);
  });

  it('is given up when the client leaves before the servers have been told', async () => {
    const world = new World();
    world.call.leave();
    world.ready();
    await world.begun;
    assert.deepEqual([world.closed, world.sent, world.responses], [1, [], []]);
  });

  it('of what nobody can honour ends at once', async () => {
    const world = new World();
    world.ready({});
    await world.begun;
    assert.deepEqual([world.methods, world.responses.length, world.closed], [[ACKNOWLEDGED], 1, 1]);
  });

  it('that is refused is refused', async () => {
    const world = new World();
    world.refuse(new GatewayError('OVERLOADED', 'too many'));
    await assert.rejects(world.begun, { code: 'OVERLOADED' });
    await settled();
    assert.deepEqual(world.sent, []);
  });
});

const filter = (notifications: unknown): ListenFilter =>
  readFilter(
    readMessage(
      Buffer.from(
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: { notifications } }),
      ),
    ),
  );

describe('the filter', () => {
  it('names what is wanted; what it does not name is not', () => {
    assert.deepEqual(filter({}), { tools: false, prompts: false, resources: false, uris: [], taskIds: [] });
    assert.deepEqual(
      filter({
        toolsListChanged: true,
        promptsListChanged: false,
        resourcesListChanged: null,
        resourceSubscriptions: ['a:1', 'a:2', 'a:1'],
        taskIds: ['t'],
        ofAnExtension: { any: 'thing' },
      }),
      { tools: true, prompts: false, resources: false, uris: ['a:1', 'a:2'], taskIds: ['t'] },
    );
  });

  it('must be an object of flags and lists of texts, of bounded length', () => {
    const many = Array.from({ length: LIMITS.subscriptions.value + 1 }, (_, at) => `a:${at}`);
    for (const bad of [
      undefined,
      null,
      [],
      'all',
      { toolsListChanged: 1 },
      { toolsListChanged: 'true' },
      { resourceSubscriptions: 'a:1' },
      { resourceSubscriptions: [1] },
      { resourceSubscriptions: { 0: 'a' } },
      { resourceSubscriptions: many },
      { taskIds: [null] },
    ])
      assert.throws(() => filter(bad), { code: 'INVALID_PARAMS' }, JSON.stringify(bad)?.slice(0, 100));
  });
});
