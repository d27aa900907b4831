import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestPeer } from '../../../test/fixtures/scripted-link.ts';
import { type Response, type SessionWorld, sessionOver } from '../../../test/fixtures/scripted-session.ts';
import type {
  ConnectorScript,
  Handler,
  Received,
  ScriptedWire,
} from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';

const silent: Handler = () => undefined;
const failure = ({ error }: Response): string => `${error?.code} ${error?.message}`;

/** What the last link of a session was sent by one method. */
function sent(world: SessionWorld, target: string, method: string): Received[] {
  return wiresOf(world, target).flatMap((wire) => wire.of(method));
}

function wiresOf(world: SessionWorld, target: string): ScriptedWire[] {
  const { connector } = world.targets[target] as SessionWorld['targets'][string];
  return connector.wires.filter(({ options }) => options.purpose === 'session');
}

const two = (script: ConnectorScript): Promise<SessionWorld> => sessionOver({ one: script, two: script });

describe('a call', () => {
  it('goes out with the native name and an id of the link, and everything else as it came', async () => {
    const world = await two({ tools: [{ name: 'a' }], on: { 'tools/call': () => ({ content: [] }) } });
    const params = {
      _meta: { progressToken: 'mine', x: 1 },
      arguments: { name: 'two_a', id: 7 },
      name: 'two_a',
    };
    const answer = await world.call('tools/call', params, { id: 'client id' });
    assert.deepEqual([answer.id, answer.result], ['client id', { content: [] }]);
    const [received] = sent(world, 'two', 'tools/call');
    assert.deepEqual(received?.params, {
      _meta: { progressToken: received?.id, x: 1 },
      arguments: { name: 'two_a', id: 7 },
      name: 'a',
    });
    assert.deepEqual([received?.outgoing.method, received?.outgoing.name], ['tools/call', 'a']);
    assert.equal(wiresOf(world, 'one').length, 0, 'the other target is not even connected to');
  });

  it('opens one link per target, whoever comes first', async () => {
    const world = await two({ tools: [{ name: 'a' }], on: { 'tools/call': () => ({}) } });
    await Promise.all([1, 2, 3].map(() => world.call('tools/call', { name: 'one_a' })));
    assert.deepEqual([wiresOf(world, 'one').length, sent(world, 'one', 'tools/call').length], [1, 3]);
  });

  it('over a target that serves everyone uses the one link there is', async () => {
    const script: ConnectorScript = {
      lifecycle: 'shared',
      tools: [{ name: 'a' }],
      on: { 'tools/call': () => ({}) },
    };
    const world = await two(script);
    assert.deepEqual((await world.call('tools/call', { name: 'one_a' })).result, {});
    assert.equal(wiresOf(world, 'one').length, 0);
  });

  it('is answered with the error of the server as it is, and with ours naming the target', async () => {
    const world = await two({
      tools: [{ name: 'a' }],
      on: {
        'tools/call': ({ wire, id, params }) => {
          if ((params['arguments'] as { how?: string } | undefined)?.how === 'break')
            wire.end(Number(id), new GatewayError('UPSTREAM_STATUS', 'HTTP 500'));
          else wire.error(id, -32042, 'server says no');
          return undefined;
        },
      },
    });
    assert.equal(failure(await world.call('tools/call', { name: 'one_a' })), '-32042 server says no');
    const broken = await world.call('tools/call', { name: 'one_a', arguments: { how: 'break' } });
    assert.equal(failure(broken), '-32603 target "one": HTTP 500');
    assert.deepEqual(broken.error?.data, { code: 'UPSTREAM_STATUS', retryable: true });
  });

  it('with an id that is in use is refused, and the other goes on', async () => {
    const world = await two({ tools: [{ name: 'a' }], on: { 'tools/call': silent } });
    const first = world.call('tools/call', { name: 'one_a' }, { id: 7 });
    assert.match(failure(await world.call('ping', {}, { id: 7 })), /-32600 id 7 is in use/);
    assert.deepEqual((await world.call('ping', {}, { id: '7' })).result, {});
    await settled();
    const [received] = sent(world, 'one', 'tools/call');
    received?.wire.result(received.id, { n: 1 });
    assert.deepEqual((await first).result, { n: 1 });
    assert.deepEqual((await world.call('ping', {}, { id: 7 })).result, {});
  });

  it('that the client cancels is cancelled at its target alone', async () => {
    const world = await two({ tools: [{ name: 'a' }], on: { 'tools/call': silent } });
    const calls = ['one_a', 'two_a'].map((name, at) => world.call('tools/call', { name }, { id: at }));
    await settled();
    world.say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    for (const requestId of [99, '0'])
      world.say({ method: 'notifications/cancelled', params: { requestId } });
    world.say({ method: 'notifications/cancelled', params: {} });
    assert.match(failure((await calls[1]) as Response), /^-32800 .*cancelled by the client/);
    assert.equal(sent(world, 'one', 'notifications/cancelled').length, 0);
    const [received] = sent(world, 'two', 'tools/call');
    assert.equal(sent(world, 'two', 'notifications/cancelled')[0]?.params['requestId'], received?.id);
  });

  it('passes on what its server says meanwhile', async () => {
    const world = await two({ tools: [{ name: 'a' }], on: { 'tools/call': silent } });
    const peer = new TestPeer();
    const call = world.call('tools/call', { name: 'one_a', _meta: { progressToken: 5 } }, { peer });
    await settled();
    const [received] = sent(world, 'one', 'tools/call');
    assert.ok(received);
    received.wire.say(
      { method: 'notifications/progress', params: { progressToken: received.id, progress: 1 } },
      Number(received.id),
    );
    received.wire.result(received.id, {});
    await call;
    assert.deepEqual(peer.told, [
      'progress {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":1}}',
    ]);
  });

  it('has the deadline of its tool, its target or the view', async () => {
    const world = await two({ tools: [{ name: 'a' }, { name: 'b' }], on: { 'tools/call': silent } });
    const deadlines = { toolDeadlines: new Map([['a', { ms: 100, maxMs: 100 }]]) };
    const [first, ...rest] = world.view.members;
    assert.ok(first);
    const view = world.viewOf([], { members: [{ ...first, ...deadlines }, ...rest] });
    world.session.rebase(view);
    const calls = ['one_a', 'one_b'].map((name) => world.call('tools/call', { name }));
    await world.ports.clock.advance(101);
    assert.match(failure((await calls[0]) as Response), /within 100 ms/);
    await world.ports.clock.advance(900);
    assert.match(failure((await calls[1]) as Response), /within 1000 ms/);
  });

  it('for the result of a task waits in silence for as long as any call may take', async () => {
    const world = await sessionOver({ one: { on: { 'tasks/result': silent } } });
    const call = world.call('tasks/result', { taskId: 't' });
    await world.ports.clock.advance(4999);
    assert.equal(sent(world, 'one', 'notifications/cancelled').length, 0);
    await world.ports.clock.advance(1);
    assert.match(failure(await call), /within 5000 ms/);
  });
});

