import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { SSE_HEARTBEAT, type SseEvent, SseLimitError, SseParser, sseEvent } from './sse.ts';

interface Seen {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
  readonly retry: number | undefined;
}

/** Everything a stream gives, comments as 'comment' and the limit as 'limit', when it comes in these chunks. */
function parse(chunks: readonly Buffer[], maxEventBytes = 1_000_000): (Seen | 'comment' | 'limit')[] {
  const seen: (Seen | 'comment' | 'limit')[] = [];
  const parser = new SseParser(
    {
      event: (event) => seen.push({ ...event, data: event.data.toString() }),
      comment: () => seen.push('comment'),
    },
    { maxEventBytes },
  );
  try {
    for (const chunk of chunks) parser.push(chunk);
  } catch (error) {
    assert.ok(error instanceof SseLimitError);
    seen.push('limit');
  }
  parser.end();
  return seen;
}

function seen(data: string, rest: Partial<Seen> = {}): Seen {
  return { event: 'message', data, id: undefined, retry: undefined, ...rest };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

/** The standard's algorithm on a whole text, one line after the other. */
function reference(text: string): Seen[] {
  const found: Seen[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  // What stands behind the last line end is no line yet.
  lines.pop();
  let data: string[] = [];
  let fields: Partial<Seen> = {};
  for (const line of lines) {
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) as unknown as [
      string,
      string,
      string | undefined,
    ];
    const text = value ?? '';
    if (line === '') {
      if (data.length > 0 || fields.id !== undefined || fields.retry !== undefined) {
        found.push(seen(data.join('\n'), { ...fields, event: fields.event || 'message' }));
      }
      data = [];
      fields = {};
    } else if (name === 'data') data.push(text);
    else if (name === 'event') fields = { ...fields, event: text };
    else if (name === 'id' && !text.includes('\0')) fields = { ...fields, id: text };
    else if (name === 'retry' && /^\d{1,15}$/.test(text)) fields = { ...fields, retry: Number(text) };
  }
  return found;
}

describe('SseParser', () => {
  const streams: readonly (readonly [title: string, text: string, events: readonly (Seen | 'comment')[]])[] =
    [
      ['an event as MCP servers write it', 'event: message\ndata: {"a":1}\n\n', [seen('{"a":1}')]],
      [
        'all fields',
        'event: e\nid: 1\nretry: 250\ndata: x\n\n',
        [seen('x', { event: 'e', id: '1', retry: 250 })],
      ],
      ['several data lines', 'data: a\ndata:\ndata:  b\ndata\n\n', [seen('a\n\n b\n')]],
      [
        'every kind of line end',
        'data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\ndata: e\n\r\n',
        ['a', 'b', 'c', 'd', 'e'].map((data) => seen(data)),
      ],
      ['a priming event', 'id: 7\ndata: \n\n', [seen('', { id: '7' })]],
      ['an event of an id alone', 'id: 7\n\n', [seen('', { id: '7' })]],
      ['an event of a retry alone', 'retry: 10\n\n', [seen('', { retry: 10 })]],
      ['an empty id', 'id\n\n', [seen('', { id: '' })]],
      [
        'an id that is not kept for the next event',
        'id: 1\ndata: a\n\ndata: b\n\n',
        [seen('a', { id: '1' }), seen('b')],
      ],
      ['a byte order mark', '\ufeffdata: a\n\ndata: b\n\n', [seen('a'), seen('b')]],
      ['a byte order mark alone', '\ufeff\n\n', []],
      ['a second byte order mark as part of a name', '\ufeff\ufeffdata: a\n\ndata: b\n\n', [seen('b')]],
      [
        'comments',
        ': hi\n:\n\ndata: a\n: inside\ndata: b\n\n',
        ['comment', 'comment', 'comment', seen('a\nb')],
      ],
      ['unknown fields', 'foo: 1\nDATA: x\n data: y\nda: z\ndatax: 1\n\ndata: a\n\n', [seen('a')]],
      ['an event name without anything else', 'event: ping\n\ndata: a\n\n', [seen('a')]],
      ['an empty event name', 'event:\ndata: a\n\n', [seen('a')]],
      ['an id with NUL', 'id: 1\nid: a\0b\ndata: x\n\n', [seen('x', { id: '1' })]],
      [
        'a retry that is no number',
        'retry: 1.5\nretry: -1\nretry: \nretry: 1e3\nretry: 9999999999999999\ndata: x\n\n',
        [seen('x')],
      ],
      ['only one space behind the colon', 'data:a:b\n\ndata:  a\n\n', [seen('a:b'), seen(' a')]],
      [
        'wide characters',
        'event: é\nid: 漢\ndata: \u{1f600}\u2028\n\n',
        [seen('\u{1f600}\u2028', { event: 'é', id: '漢' })],
      ],
      ['an event whose blank line never comes', 'data: a\n\ndata: b\n', [seen('a')]],
      ['a line that never ends', 'data: a\n\ndata: b', [seen('a')]],
      ['blank lines alone', '\n\n\r\n\r\r', []],
    ];
  for (const [title, text, events] of streams) {
    it(`reads ${title}, in one chunk, cut in two anywhere, and byte by byte`, () => {
      const bytes = Buffer.from(text);
      assert.deepEqual(parse([bytes]), events);
      for (let at = 0; at <= bytes.length; at++)
        assert.deepEqual(parse(cut(bytes, [at])), events, `cut at ${at}`);
      assert.deepEqual(parse([...bytes].map((byte) => Buffer.from([byte]))), events);
    });
  }

  it('gives the same events however a stream is cut, and those of the standard', () => {
    const part = fc.constantFrom(
      'data',
      'event',
      'id',
      'retry',
      'data:',
      'data: ',
      'id: ',
      'event: ',
      'retry: ',
      ':',
      ' ',
      '\n',
      '\n',
      '\n\n',
      '\r',
      '\r\n',
      '\r\n\r\n',
      'a',
      '12',
      'é',
      '\0',
      '\ufeff',
      '{"x":1}',
      'data: x\n\n',
      'id: 5\n',
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 40 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (parts, places) => {
          const text = parts.join('');
          const bytes = Buffer.from(text);
          const whole = parse([bytes]);
          assert.deepEqual(parse(cut(bytes, places)), whole);
          assert.deepEqual(
            whole.filter((each) => each !== 'comment'),
            reference(text),
          );
        },
      ),
      { seed: SEED, numRuns: 4000 },
    );
  });

  it('keeps the limit for whole lines, however the stream is cut', () => {
    const exact = 'data: 12345\n\n';
    assert.deepEqual(parse([Buffer.from(exact)], 12), [seen('12345')]);
    const part = fc.constantFrom(
      'data: x\n',
      'data: 123456\n',
      ': a comment\n',
      'id: 1\n',
      '\n',
      'foo: bar\n',
      'x',
      '\r\n',
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 20 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (parts, places) => {
          const bytes = Buffer.from(`${parts.join('')}\n`);
          assert.deepEqual(parse(cut(bytes, places), 20), parse([bytes], 20));
        },
      ),
      { seed: SEED, numRuns: 3000 },
    );
  });

  it('stops at an event over the limit: whole, in lines, or without any line end', () => {
    const streams = [
      'data: 123456\n\n',
      'data: 1\ndata: 2\n\n',
      'data: 123456789',
      ':1234567890123\n\n',
      'id: 1\nevent: e\n\n',
      'x\nx\nx\nx\nx\nx\nx\n',
    ];
    for (const text of streams) {
      assert.deepEqual(parse([Buffer.from(`data: a\n\n${text}`)], 12), [seen('a'), 'limit'], text);
      assert.deepEqual(
        parse(
          [...Buffer.from(text)].map((byte) => Buffer.from([byte])),
          12,
        ),
        ['limit'],
        text,
      );
    }
    assert.throws(() => new SseParser({ event() {} }, { maxEventBytes: 3 }).push(Buffer.from('data:')), {
      limit: 3,
    });
  });

  it('counts each event and each comment alone', () => {
    const text = 'data: 123\n\n: 345678\n: 345678\ndata: 123\n\n'.repeat(5);
    assert.equal(parse([Buffer.from(text)], 10).length, 20);
  });

  it('delivers nothing after its end, nor after the limit, nor when the listener ends it in the middle of a chunk', () => {
    const events: string[] = [];
    const parser = new SseParser(
      {
        event(event) {
          events.push(event.data.toString());
          if (events.length === 2) parser.end();
        },
      },
      { maxEventBytes: 100 },
    );
    parser.push(Buffer.from('data: a\n\ndata: b\n\ndata: c\n\n'));
    parser.push(Buffer.from('data: d\n\n'));
    assert.deepEqual(events, ['a', 'b']);
    const limited = new SseParser({ event: () => assert.fail('delivered') }, { maxEventBytes: 5 });
    assert.throws(() => limited.push(Buffer.from('data: 1')), SseLimitError);
    limited.push(Buffer.from('\n\n'));
  });

  it('delivers the data of an event in one chunk without copying it', () => {
    const chunk = Buffer.from('event: message\ndata: {"a":1}\n\n');
    const events: SseEvent[] = [];
    new SseParser({ event: (event) => events.push(event) }, { maxEventBytes: 100 }).push(chunk);
    assert.equal(events[0]?.data.buffer, chunk.buffer);
    assert.equal(events[0]?.data.byteOffset, chunk.byteOffset + 21);
  });

  it('needs no listener for comments', () => {
    const events: SseEvent[] = [];
    new SseParser({ event: (event) => events.push(event) }, { maxEventBytes: 100 }).push(
      Buffer.from(':\n\ndata: a\n\n'),
    );
    assert.equal(events.length, 1);
  });
});

