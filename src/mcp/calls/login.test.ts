import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LoginNeeded } from '../../core/outgoing.ts';
import { Cancel } from '../../lib/cancel.ts';
import { requestMessage } from '../../lib/json-rpc.ts';
import type { McpCall, McpOutcome, Question } from '../call.ts';
import { readMessage } from '../message.ts';
import { named } from '../target/failures.ts';
import type { Caller } from './caller.ts';
import { neededLogin, runLoginTool, withLogin } from './login.ts';

interface WorldOptions {
  readonly era?: Caller['era'];
  readonly version?: string;
  readonly capabilities?: object;
  readonly method?: string;
  /** Not over HTTP. */
  readonly channel?: boolean;
}

/** A client, its call, and a login that a test ends. */
class World {
  readonly changed: string[] = [];
  readonly told: string[] = [];
  readonly questions: { question: Question; answer(outcome: McpOutcome): void; fail(error: Error): void }[] =
    [];
  readonly cancel = new Cancel();
  readonly caller: Caller;
  readonly call: McpCall;
  /** What the client was sent to. */
  origin: string | undefined;
  tries = 0;
  loggedIn = false;
  endLogin!: () => void;
  failLogin!: (error: Error) => void;
  readonly #over = new Promise<void>((resolve, reject) => {
    this.endLogin = () => {
      this.loggedIn = true;
      resolve();
    };
    this.failLogin = reject;
  });

  constructor(options: WorldOptions = {}) {
    const { era = 'legacy', version = era === 'legacy' ? '2025-11-25' : '2026-07-28' } = options;
    const { capabilities = { elicitation: { url: {} } }, method = 'tools/call', channel = false } = options;
    this.#over.catch(() => undefined);
    const envelope = { version, capabilities: Buffer.from(JSON.stringify(capabilities)), info: undefined };
    const own = { ...envelope, logLevel: undefined };
    this.caller = {
      era,
      version,
      ports: testPorts(),
      view: { members: [] },
      links: { get: () => this.work() },
      envelope: () => own,
      listChanged: (kind: string) => void this.changed.push(kind),
    } as unknown as Caller;
    this.call = {
      message: readMessage(requestMessage(7, method)),
      method,
      cancel: this.cancel,
      record: {},
      ...(era === 'modern' ? { envelope: own } : {}),
      exchange: channel ? undefined : testExchange({ authority: 'localhost:3000' }),
      peer: {
        notify: (message: Buffer) => void this.told.push(message.toString()),
        ask: (question: Question) =>
          new Promise<McpOutcome>((answer, fail) => {
            this.questions.push({ question, answer, fail });
            question.cancel.onCancel(fail);
          }),
      },
    } as unknown as McpCall;
  }

  /** Goes through after the login. */
  readonly work = async (): Promise<McpOutcome> => {
    this.tries += 1;
    if (this.loggedIn) return { kind: 'result', body: Buffer.from('{"content":[]}') };
    throw named('notes', this.needed());
  };

  needed(): LoginNeeded {
    const login = (url: string) => ({
      url,
      id: 'the-login',
      message: 'Log in to notes',
      done: (cancel: Cancel) =>
        Promise.race([
          this.#over,
          new Promise<void>((_, reject) => {
            cancel.onCancel(reject);
          }),
        ]),
      at: (origin: string) => {
        this.origin = origin;
        return login(`${origin}/page`);
      },
    });
    return new LoginNeeded(login('/page'));
  }

  run(): Promise<McpOutcome> {
    return withLogin(this.caller, this.call, this.work);
  }

  async asked(): Promise<World['questions'][number]> {
    await settled();
    const [only, ...more] = this.questions;
    assert.ok(only);
    assert.equal(more.length, 0);
    return only;
  }
}

const action = (name: string): McpOutcome => ({
  kind: 'result',
  body: Buffer.from(JSON.stringify({ action: name })),
});
const paramsOf = ({ question }: World['questions'][number]) =>
  (JSON.parse(question.message.text.bytes.toString()) as { params: object }).params;
const link = 'http://localhost:3000/page';

test('a login is found in whatever it was wrapped in', () => {
  const needed = new World().needed();
  assert.equal(neededLogin(named('a', named('b', needed))), needed);
  assert.equal(neededLogin(new GatewayError('LOGIN_NEEDED', 'of nobody')), undefined);
  assert.equal(neededLogin(undefined), undefined);
});

