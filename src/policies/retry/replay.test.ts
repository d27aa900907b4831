import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { WholeBody } from '../../core/whole-body.ts';
import { isReplayable, replays } from './replay.ts';

const MOST = LIMITS.replayedBody.value;

test('a body that a policy has read can be sent again whatever its size', async () => {
  const large = Buffer.alloc(MOST + 1);
  const { body } = testExchange({ method: 'POST', body: large });
  assert.equal(isReplayable(body), false);
  const whole = new WholeBody(large);
  assert.equal(isReplayable(whole), true);
  const make = await replays(whole);
  assert.deepEqual([make().stream(), make().stream()], [large, large]);
});