describe('a call whose link is lost', () => {
  const lost = new GatewayError('UPSTREAM_SESSION_LOST', 'unknown session');

  /** The first link fails its calls with `error`, the second answers them. */
  async function afterLoss(
    error: Error,
    tool: object,
    method = 'tools/call',
  ): Promise<[Response, SessionWorld]> {
    const fail: Handler = ({ wire, id }) => {
      if (wiresOf(world, 'one').indexOf(wire) > 0) return { again: true };
      wire.end(Number(id), error);
      return undefined;
    };
    const script = {
      tools: [tool],
      prompts: [{ name: 'a' }],
      resources: [{ uri: 'x:1', name: 'x' }],
      on: { [method]: fail },
    };
    const world = await sessionOver({ one: script, two: { tools: [] } });
    const params = method === 'resources/read' ? { uri: 'one+x:1' } : { name: 'one_a' };
    return [await world.call(method, params), world];
  }

  it('is sent again when the upstream has refused it for want of a session', async () => {
    const [answer, world] = await afterLoss(lost, { name: 'a' });
    assert.deepEqual(answer.result, { again: true });
    assert.deepEqual(
      wiresOf(world, 'one').map(({ closed }) => closed),
      [true, false],
    );
  });

  it('is sent again when that does no harm', async () => {
    const broken = new GatewayError('UPSTREAM_CLOSED', 'broken');
    const exited = new GatewayError('PROCESS_EXIT', 'exited');
    const readOnly = { name: 'a', annotations: { readOnlyHint: true } };
    for (const [error, tool, method] of [
      [broken, readOnly, 'tools/call'],
      [exited, readOnly, 'tools/call'],
      [broken, { name: 'a' }, 'prompts/get'],
      [broken, { name: 'a' }, 'resources/read'],
    ] as const)
      assert.deepEqual((await afterLoss(error, tool, method))[0].result, { again: true });
  });

  it('is not sent again when it may have been carried out, or would only fail again', async () => {
    for (const [error, tool] of [
      [new GatewayError('UPSTREAM_CLOSED', 'broken'), { name: 'a' }],
      [new GatewayError('PROCESS_EXIT', 'exited'), { name: 'a', annotations: { readOnlyHint: false } }],
      [new GatewayError('UPSTREAM_STATUS', 'HTTP 500'), { name: 'a', annotations: { readOnlyHint: true } }],
    ] as const) {
      const [answer, world] = await afterLoss(error, tool);
      assert.equal(answer.error?.data?.code, error.code);
      assert.equal(sent(world, 'one', 'tools/call').length, 1);
    }
  });

  it('is sent a second time at most', async () => {
    const fail: Handler = ({ wire, id }) => void wire.end(Number(id), lost);
    const world = await sessionOver({ one: { tools: [{ name: 'a' }], on: { 'tools/call': fail } } });
    const answer = await world.call('tools/call', { name: 'a' });
    assert.equal(answer.error?.data?.code, 'UPSTREAM_SESSION_LOST');
    assert.equal(sent(world, 'one', 'tools/call').length, 2);
  });

  it('leaves other calls of that link alone', async () => {
    let calls = 0;
    const world = await sessionOver({
      one: {
        tools: [{ name: 'a' }],
        on: {
          'tools/call': ({ wire, id }) => {
            calls += 1;
            if (calls === 2) wire.end(Number(id), lost);
            return calls > 2 ? { again: true } : undefined;
          },
        },
      },
    });
    const slow = world.call('tools/call', { name: 'a' });
    await settled();
    assert.deepEqual((await world.call('tools/call', { name: 'a' })).result, { again: true });
    const [first] = sent(world, 'one', 'tools/call');
    first?.wire.result(first.id, { slow: true });
    assert.deepEqual((await slow).result, { slow: true });
    assert.equal(first?.wire.closed, true, 'with its last call the old link ends');
  });
});