for (const era of ['legacy', 'modern'] as const) {
  test(`a ${era} client is asked to open the page, and its call is carried out after the login`, async () => {
    const world = new World({ era });
    const outcome = world.run();
    const asked = await world.asked();
    const id = era === 'legacy' ? { elicitationId: 'the-login' } : {};
    assert.deepEqual(paramsOf(asked), { mode: 'url', ...id, url: link, message: 'Log in to notes' });
    assert.equal(world.origin, 'http://localhost:3000');
    asked.answer(action('accept'));
    await settled();
    assert.equal(world.tries, 1, 'opening a page is no login yet');
    world.endLogin();
    assert.equal((await outcome).kind, 'result');
    assert.equal(world.tries, 2);
    const complete = '"method":"notifications/elicitation/complete","params":{"elicitationId":"the-login"}';
    assert.deepEqual(
      world.told.map((each) => each.includes(complete)),
      era === 'legacy' ? [true] : [],
    );
    await settled();
    assert.deepEqual(world.changed, ['tools', 'prompts', 'resources']);
  });

  test(`a ${era} client whose person is faster than its answer is asked no more`, async () => {
    const world = new World({ era });
    const outcome = world.run();
    const { question } = await world.asked();
    world.endLogin();
    assert.equal((await outcome).kind, 'result');
    assert.ok(question.cancel.cancelled);
  });

  test(`a ${era} client that declines, fails to answer or goes away does not wait`, async () => {
    for (const name of ['decline', 'cancel']) {
      const world = new World({ era });
      const outcome = assert.rejects(world.run(), { code: 'FORBIDDEN', message: /the login was declined/ });
      (await world.asked()).answer(action(name));
      await outcome;
      assert.equal(world.tries, 1);
    }
    const failed = new World({ era });
    const because = new GatewayError('CREDENTIALS_UNAVAILABLE', 'access_denied');
    const outcome = assert.rejects(failed.run(), because);
    (await failed.asked()).answer(action('accept'));
    failed.failLogin(because);
    await outcome;
    const gone = new World({ era });
    const reason = new GatewayError('CANCELLED', 'gone');
    const left = assert.rejects(gone.run(), reason);
    await gone.asked();
    gone.cancel.cancel(reason);
    await left;
  });
}

test('a legacy client that cannot open pages gets the link as an error of the protocol', async () => {
  const refusal = (error: unknown) => {
    assert.ok(error instanceof LoginNeeded);
    assert.equal(error.rpc, -32042);
    assert.ok(error.message.includes(link));
    const elicitations = [{ mode: 'url', elicitationId: 'the-login', url: link, message: 'Log in to notes' }];
    assert.deepEqual(error.detail.data, { elicitations });
    return true;
  };
  for (const options of [
    { capabilities: {} },
    { capabilities: { elicitation: {} } },
    { capabilities: { elicitation: { form: {} } } },
    { version: '2025-06-18' },
  ]) {
    const world = new World(options);
    await assert.rejects(world.run(), refusal);
    assert.equal(world.questions.length, 0);
  }
  for (const answer of ['error', 'reject', 'nonsense'] as const) {
    const world = new World();
    const outcome = assert.rejects(world.run(), refusal);
    const asked = await world.asked();
    if (answer === 'reject') asked.fail(new Error('no stream is open'));
    else asked.answer({ kind: answer === 'error' ? 'error' : 'result', body: Buffer.from('{"code":1}') });
    await outcome;
  }
});

test('a modern client that cannot gets it in the result of a tool, or is told what it lacks', async () => {
  const tool = new World({ era: 'modern', capabilities: {} });
  const { kind, body } = await tool.run();
  const result = JSON.parse(body.toString()) as Record<string, unknown>;
  assert.equal(kind, 'result');
  assert.deepEqual([result['isError'], result['resultType']], [true, 'complete']);
  assert.ok(body.includes(link));
  const prompt = new World({ era: 'modern', capabilities: {}, method: 'prompts/get' });
  await assert.rejects(prompt.run(), (error: unknown) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'CAPABILITY_MISSING');
    assert.deepEqual(error.detail.data, { requiredCapabilities: { elicitation: { url: {} } } });
    assert.ok(error.message.includes(link));
    return true;
  });
});

test('without HTTP there is no page, and the error says so', async () => {
  await assert.rejects(new World({ channel: true }).run(), { message: /over standard input and output/ });
});

test('what fails for another reason fails as it did, also after a login', async () => {
  const world = new World();
  const other = new GatewayError('UPSTREAM_TIMEOUT', 'late');
  await assert.rejects(
    withLogin(world.caller, world.call, () => Promise.reject(other)),
    other,
  );
  let tries = 0;
  const outcome = assert.rejects(
    withLogin(world.caller, world.call, () => {
      tries += 1;
      throw world.needed();
    }),
    LoginNeeded,
  );
  (await world.asked()).answer(action('accept'));
  world.endLogin();
  await outcome;
  assert.equal(tries, 2, 'one login for one call');
});

test('a client is told once of a login, however many of its calls it was begun for', async () => {
  const world = new World({ capabilities: {} });
  for (let count = 0; count < 3; count += 1) await assert.rejects(world.run(), LoginNeeded);
  world.endLogin();
  await settled();
  assert.deepEqual(world.changed, ['tools', 'prompts', 'resources']);
});

test('the tool of the gateway begins a login, or says that there is one', async () => {
  const member = { target: { name: 'notes' } } as never;
  const textOf = ({ body }: McpOutcome) =>
    (JSON.parse(body.toString()) as { content: { text: string }[] }).content[0]?.text ?? '';
  const world = new World({ capabilities: {} });
  assert.match(textOf(await runLoginTool(world.caller, world.call, member)), /open this link.*\/page\n/);
  world.endLogin();
  assert.match(
    textOf(await runLoginTool(world.caller, world.call, member)),
    /^You are logged in to notes\.$/,
  );
  const asking = new World();
  const answer = runLoginTool(asking.caller, asking.call, member);
  (await asking.asked()).answer(action('accept'));
  asking.endLogin();
  assert.match(textOf(await answer), /You are logged in to notes now/);
});
