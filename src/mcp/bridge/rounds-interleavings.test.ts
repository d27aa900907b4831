/** Random rounds of questions, answers, failures and cancellations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asked, BY_URL, FORM, ROOTS, run, SAMPLE } from '../../../test/fixtures/input-rounds.ts';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import type { Asked } from '../../../test/fixtures/scripted-link.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';

const KINDS = [ROOTS, FORM, BY_URL, SAMPLE];
const key = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'constructor', '1', '\ud800'));
const script = fc.array(
  fc.record({
    questions: fc.uniqueArray(fc.tuple(key, fc.nat(KINDS.length - 1)), {
      selector: ([name]) => name,
      maxLength: 5,
    }),
    state: fc.option(fc.string(), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 6 },
);
const moves = fc.array(
  fc.record({
    do: fc.constantFrom('answer', 'answer', 'answer', 'answer', 'fail', 'cancel'),
    at: fc.nat(20),
  }),
  { maxLength: 40 },
);

test('whatever is asked and answered in whatever order: each answer under its key, and nobody is left waiting', async () => {
  await fc.assert(
    fc.asyncProperty(script, moves, async (rounds, steps) => {
      const outcomes = rounds.map(({ questions: wanted, state }) => {
        const members = wanted.map(
          ([name, kind]) => `${JSON.stringify(name)}:${JSON.stringify(KINDS[kind])}`,
        );
        const stated =
          state === undefined && members.length > 0 ? '' : `,"requestState":${JSON.stringify(state ?? '')}`;
        return `{"resultType":"input_required","inputRequests":{${members.join(',')}}${stated}}`;
      });
      const started = run(outcomes.map((body) => ({ kind: 'result', body: Buffer.from(body) })));
      const open = new Set<Asked>();
      let seen = 0;
      for (const each of [...steps, ...Array.from({ length: 40 }, () => ({ do: 'answer', at: 0 }))]) {
        await started.ports.clock.advance(250);
        for (; seen < started.peer.asked.length; seen += 1) open.add(asked(started, seen));
        if (started.state !== 'waiting') break;
        const one = [...open][each.at % Math.max(1, open.size)];
        if (each.do === 'cancel') started.cancel.cancel(new GatewayError('CANCELLED', 'enough'));
        if (!one) continue;
        open.delete(one);
        if (each.do === 'fail') one.reject(new Error('no'));
        // Names the question, so that an answer under another key shows.
        else one.result({ asked: started.peer.asked.indexOf(one) });
      }
      await settled();
      assert.notEqual(started.state, 'waiting');
      assert.equal(started.ports.clock.waiting, 0);
      if (!started.cancel.cancelled) assert.equal(started.cancel.listeners, 0);
      for (const { question } of started.peer.asked) assert.equal(question.cancel.cancelled, true);
      let at = 0;
      for (const [index, { responses }] of started.retries.entries()) {
        const expected = (rounds[index]?.questions ?? []).map(([name]) => [name, { asked: at++ }]);
        assert.deepEqual(Object.entries(responses ?? {}), Object.entries(Object.fromEntries(expected)));
      }
    }),
    { seed: SEED, numRuns: 200 },
  );
});
