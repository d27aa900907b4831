import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { ID, LISTEN, listening, NOTHING, TOOLS, wanted } from '../../../test/fixtures/listening.ts';
import { callOver } from '../../../test/fixtures/scripted-link.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';

for (const relates of [true, false])
  describe(`a subscription over ${relates ? 'HTTP' : 'stdio'}`, () => {
    it('asks for all that is wanted, as the client, and is ready when the server acknowledges', async () => {
      const play = await listening(relates);
      play.subscription.want({
        ...wanted('tools', 'resources', 'file:b', 'file:a'),
        taskIds: new Set(['u', 't']),
      });
      const { params, outgoing } = play.last;
      assert.deepEqual(params, {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': { roots: {} },
          'io.modelcontextprotocol/clientInfo': { name: 't' },
        },
        notifications: {
          toolsListChanged: true,
          resourcesListChanged: true,
          resourceSubscriptions: ['file:a', 'file:b'],
          taskIds: ['t', 'u'],
        },
      });
      assert.deepEqual([outgoing.method, outgoing.long], [LISTEN, true]);
      assert.equal(await play.ready(), false);
      play.acknowledge(play.last);
      assert.equal(await play.ready(), true);
      assert.equal(play.opened.ports.clock.waiting, 0, 'an open subscription needs no timer');
      await play.nothingLeft();
      assert.deepEqual(play.open, []);
    });

    it('leaves what the server then tells to the owner of the link', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      const { id } = play.last;
      const changed = { method: 'notifications/tools/list_changed', params: { _meta: { [ID]: id } } };
      play.opened.wire.say(changed, Number(id));
      assert.deepEqual(play.opened.outside.notifications, [JSON.stringify({ jsonrpc: '2.0', ...changed })]);
      await play.nothingLeft();
    });

    it('is opened anew before the old one is closed when the wishes change', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      play.subscription.want(wanted('tools', 'file:a'));
      const [old, next] = play.asked;
      assert.ok(old && next);
      await settled();
      assert.deepEqual([play.asked.length, play.open, await play.ready()], [2, [old, next], false]);
      play.acknowledge(next);
      await settled();
      assert.deepEqual([play.open, await play.ready(), play.missed], [[next], true, 0]);
      assert.equal(play.opened.ports.clock.waiting, 0, 'the end of the old one is no loss');
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      await settled();
      assert.deepEqual([play.open, play.missed], [[play.last], 0]);
      await play.nothingLeft();
    });

    it('that changes often while it is opened asks once more, for the last wishes', async () => {
      const play = await listening(relates);
      for (const word of ['a', 'b', 'c', 'd']) play.subscription.want(wanted('tools', `file:${word}`));
      assert.equal(play.asked.length, 1);
      let ready = false;
      const waiting = play.subscription.ready().then(() => {
        ready = true;
      });
      play.acknowledge(play.last);
      await settled();
      assert.deepEqual(play.filters, [
        { toolsListChanged: true, resourceSubscriptions: ['file:a'] },
        { toolsListChanged: true, resourceSubscriptions: ['file:d'] },
      ]);
      assert.equal(ready, false, 'ready means what is wanted now');
      play.acknowledge(play.last);
      await waiting;
      assert.equal(await play.ready(), true);
      assert.deepEqual(play.open, [play.last]);
      await play.nothingLeft();
    });

    it('is not opened again for the same wishes, nor for wishes that were changed back', async () => {
      const play = await listening(relates);
      play.subscription.want(wanted('file:a', 'file:b'));
      play.acknowledge(play.last);
      play.subscription.want(wanted('file:b', 'file:a'));
      assert.equal(play.asked.length, 1);
      play.subscription.want(TOOLS);
      play.subscription.want(wanted('file:a', 'file:b'));
      play.acknowledge(play.last);
      play.acknowledge(play.last);
      assert.deepEqual(play.filters.at(-1), { resourceSubscriptions: ['file:a', 'file:b'] });
      await settled();
      assert.deepEqual([play.asked.length, play.open.length], [3, 1]);
      await play.nothingLeft();
    });

    it('ends when nothing is wanted, open or not yet', async () => {
      const play = await listening(relates);
      play.subscription.want(NOTHING);
      assert.deepEqual([play.asked.length, await play.ready()], [0, true]);
      play.subscription.want(TOOLS);
      play.subscription.want(NOTHING);
      await settled();
      assert.deepEqual([play.open, await play.ready()], [[], true]);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      play.subscription.want(NOTHING);
      await settled();
      assert.deepEqual([play.asked.length, play.open, play.opened.ports.clock.waiting], [2, [], 0]);
      await play.nothingLeft();
    });

    it('stops where the server refuses, until something else is wanted', async () => {
      for (const code of [-32601, -32602]) {
        const play = await listening(relates);
        play.subscription.want(TOOLS);
        const waiting = play.subscription.ready();
        play.opened.wire.error(play.last.id, code, 'no');
        await waiting;
        await play.opened.ports.clock.advance(600_000);
        play.subscription.want(wanted('tools'));
        assert.deepEqual([play.asked.length, play.opened.ports.clock.waiting], [1, 0]);
        play.subscription.want(wanted('prompts'));
        assert.equal(play.asked.length, 2);
        play.acknowledge(play.last);
        assert.deepEqual([await play.ready(), play.missed], [true, 0]);
        play.subscription.want(TOOLS);
        assert.equal(play.asked.length, 3, 'a refusal is not remembered for ever');
        await play.nothingLeft();
      }
    });

    it('goes on as it was when only the change of wishes is refused', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      play.subscription.want(wanted('tools', 'file:a'));
      const [first, second] = play.asked;
      play.opened.wire.error(second?.id, -32602, 'no such resource');
      assert.equal(await play.ready(), true);
      await settled();
      assert.deepEqual(
        play.open.map(({ id }) => id),
        [first?.id, second?.id],
        'neither was given up by us',
      );
      assert.equal(play.opened.link.busy, 1);
      play.subscription.want(TOOLS);
      assert.equal(play.asked.length, 2);
      await play.nothingLeft();
    });

    it('that ends while another is opened is not opened again, and what was missed is said', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      play.subscription.want(wanted('tools', 'file:a'));
      const [first, second] = play.asked;
      assert.ok(first && second);
      play.opened.wire.result(first.id, {});
      await settled();
      assert.equal(await play.ready(), false);
      play.acknowledge(second);
      await settled();
      assert.deepEqual([play.asked.length, play.missed, await play.ready()], [2, 1, true]);
      assert.equal(play.opened.ports.clock.waiting, 0);
      await play.nothingLeft();
    });

    it('has one pause at a time, and none when nothing is wanted', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      play.subscription.want(wanted('tools', 'file:a'));
      const [first, second] = play.asked;
      play.opened.wire.error(second?.id, -32603, 'not now');
      await settled();
      assert.equal(play.opened.ports.clock.waiting, 1);
      play.opened.wire.result(first?.id, {});
      await settled();
      assert.equal(play.opened.ports.clock.waiting, 1);
      play.subscription.want(NOTHING);
      assert.deepEqual([play.opened.ports.clock.waiting, play.asked.length], [0, 2]);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      assert.equal(play.missed, 0, 'nothing was wanted meanwhile');
      await play.nothingLeft();
    });

    it('that the server ends is opened again after a pause, and what was missed is said once', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      play.acknowledge(play.last);
      await play.opened.ports.clock.advance(3_600_000);
      play.opened.wire.result(play.last.id, { _meta: { [ID]: play.last.id } });
      await settled();
      assert.deepEqual([play.asked.length, await play.ready()], [1, true]);
      await play.opened.ports.clock.advance(500);
      assert.deepEqual([play.asked.length, play.missed], [2, 0]);
      play.acknowledge(play.last);
      assert.deepEqual([play.missed, await play.ready()], [1, true]);
      play.subscription.want(wanted('prompts'));
      play.acknowledge(play.last);
      assert.equal(play.missed, 1);
      await play.nothingLeft();
    });

    it('is opened again ever more slowly where it never lasts, and soon where it did', async () => {
      const play = await listening(relates);
      const { clock } = play.opened.ports;
      const pauses: number[] = [];
      play.subscription.want(TOOLS);
      for (let turn = 0; turn < 12; turn += 1) {
        if (turn % 2 === 0) play.acknowledge(play.last);
        play.opened.wire.error(play.last.id, -32603, 'not now');
        await settled();
        const before = play.asked.length;
        const from = clock.monotonic();
        while (play.asked.length === before) await clock.advance(50);
        pauses.push(clock.monotonic() - from);
      }
      assert.ok(
        pauses.slice(0, 7).every((pause, at) => pause <= 550 * 2 ** at && pause >= 200 * 2 ** at),
        `${pauses}`,
      );
      assert.ok(
        pauses.slice(7).every((pause) => pause >= 30_000 && pause <= 60_050),
        `${pauses}`,
      );
      play.acknowledge(play.last);
      await clock.advance(31_000);
      const { length } = play.asked;
      play.opened.wire.error(play.last.id, -32603, 'not now');
      await clock.advance(550);
      assert.equal(play.asked.length, length + 1);
      await play.nothingLeft();
    });

    it('whose server never acknowledges counts as open, since it may tell nevertheless', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      await play.opened.ports.clock.advance(9_999);
      assert.equal(await play.ready(), false);
      await play.opened.ports.clock.advance(2);
      assert.equal(await play.ready(), true);
      play.acknowledge(play.last);
      assert.deepEqual([play.asked.length, play.open.length], [1, 1]);
      await play.nothingLeft();
    });

    it('is over for good with its link', async () => {
      for (const acknowledged of [true, false]) {
        const play = await listening(relates);
        play.subscription.want(TOOLS);
        if (acknowledged) play.acknowledge(play.last);
        const waiting = play.subscription.ready();
        play.opened.wire.lose();
        await waiting;
        await settled();
        assert.equal(play.opened.ports.clock.waiting, 0);
        play.subscription.want(wanted('prompts'));
        assert.deepEqual([play.asked.length, await play.ready()], [1, true]);
        await play.nothingLeft();
      }
    });

    it('wants nothing any more once it is closed', async () => {
      const play = await listening(relates);
      play.subscription.want(TOOLS);
      const waiting = play.subscription.ready();
      play.subscription.close();
      await waiting;
      play.subscription.want(wanted('prompts'));
      play.subscription.close();
      await settled();
      assert.deepEqual([play.asked.length, play.open], [1, []]);
      await play.nothingLeft();
    });
  });

