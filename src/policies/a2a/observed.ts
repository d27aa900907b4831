/**
 * Looks into answers as they pass: short JSON, events of a stream, messages of gRPC and the status behind them. Nothing
 * waits for it, and not a byte changes.
 */
import { HEAD } from '../../a2a/grpc.ts';
import { readGrpcReply } from '../../a2a/grpc-reply.ts';
import { type Answered, readReply } from '../../a2a/reply.ts';
import type { Reply } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { A2aRecord } from '../../core/signals.ts';
import { Flow } from '../../lib/flow.ts';
import { SseLimitError, SseParser } from '../../lib/sse.ts';
import type { Question } from './question.ts';

const MOST = LIMITS.agentReply.value;

/** What hears a body as it passes. */
interface Ear {
  data(chunk: Buffer): void;
  end(trailers: readonly string[] | undefined): void;
}

export function observed(reply: Reply, { facts, grpc }: Question): Reply {
  const { body, headers, status } = reply;
  facts.outcome = status < 400 ? 'ok' : 'error';
  if (grpc) {
    learnStatus(facts, headers);
    return { ...reply, body: overheard(body, facts, new GrpcEar(facts, grpc.operation)) };
  }
  switch (kindOf(headers)) {
    case 'events':
      return { ...reply, body: overheard(body, facts, new EventEar(facts)) };
    case 'json': {
      const whole = body.whole();
      if (!whole) return { ...reply, body: overheard(body, facts, new JsonEar(facts)) };
      if (whole.length <= MOST) learnJson(facts, whole);
      return reply;
    }
    default:
      return reply;
  }
}

/** The same flow. One that breaks off is no good outcome, whatever came before. */
function overheard(body: Flow, facts: A2aRecord, ear: Ear): Flow {
  const passed = new Flow({
    pause: () => body.pause(),
    resume: () => body.resume(),
    cancel: (reason) => body.cancel(reason),
  });
  body.to({
    data: (chunk) => {
      ear.data(chunk);
      passed.push(chunk);
    },
    end: (trailers) => {
      ear.end(trailers);
      passed.end(trailers);
    },
    fail: (error) => {
      facts.outcome = 'error';
      passed.fail(error);
    },
  });
  return passed;
}

class JsonEar implements Ear {
  readonly #facts: A2aRecord;
  #kept: Buffer[] | undefined = [];
  #size = 0;

  constructor(facts: A2aRecord) {
    this.#facts = facts;
  }

  data(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > MOST) this.#kept = undefined;
    else this.#kept?.push(chunk);
  }

  end(): void {
    if (this.#kept) learnJson(this.#facts, Buffer.concat(this.#kept));
  }
}

/** Most events of a stream are pieces of an artifact, which say nothing new: they are not read. */
class EventEar implements Ear {
  readonly #parser: SseParser;
  #isFirst = true;
  #deaf = false;

  constructor(facts: A2aRecord) {
    this.#parser = new SseParser(
      {
        event: ({ data }) => {
          if (!this.#isFirst && !data.includes('"state"') && !data.includes('"error"')) return;
          if (data.length > 0) this.#isFirst = false;
          learnJson(facts, data);
        },
      },
      { maxEventBytes: MOST },
    );
  }

  data(chunk: Buffer): void {
    if (this.#deaf) return;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof SseLimitError)) throw error;
      this.#deaf = true;
    }
  }

  end(): void {}
}

class GrpcEar implements Ear {
  readonly #facts: A2aRecord;
  readonly #operation: string;
  /** The start of a message whose end has not arrived. */
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of a message that is too long to be read. */
  #skip = 0;

  constructor(facts: A2aRecord, operation: string) {
    this.#facts = facts;
    this.#operation = operation;
  }

  data(chunk: Buffer): void {
    const passed = Math.min(this.#skip, chunk.length);
    this.#skip -= passed;
    const more = chunk.subarray(passed);
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, more]) : more;
    while (bytes.length >= HEAD) {
      const end = HEAD + bytes.readUInt32BE(1);
      if (bytes.length < end && end <= MOST) break;
      if (bytes.length < end) this.#skip = end - bytes.length;
      else if (bytes[0] === 0 && end <= MOST) this.#hear(bytes.subarray(HEAD, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }

  end(trailers: readonly string[] | undefined): void {
    if (trailers) learnStatus(this.#facts, trailers);
  }

  #hear(message: Buffer): void {
    const answer = readGrpcReply(message, this.#operation);
    if (answer) learn(this.#facts, answer);
  }
}

function learnJson(facts: A2aRecord, bytes: Buffer): void {
  const answer = readReply(bytes, facts.transport === 'JSONRPC');
  if (answer) learn(facts, answer);
}

/** Later ones of a stream say what has changed. */
function learn(facts: A2aRecord, answer: Answered): void {
  if (answer.isError) facts.outcome = 'error';
  facts.errorCode = answer.errorCode ?? facts.errorCode;
  facts.resultKind = answer.kind ?? facts.resultKind;
  facts.taskState = answer.state ?? facts.taskState;
  facts.taskId ??= answer.taskId;
  facts.contextId ??= answer.contextId;
}

/** `grpc-status`, which stands behind the messages, or in the head where there are none. */
function learnStatus(facts: A2aRecord, headers: readonly string[]): void {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if ((headers[at] as string).toLowerCase() !== 'grpc-status') continue;
    const status = Number(headers[at + 1]);
    if (status === 0) return;
    facts.outcome = 'error';
    facts.errorCode = Number.isSafeInteger(status) ? status : undefined;
  }
}

function kindOf(headers: readonly string[]): 'json' | 'events' | undefined {
  let kind: 'json' | 'events' | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1] as string;
    switch ((headers[at] as string).toLowerCase()) {
      case 'content-type':
        if (/^application\/(?:[\w.-]+\+)?json\b/i.test(value)) kind = 'json';
        else if (/^text\/event-stream\b/i.test(value)) kind = 'events';
        break;
      case 'content-encoding':
        return undefined;
      case 'content-length':
        if (Number(value) > MOST) return undefined;
        break;
    }
  }
  return kind;
}
