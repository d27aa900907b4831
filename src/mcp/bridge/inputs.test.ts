import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ALL,
  asked,
  BY_URL,
  FORM,
  input,
  questions,
  ROOTS,
  run,
  SAMPLE,
  toolError,
} from '../../../test/fixtures/input-rounds.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { LIMITS } from '../../core/limits.ts';
import { wholeMessage } from '../message.ts';

describe('a legacy client', () => {
  it('is asked only what it declared and its revision knows', async () => {
    const tools = { ...SAMPLE, params: { ...SAMPLE.params, tools: [] } };
    const choice = { ...SAMPLE, params: { ...SAMPLE.params, toolChoice: {} } };
    const plain = { ...FORM, params: { message: 'Who?', requestedSchema: {} } };
    const table: [object, object, string, string | undefined][] = [
      [ROOTS, { roots: {} }, '2024-11-05', undefined],
      [ROOTS, {}, '2025-11-25', 'the client does not support roots'],
      [ROOTS, { roots: null }, '2025-11-25', 'the client does not support roots'],
      [SAMPLE, { sampling: {} }, '2024-11-05', undefined],
      [SAMPLE, { elicitation: {} }, '2025-06-18', 'the client does not support sampling'],
      [tools, { sampling: { tools: {} } }, '2025-11-25', undefined],
      [tools, { sampling: {} }, '2025-11-25', 'the client does not support sampling.tools'],
      [choice, { sampling: {} }, '2025-11-25', 'the client does not support sampling.tools'],
      [FORM, { elicitation: {} }, '2025-06-18', undefined],
      [plain, { elicitation: { form: {} } }, '2025-11-25', undefined],
      [plain, { elicitation: { url: {} } }, '2025-11-25', 'the client does not support elicitation.form'],
      [plain, { sampling: {} }, '2025-11-25', 'the client does not support elicitation'],
      [BY_URL, { elicitation: { url: {} } }, '2025-11-25', undefined],
      [BY_URL, { elicitation: {} }, '2025-11-25', 'the client does not support elicitation.url'],
      [
        BY_URL,
        { elicitation: { url: {} } },
        '2025-06-18',
        'revision 2025-06-18 of the client knows no elicitation by URL',
      ],
      [{ method: 'secrets/list' }, ALL, '2025-11-25', 'a client cannot be asked that'],
      [{ method: 'ping' }, ALL, '2025-11-25', 'a client cannot be asked that'],
    ];
    for (const [question, capabilities, version, reason] of table) {
      const started = run([input({ ok: ROOTS, q: question })], {
        capabilities: { roots: {}, ...capabilities },
        version,
      });
      const alone = run([input({ q: question })], { capabilities, version });
      await settled();
      const what = JSON.stringify([question, capabilities, version]);
      if (reason === undefined) {
        assert.equal(alone.peer.asked.length, 1, what);
        continue;
      }
      const { method } = question as { method: string };
      const text = `The server asked the client for ${method}, and got no answer: ${reason}.`;
      assert.equal(toolError(alone), text, what);
      assert.deepEqual(alone.peer.asked, []);
      if (method !== 'roots/list') assert.deepEqual([toolError(started), started.peer.asked], [text, []]);
    }
  });

  it('that is sent to a URL is given an id for it, each time another, unless the server gave one', async () => {
    const named = { ...BY_URL, params: { elicitationId: 'mine', ...BY_URL.params } };
    const started = run([input({ a: BY_URL, b: BY_URL, c: named })]);
    await settled();
    const params = questions(started).map((each) => (each as { params: Record<string, unknown> }).params);
    const [a, b, c] = params.map(({ elicitationId }) => elicitationId);
    assert.match(String(a), /^[0-9a-f]{32}$/);
    assert.match(String(b), /^[0-9a-f]{32}$/);
    assert.notEqual(a, b);
    assert.equal(c, 'mine');
    for (const each of params) assert.deepEqual({ ...each, elicitationId: 'mine' }, named.params);
    const text = wholeMessage(asked(started, 2).question.message).toString();
    assert.equal(text.split('elicitationId').length, 2, 'the member stands there once');
  });

  it('gets the parameters byte for byte', async () => {
    const params =
      '{ "message":"\\u00e9","requestedSchema":{"x":1.50e3,"y":12345678901234567890}, "_meta":{"k":[1 ]} }';
    const body = `{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":${params}}}}`;
    const started = run([{ kind: 'result', body: Buffer.from(body) }]);
    await settled();
    assert.ok(wholeMessage(asked(started).question.message).includes(params));
  });

  it('is not asked more at once than it may have to answer', async () => {
    const many = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, ROOTS]));
    const most = LIMITS.pendingAsks.value;
    const started = run([input(many(most + 1))]);
    await settled();
    assert.match(toolError(started), new RegExp(`for ${most + 1} things at once, .*no more than ${most}`));
    const within = run([input(many(most))]);
    await settled();
    assert.deepEqual([started.peer.asked.length, within.peer.asked.length], [0, most]);
  });
});