test('over stdio a server ends a subscription with notifications/cancelled, and it is opened again', async () => {
  const play = await listening(false);
  play.subscription.want(TOOLS);
  play.acknowledge(play.last);
  const { id } = play.last;
  play.opened.wire.say({ method: 'notifications/cancelled', params: { requestId: id } });
  await settled();
  assert.equal(play.opened.link.busy, 0);
  await play.opened.ports.clock.advance(500);
  assert.equal(play.asked.length, 2);
  await play.nothingLeft();
});

test('over stdio it stays clear which call a log message belongs to while a subscription is open', async () => {
  const play = await listening(false);
  play.subscription.want(TOOLS);
  play.acknowledge(play.last);
  const call = callOver(play.opened.link, 'a');
  play.opened.wire.say({ method: 'notifications/message', params: { level: 'info', data: 1 } });
  assert.deepEqual([call.peer.told.length, play.opened.outside.notifications.length], [1, 0]);
  call.cancel.cancel(new Error('enough'));
  await call.outcome.catch(() => undefined);
  await play.nothingLeft();
});

test('a stream that breaks over HTTP is opened again over the same link', async () => {
  const play = await listening();
  play.subscription.want(TOOLS);
  play.acknowledge(play.last);
  play.opened.wire.end(Number(play.last.id), new GatewayError('UPSTREAM_CLOSED', 'reset'));
  await play.opened.ports.clock.advance(500);
  assert.equal(play.asked.length, 2);
  // And one that ends without any result.
  play.opened.wire.end(Number(play.last.id));
  await play.opened.ports.clock.advance(1000);
  assert.equal(play.asked.length, 3);
  await play.nothingLeft();
});