describe('resources', () => {
  const script: ConnectorScript = {
    resources: [{ uri: 'x:1', name: 'x' }],
    on: { 'resources/read': ({ params }) => ({ contents: [{ uri: params['uri'], text: '' }] }) },
  };

  it('are read by the URI that shows their target, and show it in the answer', async () => {
    const world = await two(script);
    const { result } = await world.call('resources/read', { uri: 'two+x:1' });
    assert.deepEqual(result, { contents: [{ uri: 'two+x:1', text: '' }] });
    for (const uri of ['x:1', 'three+x:1', '+x:1', ''])
      assert.equal(failure(await world.call('resources/read', { uri })), `-32602 Unknown resource: ${uri}`);
  });

  it('of a single target keep their URIs', async () => {
    const world = await sessionOver({ one: script });
    const { result } = await world.call('resources/read', { uri: 'a+x:1' });
    assert.deepEqual(result, { contents: [{ uri: 'a+x:1', text: '' }] });
  });

  it('are subscribed to again over a new link, all at once, and calls do not wait for that', async () => {
    let answering = true;
    const world = await sessionOver({
      one: {
        tools: [{ name: 'a' }],
        resources: [],
        capabilities: { tools: {}, resources: { subscribe: true }, logging: {} },
        on: {
          'tools/call': () => ({ content: [] }),
          'resources/subscribe': () => (answering ? {} : undefined),
          'logging/setLevel': () => (answering ? {} : undefined),
        },
      },
    });
    for (const uri of ['x:1', 'x:2']) await world.call('resources/subscribe', { uri });
    await world.call('logging/setLevel', { level: 'error' });
    answering = false;
    wiresOf(world, 'one')[0]?.lose();
    const answer = await Promise.race([world.call('tools/call', { name: 'a' }), settled(20)]);
    assert.deepEqual(answer?.result, { content: [] });
    const sentAnew = wiresOf(world, 'one')[1]?.received.map(({ method }) => method);
    assert.deepEqual(sentAnew?.slice(-4), [
      'logging/setLevel',
      'resources/subscribe',
      'resources/subscribe',
      'tools/call',
    ]);
  });

  it('are subscribed to by the native URI, again after a restart, and updates come back with the exposed one', async () => {
    const world = await two(script);
    world.listen();
    assert.deepEqual((await world.call('resources/subscribe', { uri: 'one+x:1' })).result, {});
    const [wire] = wiresOf(world, 'one');
    wire?.say({ method: 'notifications/resources/updated', params: { uri: 'x:1' } });
    assert.deepEqual(world.heard, [
      { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'one+x:1' } },
    ]);
    wire?.lose();
    await world.call('resources/read', { uri: 'one+x:1' });
    assert.deepEqual(
      wiresOf(world, 'one').map((each) => each.of('resources/subscribe')[0]?.params),
      [{ uri: 'x:1' }, { uri: 'x:1' }],
    );
    await world.call('resources/unsubscribe', { uri: 'one+x:1' });
    wiresOf(world, 'one')[1]?.lose();
    await world.call('resources/read', { uri: 'one+x:1' });
    assert.equal(wiresOf(world, 'one')[2]?.of('resources/subscribe').length, 0);
  });
});