describe('sseEvent', () => {
  it('writes the fields that are given', () => {
    assert.equal(sseEvent({ data: Buffer.from('{}') }).toString(), 'data: {}\n\n');
    assert.equal(
      sseEvent({ event: 'endpoint', id: '7', retry: 500, data: Buffer.from('/x') }).toString(),
      'event: endpoint\nid: 7\nretry: 500\ndata: /x\n\n',
    );
  });

  it('refuses an id or a name that would write fields of its own', () => {
    for (const text of ['a\nb', 'a\rb', 'a\0b', '\n']) {
      assert.throws(() => sseEvent({ data: Buffer.alloc(0), id: text }), RangeError);
      assert.throws(() => sseEvent({ data: Buffer.alloc(0), event: text }), RangeError);
    }
  });

  it('is read back by the parser with the line ends of its data as LF', () => {
    const data = fc
      .array(fc.constantFrom('a', '\n', '\r', '\r\n', ' ', ':', 'data: ', '\n\n', 'é', '\0'))
      .map((parts) => parts.join(''));
    const name = fc.option(fc.constantFrom('a', 'é b', '0'), { nil: undefined });
    fc.assert(
      fc.property(data, name, name, fc.option(fc.nat(), { nil: undefined }), (text, event, id, retry) => {
        const written = sseEvent({ data: Buffer.from(text), event, id, retry });
        const expected = seen(text.replaceAll(/\r\n?/g, '\n'), { event: event ?? 'message', id, retry });
        assert.deepEqual(parse([written, written]), [expected, expected]);
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });

  it('writes a heartbeat that is a comment', () => {
    assert.deepEqual(parse([SSE_HEARTBEAT, SSE_HEARTBEAT]), ['comment', 'comment']);
  });
});
