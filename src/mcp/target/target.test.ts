import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedTarget, type TestTarget } from '../../../test/fixtures/scripted-target.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { changedList, PROBE_READER } from './catalogues.ts';
import { named } from './failures.ts';

const TOOLS = [{ name: 'a' }];
const known = ({ target }: TestTarget): string[] | undefined =>
  target.catalogues.known('tools', PROBE_READER)?.items.map(({ key }) => key);
const warnings = ({ ports }: TestTarget): number =>
  ports.logged.filter(({ level, message }) => level === 'warn' && message === 'target is down').length;

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
  );
}

describe('start', () => {
  it('is waited for by everyone who needs the target', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    const ensured = one.target.ensure();
    const session = one.openSession();
    await one.ports.clock.advance(60_000);
    assert.equal(one.connector.wires.length, 0);
    one.target.start();
    one.target.start();
    assert.deepEqual((await ensured).capabilities, { tools: { listChanged: true } });
    await session;
    assert.deepEqual(one.connector.wires.map(({ options }) => options.purpose).sort(), ['probe', 'session']);
    assert.equal(one.target.state.kind, 'up');
  });

  it('reads the lists, tells who watches, and warms the connector', async () => {
    const one = scriptedTarget({ tools: TOOLS, prompts: [{ name: 'p' }] });
    one.target.start();
    await settled();
    assert.deepEqual(one.target.offers(), { tools: 1, prompts: 1, resources: 0, templates: 0 });
    assert.deepEqual([...new Set(one.changes)].sort(), ['prompts', 'resources', 'tools']);
    assert.equal(one.connector.warmed, 1);
  });

  it('gives a server that says the lists have changed with its first words no way to hang the target', async () => {
    const one = scriptedTarget({
      tools: TOOLS,
      on: {
        initialize: ({ wire, id }) => {
          wire.result(id, {
            protocolVersion: '2025-11-25',
            capabilities: { tools: { listChanged: true } },
            serverInfo: { name: 'x', version: '1' },
          });
          wire.say({ method: 'notifications/tools/list_changed' });
          return undefined;
        },
      },
    });
    one.target.start();
    await settled(10);
    assert.equal(one.target.state.kind, 'up');
    assert.deepEqual(known(one), ['a']);
  });
});

describe('a target that cannot connect', () => {
  it('is a state, tried again with growing pauses, and reported once', async () => {
    const one = scriptedTarget();
    one.refuse('connection refused');
    one.target.start();
    await settled();
    const { state } = one.target;
    assert.ok(state.kind === 'down' && /target "one": connection refused/.test(state.error.message));
    const at: number[] = [];
    for (let tries = one.connector.opened; at.length < 9; ) {
      await one.ports.clock.advance(50);
      if (one.connector.opened > tries) at.push(one.ports.clock.monotonic());
      tries = one.connector.opened;
    }
    const pauses = at.map((time, index) => time - (at[index - 1] ?? 0));
    for (const [index, pause] of pauses.entries()) {
      const step = Math.min(500 * 2 ** index, 60_000);
      assert.ok(pause >= step / 2 - 50 && pause <= step + 50, `pause ${index}: ${pause}`);
    }
    assert.equal(warnings(one), 1);
    one.refuse('something else');
    await one.ports.clock.advance(120_000);
    assert.equal(warnings(one), 2);
  });

  it('comes up by itself, and its next failure starts from the shortest pause', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.refuse('no');
    one.target.start();
    await one.ports.clock.advance(20_000);
    one.connector.refusal = undefined;
    await one.ports.clock.advance(60_000);
    assert.equal(one.target.state.kind, 'up');
    one.connector.wire.lose();
    await one.ports.clock.advance(510);
    assert.equal(one.target.state.kind, 'up');
    assert.equal(warnings(one), 2);
  });

  it('is tried at once for whoever needs it, but not more than once a second', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.refuse('no');
    one.target.start();
    while (one.connector.opened < 7) await one.ports.clock.advance(100);
    await one.ports.clock.advance(1001);
    const before = one.connector.opened;
    const codes = await Promise.all([1, 2, 3].map(() => code(one.target.ensure())));
    assert.deepEqual(codes, ['UPSTREAM_CONNECT', 'UPSTREAM_CONNECT', 'UPSTREAM_CONNECT']);
    assert.equal(one.connector.opened, before + 1);
    assert.equal(await code(one.target.ensure()), 'UPSTREAM_CONNECT');
    assert.equal(one.connector.opened, before + 1, 'within the same second');
    one.connector.refusal = undefined;
    await one.ports.clock.advance(1001);
    await one.target.ensure();
    assert.equal(one.target.state.kind, 'up');
  });

  it('gives up on a silent server at the deadline', async () => {
    const one = scriptedTarget({ on: { initialize: () => undefined } });
    one.target.start();
    await one.ports.clock.advance(1001);
    const { state } = one.target;
    assert.ok(state.kind === 'down' && state.error.code === 'UPSTREAM_TIMEOUT');
    assert.equal(one.connector.wire.closed, true);
  });

  it('is down when its lists cannot be read, and nothing stays open', async () => {
    const one = scriptedTarget({ tools: TOOLS, on: { 'tools/list': () => ({ nonsense: true }) } });
    one.target.start();
    await settled();
    const { state } = one.target;
    assert.ok(state.kind === 'down' && state.error.code === 'UPSTREAM_PROTOCOL');
    assert.equal(one.connector.wires[0]?.closed, true);
  });
});