describe('other methods', () => {
  it('complete by the native name or URI', async () => {
    const complete: Handler = ({ params }) => ({ completion: { values: [JSON.stringify(params['ref'])] } });
    const script = { prompts: [{ name: 'p' }], resources: [], on: { 'completion/complete': complete } };
    const world = await two(script);
    const values = async (ref: object): Promise<unknown> => {
      const answer = await world.call('completion/complete', { ref, argument: { name: 'x', value: '' } });
      return answer.result?.['completion'] ?? failure(answer);
    };
    assert.deepEqual(await values({ type: 'ref/prompt', name: 'two_p' }), {
      values: ['{"type":"ref/prompt","name":"p"}'],
    });
    assert.deepEqual(await values({ type: 'ref/resource', uri: 'one+x:{a}' }), {
      values: ['{"type":"ref/resource","uri":"x:{a}"}'],
    });
    assert.match(String(await values({ type: 'ref/prompt', name: 'x' })), /Unknown prompt: x/);
    assert.match(String(await values({ type: 'ref/prompt' })), /needs "ref.name" or "ref.uri"/);
  });

  it('set the log level of every link, those that are opened later too', async () => {
    const script = {
      capabilities: { tools: {}, logging: {} },
      tools: [{ name: 'a' }],
      on: { 'tools/call': () => ({}) },
    };
    const world = await two(script);
    await world.call('tools/call', { name: 'one_a' });
    assert.deepEqual((await world.call('logging/setLevel', { level: 'warning' })).result, {});
    await world.call('tools/call', { name: 'two_a' });
    for (const target of ['one', 'two'])
      assert.deepEqual(
        sent(world, target, 'logging/setLevel').map(({ params }) => params),
        [{ level: 'warning' }],
      );
    assert.match(
      failure(await world.call('logging/setLevel', { level: 'loud' })),
      /-32602 unknown log level/,
    );
  });

  it('are passed on where there is one server, and unknown where there are several', async () => {
    const on = { 'vendor/do': ({ params }: Received) => ({ did: params['what'] }) };
    const single = await sessionOver({ one: { on } });
    assert.deepEqual((await single.call('vendor/do', { what: 'x' })).result, { did: 'x' });
    const several = await two({ on });
    assert.equal(failure(await several.call('vendor/do')), '-32601 Method not found: vendor/do');
  });

  it('that need a parameter say which', async () => {
    const { call } = await two({ tools: [] });
    for (const [method, pattern] of [
      ['tools/call', /needs "params.name"/],
      ['prompts/get', /needs "params.name"/],
      ['resources/read', /needs a "uri"/],
      ['resources/subscribe', /needs a "uri"/],
      ['initialize', /is initialized already/],
    ] as const)
      assert.match(failure(await call(method)), pattern);
    assert.match(failure(await call('tools/call', { name: 7 })), /needs "params.name"/);
  });
});
