/**
 * A channel under requests at fault, answers to nobody and cancellations of anything: every request whose id can be
 * read is answered once, or was cancelled, and none is left hanging. Seeds are fixed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { connectChannel } from '../../src/mcp/fronts/channel.ts';
import { readMessage, SLOT } from '../../src/mcp/message.ts';
import { FrontWorld } from '../fixtures/scripted-front.ts';
import type { ConnectorScript } from '../fixtures/scripted-wire.ts';
import { settled } from '../fixtures/test-ports.ts';
import { damaged, json, text } from './arbitraries.ts';
import { requests } from './modern-requests.ts';

const SERVER: ConnectorScript = {
  tools: [{ name: 'echo' }, { name: 'greet' }],
  prompts: [{ name: 'greet' }],
  on: {
    'tools/call': () => ({ content: [] }),
    'prompts/get': () => ({ messages: [] }),
    'resources/read': () => ({ contents: [] }),
    'completion/complete': () => ({ completion: { values: [] } }),
  },
};

interface Said {
  readonly id?: unknown;
  readonly method?: unknown;
}

const cancellation = fc.record({
  jsonrpc: fc.constant('2.0'),
  method: fc.constant('notifications/cancelled'),
  params: fc.record({ requestId: fc.oneof(fc.nat(20), text, json) }),
});
const sent = fc.oneof(
  { weight: 6, arbitrary: requests(1).map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 1, arbitrary: damaged(requests(3)) },
  { weight: 2, arbitrary: cancellation.map((value) => Buffer.from(JSON.stringify(value))) },
);

/** The ids of requests as they were written, those of cancelled ones, and nothing of what is no message. */
function idsOf(messages: readonly Buffer[]): { asked: string[]; cancelled: Set<string> } {
  const asked: string[] = [];
  const cancelled = new Set<string>();
  for (const bytes of messages) {
    try {
      const { kind, id, text: fields } = readMessage(bytes);
      if (kind === 'request') asked.push(id);
      else if (fields.has(SLOT.requestId)) cancelled.add(fields.raw(SLOT.requestId).toString());
    } catch {}
  }
  return { asked, cancelled };
}

test('every request is answered once, but for those that were cancelled', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sent, { maxLength: 12 }), async (messages) => {
      const world = new FrontWorld({ one: SERVER, two: SERVER });
      await settled(5);
      const said: Said[] = [];
      const channel = connectChannel(world.endpoint, {
        unread: 0,
        send: (message) => void said.push(JSON.parse(message.toString()) as Said),
        ended() {},
      });
      for (const bytes of messages) channel.receive(bytes);
      const patience = world.ports.clock.advance(60_000);
      await channel.settled();
      await patience;
      void channel.close();
      await channel.settled();
      const { asked, cancelled } = idsOf(messages);
      const answers = said.filter(
        ({ id, method }) => id !== undefined && id !== null && method === undefined,
      );
      for (const id of new Set(asked)) {
        const wanted = asked.filter((each) => each === id).length;
        const times = answers.filter(
          (each) => JSON.stringify(each.id) === JSON.stringify(JSON.parse(id)),
        ).length;
        const least = cancelled.has(id) ? 0 : wanted;
        assert.ok(
          times >= least && times <= wanted,
          `${id} was asked ${wanted} times, answered ${times} times`,
        );
      }
      assert.doesNotMatch(JSON.stringify(world.ports.logged), /call failed/);
    }),
    { seed: 20_260_728, numRuns: 300, endOnFailure: true },
  );
});
