import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Flow } from '../../lib/flow.ts';
import { ReplayBudget, ReplayRing } from '../sessions/replay.ts';
import { EventStream } from './event-stream.ts';
import { Heart } from './heart.ts';

/** A client's end of a connection: what it was sent, event by event. */
class Reader {
  readonly events: string[] = [];
  end: 'open' | 'ended' | Error = 'open';
  readonly flow: Flow;

  constructor(flow: Flow) {
    this.flow = flow;
    flow.to({
      data: (chunk) => void this.events.push(...chunk.toString().split('\n\n').filter(Boolean).map(short)),
      end: () => {
        this.end = 'ended';
      },
      fail: (error) => {
        this.end = error;
      },
    });
  }
}

/** `id|data` for messages, else the lines of the event. */
function short(event: string): string {
  const lines = event.split('\n');
  const field = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name}:`))?.replace(/^\w+: ?/, '');
  const rest = lines.filter((line) => !/^(?:id|data|event: ?message)/.test(line));
  return [field('id'), field('data'), ...rest].filter((part) => part !== undefined).join('|');
}

const overloaded = ({ end }: Reader): boolean => end instanceof GatewayError && end.code === 'OVERLOADED';

interface World {
  readonly stream: EventStream;
  readonly dropped: string[];
  readonly detached: () => number;
}

function world({ maxQueue = 1000, resumable = true } = {}): World {
  const dropped: string[] = [];
  let detached = 0;
  const ring = new ReplayRing(new ReplayBudget({ sessionBytes: 2000, totalBytes: 10_000 }));
  const stream = new EventStream({
    replay: resumable ? { id: 's', ring } : undefined,
    maxQueue,
    heart: new Heart(new FakeClock(), 1000),
    detached: () => {
      detached += 1;
    },
    dropped: (importance) => void dropped.push(importance),
  });
  return { stream, dropped, detached: () => detached };
}

const anonymous = (maxQueue = 1000): World => world({ maxQueue, resumable: false });

const say = ({ stream }: World, text: string, importance: 'keep' | 'log' | 'progress' = 'keep'): void =>
  stream.send(Buffer.from(text), importance);
/** A whole heartbeat. */
const beat = ({ stream }: World): void => {
  stream.beat();
  stream.beat();
};
const attached = ({ stream }: World, after?: number): Reader => new Reader(stream.attach(after));

describe('writing', () => {
  it('numbers events where they can be resumed, and leaves the numbers out where they cannot', () => {
    const numbered = world();
    const reader = attached(numbered);
    say(numbered, 'a');
    say(numbered, 'b');
    assert.deepEqual(reader.events, ['s-1|a', 's-2|b']);
    const bare = anonymous();
    const old = attached(bare);
    bare.stream.announce('endpoint', '/message');
    say(bare, 'a');
    bare.stream.prime(100);
    assert.deepEqual(old.events, ['/message|event: endpoint', 'a']);
  });

  it('ends after what was said before', () => {
    const one = world();
    const reader = attached(one);
    say(one, 'a');
    one.stream.end();
    say(one, 'late');
    assert.deepEqual([reader.events, reader.end, one.stream.ended], [['s-1|a'], 'ended', true]);
  });

  it('beats only on a connection that can take it', () => {
    const one = world();
    const reader = attached(one);
    beat(one);
    reader.flow.pause();
    beat(one);
    assert.equal(reader.events.length, 1);
    reader.flow.resume();
    beat(one);
    assert.equal(reader.events.length, 2);
    reader.flow.cancel(new Error('gone'));
    beat(one);
    assert.equal(reader.events.length, 2);
  });
});

describe('a slow reader', () => {
  it('gets everything in order when it goes on, and then the end', () => {
    const one = world();
    const reader = attached(one);
    reader.flow.pause();
    for (const text of ['a', 'b', 'c']) say(one, text);
    one.stream.end();
    assert.deepEqual([reader.events, reader.end], [[], 'open']);
    reader.flow.resume();
    assert.deepEqual([reader.events, reader.end], [['s-1|a', 's-2|b', 's-3|c'], 'ended']);
  });

  it('may pause again while the queue is written to it', () => {
    const one = world();
    const flow = one.stream.attach();
    const events: string[] = [];
    const data = (chunk: Buffer): void => {
      events.push(short(chunk.toString().trim()));
      flow.pause();
    };
    flow.to({ data, end: () => events.push('end'), fail() {} });
    for (const text of ['a', 'b']) say(one, text);
    one.stream.end();
    assert.deepEqual(events, ['s-1|a']);
    flow.resume();
    assert.deepEqual(events, ['s-1|a', 's-2|b']);
    flow.resume();
    assert.deepEqual(events, ['s-1|a', 's-2|b', 'end']);
  });

  it('loses log messages that do not fit, and older progress for newer', () => {
    const one = world({ maxQueue: 200 });
    const reader = attached(one);
    reader.flow.pause();
    say(one, 'answer');
    for (let step = 1; step <= 20; step += 1) say(one, `p${step}`, 'progress');
    const shown = one.dropped.length;
    assert.ok(shown > 0 && one.dropped.every((importance) => importance === 'progress'));
    say(one, 'l'.repeat(150), 'log');
    assert.deepEqual(one.dropped.slice(shown), ['log']);
    reader.flow.resume();
    assert.equal(reader.events[0], 's-1|answer');
    assert.equal(reader.events.at(-1), 's-21|p20', 'the newest progress is what counts');
    assert.equal(reader.events.length, 21 - shown);
  });

  it('loses whatever may be lost before an answer', () => {
    const one = world({ maxQueue: 200 });
    const reader = attached(one);
    reader.flow.pause();
    say(one, 'l'.repeat(60), 'log');
    say(one, 'p', 'progress');
    say(one, 'a'.repeat(120));
    assert.deepEqual(one.dropped, ['log', 'progress']);
    reader.flow.resume();
    assert.deepEqual(reader.events, [`s-3|${'a'.repeat(120)}`]);
  });

  it('is sent away when answers pile up, and finds them when it comes back', () => {
    const one = world({ maxQueue: 200 });
    const reader = attached(one);
    reader.flow.pause();
    for (const text of ['a', 'b', 'c']) say(one, text.repeat(100));
    assert.equal(overloaded(reader), true);
    assert.deepEqual([one.detached(), one.stream.attached, one.dropped], [1, false, []]);
    const again = attached(one, 0);
    assert.deepEqual(
      again.events.map((event) => event.slice(0, 5)),
      ['s-1|a', 's-2|b', 's-3|c'],
    );
  });

  it('is not slow because of one answer that is larger than the queue', () => {
    const one = anonymous(200);
    const reader = attached(one);
    reader.flow.pause();
    say(one, 'x'.repeat(5000));
    assert.equal(overloaded(reader), false);
    say(one, 'y');
    assert.equal(overloaded(reader), true, 'a second one beside it is too much');
  });

  it('frees what waited for it when it goes away', () => {
    const one = world({ maxQueue: 200 });
    const reader = attached(one);
    reader.flow.pause();
    say(one, 'a'.repeat(100));
    reader.flow.cancel(new Error('gone'));
    assert.equal(one.detached(), 1);
    const again = attached(one);
    assert.deepEqual(again.events, []);
    say(one, 'b'.repeat(100));
    assert.equal(again.events.length, 1);
  });
});

describe('resuming', () => {
  it('gives what came after the last event seen, and goes on', () => {
    const one = world();
    const first = attached(one);
    say(one, 'a');
    first.flow.cancel(new Error('gone'));
    say(one, 'b');
    say(one, 'c');
    const again = attached(one, 1);
    say(one, 'd');
    assert.deepEqual(again.events, ['s-2|b', 's-3|c', 's-4|d']);
  });

  it('gives what is left of a stream that has ended, and ends', () => {
    const one = world();
    attached(one).flow.cancel(new Error('gone'));
    say(one, 'a');
    one.stream.end();
    const again = attached(one, 0);
    assert.deepEqual([again.events, again.end], [['s-1|a'], 'ended']);
  });

  it('gives the answer even where something before it is no longer kept', () => {
    const one = world();
    attached(one).flow.cancel(new Error('gone'));
    for (let step = 1; step <= 100; step += 1) say(one, `p${step}`, 'progress');
    say(one, 'answer');
    const again = attached(one, 0);
    assert.equal(again.events.at(-1), 's-101|answer');
    assert.ok(again.events.length < 100);
  });

  it('without a number begins with what comes next', () => {
    const one = world();
    attached(one).flow.cancel(new Error('gone'));
    say(one, 'missed');
    const again = attached(one);
    say(one, 'b');
    assert.deepEqual(again.events, ['s-2|b']);
  });

  it('takes the place of a connection that is still there, which has no say any more', () => {
    const one = world();
    const first = attached(one);
    first.flow.pause();
    const second = attached(one);
    assert.equal(first.end, 'ended');
    assert.equal(one.detached(), 0);
    second.flow.pause();
    say(one, 'a');
    first.flow.resume();
    assert.deepEqual(second.events, [], 'the resume of the old connection is not for the new one');
    second.flow.resume();
    first.flow.pause();
    say(one, 'b');
    first.flow.cancel(new Error('gone'));
    assert.deepEqual(second.events, ['s-1|a', 's-2|b']);
    assert.equal(one.detached(), 0);
  });
});

describe('an upstream that wants the connection closed for a while', () => {
  it('gets its wish: an event with an id and the delay, then the end; the rest is fetched by resuming', () => {
    const one = world();
    const reader = attached(one);
    say(one, 'a');
    one.stream.pause(500);
    assert.deepEqual(reader.events, ['s-1|a', 's-2||retry: 500']);
    assert.deepEqual([reader.end, one.stream.attached, one.stream.ended], ['ended', false, false]);
    say(one, 'b');
    one.stream.end();
    assert.deepEqual(attached(one, 2).events, ['s-3|b']);
  });

  it('does not get it where nothing can be resumed, or the reader is behind', () => {
    const bare = anonymous();
    const old = attached(bare);
    bare.stream.pause(500);
    assert.deepEqual([old.events, old.end], [[], 'open']);
    const one = world();
    const slow = attached(one);
    slow.flow.pause();
    say(one, 'a');
    one.stream.pause(500);
    slow.flow.resume();
    assert.deepEqual([slow.events, slow.end], [['s-1|a'], 'open']);
  });
});