describe('a connection that is lost', () => {
  it('is made again, and the lists stay as they were for a blink', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.target.start();
    await settled();
    one.refuse('restarting');
    one.connector.wire.lose();
    await settled();
    assert.equal(one.target.state.kind, 'down');
    assert.ok(one.target.info);
    assert.deepEqual(known(one), ['a']);
    await one.ports.clock.advance(29_000);
    assert.ok(one.target.info);
    await one.ports.clock.advance(62_000);
    assert.equal(one.target.info, undefined);
    one.connector.refusal = undefined;
    await one.target.ensure();
    assert.ok(one.target.info);
  });

  it('is told once when its lists are no longer shown, not at every try, and a blink not at all', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.target.start();
    await settled();
    const told = (): number => one.changes.filter((kind) => kind === 'tools').length;
    const first = told();
    one.connector.wire.lose();
    await one.ports.clock.advance(2000);
    assert.deepEqual([one.target.state.kind, told()], ['up', first], 'a blink');
    one.refuse('gone');
    one.connector.wire.lose();
    await one.ports.clock.advance(10 * 60_000);
    assert.equal(told(), first + 1, 'ten minutes of tries');
    one.connector.refusal = undefined;
    await one.target.ensure().then(() => assert.equal(told(), first + 2, 'it is back'));
  });

  it('is no wall for those who ask for old lists meanwhile', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.target.start();
    await one.ports.clock.advance(61_000);
    one.refuse('restarting');
    one.connector.wire.lose();
    await settled();
    one.connector.refusal = undefined;
    await one.ports.clock.advance(200);
    const { target } = one;
    const list = await target.catalogues.get('tools', PROBE_READER, () => target.probe());
    assert.equal(list.items.length, 1, 'what is known is served at once');
    await one.ports.clock.advance(1000);
    assert.equal(target.state.kind, 'up');
    await settled();
    await target.ensure();
  });

  it('with its last list leaves no target that is up without a connection', async () => {
    const one = scriptedTarget({
      tools: TOOLS,
      on: {
        'tools/list': ({ wire, id }) => {
          wire.result(id, { tools: TOOLS });
          if (one.connector.wires.length === 1) wire.lose();
          return undefined;
        },
      },
    });
    one.target.start();
    await settled();
    assert.equal(one.target.state.kind, 'down');
    await one.ports.clock.advance(510);
    assert.equal(one.target.state.kind, 'up');
    assert.equal((await one.target.probe()).link.closed, false);
    assert.equal(warnings(one), 1);
  });

  it('while the lists are compared counts once', async () => {
    let hang = false;
    const one = scriptedTarget({
      tools: TOOLS,
      on: { 'tools/list': () => (hang ? undefined : { tools: TOOLS }) },
    });
    one.target.start();
    await settled();
    hang = true;
    await one.ports.clock.advance(300_000);
    hang = false;
    one.connector.wire.lose();
    await one.ports.clock.advance(510);
    assert.equal(one.target.state.kind, 'up', 'the first pause is the shortest');
    assert.equal((await one.target.probe()).link.closed, false);
  });

  it('is looked at right away when a call had trouble with it', async () => {
    let alive = true;
    const gone = new GatewayError('UPSTREAM_CONNECT', 'refused');
    const one = scriptedTarget({
      tools: TOOLS,
      on: {
        'tools/list': ({ wire, id }) => {
          if (alive) return { tools: TOOLS };
          wire.end(Number(id), gone);
          return undefined;
        },
      },
    });
    one.target.start();
    await settled();
    one.target.suspect();
    await one.ports.clock.advance(0);
    assert.equal(one.target.state.kind, 'up', 'it was a false alarm');
    alive = false;
    one.target.suspect();
    await one.ports.clock.advance(0);
    assert.equal(one.target.state.kind, 'down');
  });

  it('because the upstream has forgotten the session is made anew at once', async () => {
    const lost = new GatewayError('UPSTREAM_SESSION_LOST', 'unknown session');
    const one = scriptedTarget({
      tools: TOOLS,
      on: {
        'tools/list': ({ wire, id }) => {
          if (one.connector.wires.length > 1 || wire.of('tools/list').length === 1) return { tools: TOOLS };
          wire.end(Number(id), lost);
          return undefined;
        },
      },
    });
    one.target.start();
    await settled();
    one.target.suspect();
    await one.ports.clock.advance(0);
    assert.deepEqual([one.target.state.kind, one.connector.wires.length], ['up', 2]);
    assert.equal(one.connector.wires[0]?.closed, true);
    assert.equal(warnings(one), 0);
  });
});

