/** Looks into short JSON answers as they pass. Nothing waits for it; a stream of events is never looked into. */
import { readReply } from '../../a2a/reply.ts';
import type { Reply } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { A2aRecord } from '../../core/signals.ts';
import { Flow } from '../../lib/flow.ts';

const MOST = LIMITS.agentReply.value;

export function observed(reply: Reply, facts: A2aRecord): Reply {
  if (!isShortJson(reply.headers)) return reply;
  const { body } = reply;
  const whole = body.whole();
  if (!whole) return { ...reply, body: overheard(body, (bytes) => learn(facts, bytes)) };
  if (whole.length <= MOST) learn(facts, whole);
  return reply;
}

function learn(facts: A2aRecord, bytes: Buffer): void {
  const answer = readReply(bytes, facts.transport === 'JSONRPC');
  if (!answer) return;
  if (answer.isError) facts.outcome = 'error';
  facts.errorCode = answer.errorCode;
  facts.resultKind = answer.kind;
  facts.taskState = answer.state;
  facts.taskId ??= answer.taskId;
  facts.contextId ??= answer.contextId;
}

/** The same flow; `heard` gets a copy of it before its end is passed on, unless it is too long. */
function overheard(body: Flow, heard: (bytes: Buffer) => void): Flow {
  const passed = new Flow({
    pause: () => body.pause(),
    resume: () => body.resume(),
    cancel: (reason) => body.cancel(reason),
  });
  let kept: Buffer[] | undefined = [];
  let size = 0;
  body.to({
    data: (chunk) => {
      size += chunk.length;
      if (size > MOST) kept = undefined;
      else kept?.push(chunk);
      passed.push(chunk);
    },
    end: (trailers) => {
      if (kept) heard(Buffer.concat(kept));
      passed.end(trailers);
    },
    fail: (error) => passed.fail(error),
  });
  return passed;
}

function isShortJson(headers: readonly string[]): boolean {
  let isJson = false;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1] as string;
    switch ((headers[at] as string).toLowerCase()) {
      case 'content-type':
        isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(value);
        break;
      case 'content-encoding':
        return false;
      case 'content-length':
        if (Number(value) > MOST) return false;
        break;
    }
  }
  return isJson;
}
