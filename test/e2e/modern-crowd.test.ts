/** Many modern clients at once, each with its own question and answer: nobody gets what belongs to another. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { textOf } from '../fixtures/mcp-http.ts';
import { answered, inputOf, MODERN, ModernClient } from '../fixtures/mcp-modern.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const CROWD = 200;
const CAPABILITIES = { elicitation: {} };

const world = await startWorld({ targets: { older: {}, newer: { raw: { era: 'modern' } } } });
after(() => world.close());

interface Question {
  readonly name: string;
  readonly args: object;
}

/** Of a legacy server, which asks while it is called, and of a modern one, which wants its state back. */
function questions(at: number): readonly Question[] {
  const params = { message: `question of ${at}` };
  const ask: Step = { do: 'ask', method: 'elicitation/create', params, id: at };
  const text = JSON.stringify({
    resultType: 'input_required',
    inputRequests: { it: { method: 'elicitation/create', params } },
    requestState: `asked ${at}`,
  });
  return [
    { name: 'older_script', args: { steps: [ask, { do: 'resultAnswers' }] } },
    { name: 'newer_script', args: { steps: [{ do: 'need', text }, { do: 'resultReceived' }] } },
  ];
}

test(`${CROWD} clients that are asked at the same time get each their own`, async (t) => {
  const clients = Array.from({ length: CROWD }, (_, at) => {
    const headers = { authorization: `Bearer ${at}` };
    const client = new Named(world.gateway.url, at, headers);
    t.after(() => client.close());
    return client;
  });
  const asked = await Promise.all(
    clients.flatMap((client, at) =>
      questions(at).map(async ({ name, args }) => {
        const input = inputOf(await client.call(name, args));
        const asked = Object.values(input.requests).map(({ params }) => params);
        assert.deepEqual(asked, [{ message: `question of ${at}` }]);
        return { client, at, name, args, input };
      }),
    ),
  );
  assert.equal(new Set(asked.map(({ input }) => input.state)).size, asked.length);
  // Answers come in another order than questions went out.
  asked.sort((a, b) => ((a.at * 7919) % 211) - ((b.at * 7919) % 211));
  await Promise.all(
    asked.map(async ({ client, at, name, args, input }) => {
      const given = { action: 'accept', content: { value: `answer of ${at}` } };
      const text = textOf(await client.again(name, args, answered(input, given)));
      if (name === 'older_script') return assert.deepEqual(JSON.parse(text), [given]);
      const { params } = JSON.parse(text) as { params: Record<string, unknown> };
      assert.deepEqual(params['inputResponses'], { it: given });
      assert.equal(params['requestState'], `asked ${at}`);
    }),
  );
});

test('a client that comes with the state and the answer of another call of its own is refused', async (t) => {
  const client = new Named(world.gateway.url, 0, {});
  t.after(() => client.close());
  const [first, second] = [questions(1), questions(2)];
  for (const [at, { name, args }] of first.entries()) {
    const one = inputOf(await client.call(name, args));
    const two = inputOf(await client.call(name, second[at]?.args ?? {}));
    const swapped = await client.again(name, args, answered(two, { action: 'accept', content: {} }));
    // The legacy call is known here; whose the state of a modern server is that server knows.
    const reason = name === 'older_script' ? /not the request it was given for/ : /unknown requestState/;
    assert.match(swapped.error?.message ?? '', reason);
    assert.ok((await client.again(name, args, answered(one, { action: 'decline' }))).result);
    assert.ok((await client.again(name, second[at]?.args, answered(two, { action: 'decline' }))).result);
  }
});

/** A client that says which of many it is. */
class Named extends ModernClient {
  readonly #info: object;

  constructor(url: string, at: number, headers: Record<string, string>) {
    super(url, { capabilities: CAPABILITIES, headers });
    this.#info = { name: `client ${at}`, version: MODERN };
  }

  override message(method: string, params: object = {}) {
    return super.message(method, {
      ...params,
      _meta: { 'io.modelcontextprotocol/clientInfo': this.#info },
    });
  }
}