describe('lists', () => {
  it('are compared every few minutes, and a change is told once', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.target.start();
    await settled();
    one.changes.length = 0;
    await one.ports.clock.advance(300_000);
    assert.deepEqual(one.changes, []);
    one.connector.script.tools = [{ name: 'b' }];
    await one.ports.clock.advance(300_000);
    assert.deepEqual([one.changes, known(one)], [['tools'], ['b']]);
  });

  it('of a server that offers nothing are looked at again soon, and less and less often', async () => {
    const one = scriptedTarget({ tools: [] });
    one.target.start();
    await one.ports.clock.advance(120_000);
    const looks = one.connector.wire.of('tools/list').length;
    assert.ok(looks >= 6 && looks <= 12, `${looks} looks`);
    one.connector.script.tools = TOOLS;
    await one.ports.clock.advance(60_000);
    assert.deepEqual(known(one), ['a']);
    const then = one.connector.wire.of('tools/list').length;
    await one.ports.clock.advance(230_000);
    assert.equal(one.connector.wire.of('tools/list').length, then);
  });

  it('are read again when the server says that they have changed, also while they are being read', async () => {
    const one = scriptedTarget({ tools: TOOLS, on: { 'tools/list': () => undefined } });
    one.target.start();
    const { wire } = await one.next();
    wire.result((await wire.next('tools/list')).id, { tools: TOOLS });
    await settled();
    const changed = (): void => wire.say({ method: 'notifications/tools/list_changed' });
    changed();
    const second = await wire.next('tools/list');
    changed();
    changed();
    await settled();
    wire.result(second.id, { tools: TOOLS });
    const third = await wire.next('tools/list');
    wire.result(third.id, { tools: [{ name: 'b' }] });
    await settled();
    assert.deepEqual(known(one), ['b']);
    assert.equal(wire.of('tools/list').length, 3);
  });

  it('that are not offered are not asked for', async () => {
    const one = scriptedTarget({ tools: TOOLS });
    one.target.start();
    await settled();
    assert.deepEqual(
      one.connector.wire.received.map(({ method }) => method).filter((method) => method.endsWith('/list')),
      ['tools/list'],
    );
  });
});

describe('notifications', () => {
  it('of a connection that serves everyone reach who watches; those of a mere probe concern nobody', async () => {
    for (const lifecycle of ['shared', 'session'] as const) {
      const one = scriptedTarget({ tools: TOOLS, lifecycle });
      one.target.start();
      await settled();
      one.connector.wire.say({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
      assert.equal(one.notifications.length, lifecycle === 'shared' ? 1 : 0, lifecycle);
    }
  });

  it('are understood by their method', () => {
    assert.equal(changedList('notifications/tools/list_changed'), 'tools');
    assert.equal(changedList('notifications/resources/list_changed'), 'resources');
    assert.equal(changedList('notifications/roots/list_changed'), undefined);
  });

  it('of errors name the target, once', () => {
    const error = named('one', new GatewayError('UPSTREAM_CLOSED', 'gone', { http: 503, data: { x: 1 } }));
    assert.deepEqual(
      [error.code, error.message, error.http, error.detail.data],
      ['UPSTREAM_CLOSED', 'target "one": gone', 503, { x: 1 }],
    );
    assert.equal(named('one', error), error);
  });
});

describe('close', () => {
  it('ends everything, also what is only being connected', async () => {
    for (const script of [
      { tools: TOOLS },
      { on: { initialize: () => undefined } },
      { tools: TOOLS, on: { 'tools/list': () => undefined } },
    ]) {
      const one = scriptedTarget(script);
      one.target.start();
      await settled();
      const waiting = code(one.target.ensure());
      await one.target.close();
      assert.ok(['resolved', 'TARGET_REMOVED'].includes(await waiting));
      assert.deepEqual(
        one.connector.wires.map(({ closed }) => closed),
        [true],
      );
      assert.deepEqual([one.connector.closed, one.scope.closed], [true, true]);
      assert.equal(await code(one.openSession()), 'TARGET_REMOVED');
      assert.equal(await code(one.target.probe()), 'TARGET_REMOVED');
      await one.ports.clock.advance(600_000);
      assert.equal(one.connector.opened, 1);
      assert.equal(one.ports.clock.waiting, 0);
    }
  });

  it('before the start lets nobody wait for ever', async () => {
    const one = scriptedTarget();
    const waiting = [code(one.target.ensure()), code(one.openSession())];
    await one.target.close();
    assert.deepEqual(await Promise.all(waiting), ['TARGET_REMOVED', 'TARGET_REMOVED']);
    assert.equal(one.connector.opened, 0);
  });
});
