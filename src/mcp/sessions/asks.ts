/**
 * Requests from upstream servers that wait for the client's answer. Each gets an id of the session's own: two
 * targets may both ask with id 0.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import type { McpOutcome, Question } from '../call.ts';
import { type Message, numberText, SLOT, withMembers } from '../message.ts';

interface PendingAsk {
  readonly question: Question;
  settle(outcome: McpOutcome): void;
  fail(error: Error): void;
}

/** Writes a message to the client; false when nobody can receive it. */
export type Deliver = (message: Buffer) => boolean;

export const ASK_DEADLINE_MS = LIMITS.ask.value;
export const MAX_PENDING_ASKS = LIMITS.pendingAsks.value;

/** Client capability that a question needs. */
const NEEDS: ReadonlyMap<string, string> = new Map([
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
]);

export class Asks {
  readonly #clock: Clock;
  readonly #capabilities: ReadonlySet<string>;
  readonly #pending = new Map<string, PendingAsk>();
  #nextId = 1;

  constructor(clock: Clock, capabilities: ReadonlySet<string>) {
    this.#clock = clock;
    this.#capabilities = capabilities;
  }

  get size(): number {
    return this.#pending.size;
  }

  ask(question: Question, deliver: Deliver): Promise<McpOutcome> {
    const { method } = question.message;
    const needed = NEEDS.get(method);
    if (needed !== undefined && !this.#capabilities.has(needed)) {
      return Promise.reject(new GatewayError('METHOD_NOT_FOUND', `the client does not support ${needed}`));
    }
    if (question.cancel.cancelled) return Promise.reject(question.cancel.reason);
    if (this.#pending.size >= MAX_PENDING_ASKS) {
      return Promise.reject(
        new GatewayError('OVERLOADED', `${MAX_PENDING_ASKS} requests already wait for the client`),
      );
    }
    return new Promise((resolve, reject) => this.#send(question, deliver, { resolve, reject }));
  }

  /** The client's answer. False when nothing waits for it. */
  answered(message: Message): boolean {
    const pending = this.#pending.get(message.id);
    if (!pending) return false;
    const failed = message.text.has(SLOT.error);
    pending.settle({
      kind: failed ? 'error' : 'result',
      body: message.text.raw(failed ? SLOT.error : SLOT.result),
    });
    return true;
  }

  /** The client's progress on a question, with the server's own token put back. */
  progressed(message: Message): void {
    if (!message.text.has(SLOT.progressToken)) return;
    const pending = this.#pending.get(message.text.raw(SLOT.progressToken).toString('latin1'));
    const { text } = pending?.question.message ?? {};
    if (!pending || !text?.has(SLOT.metaProgressToken)) return;
    pending.question.progress(withMembers(message, [[SLOT.progressToken, text.raw(SLOT.metaProgressToken)]]));
  }

  failAll(error: Error): void {
    for (const pending of [...this.#pending.values()]) pending.fail(error);
  }

  #send(
    question: Question,
    deliver: Deliver,
    promise: { resolve(o: McpOutcome): void; reject(e: Error): void },
  ): void {
    const id = String(this.#nextId++);
    const late = (): void =>
      pending.fail(new GatewayError('UPSTREAM_TIMEOUT', 'the client did not answer in time'));
    const timer = this.#clock.after(ASK_DEADLINE_MS, late);
    const end = (): void => {
      this.#pending.delete(id);
      timer.cancel();
      forget();
    };
    const pending: PendingAsk = {
      question,
      settle: (outcome) => {
        end();
        promise.resolve(outcome);
      },
      fail: (error) => {
        end();
        promise.reject(error);
      },
    };
    this.#pending.set(id, pending);
    const forget = question.cancel.onCancel((reason) => {
      deliver(notificationMessage('notifications/cancelled', Buffer.from(`{"requestId":${id}}`)));
      pending.fail(reason);
    });
    const ours = numberText(Number(id));
    const message = withMembers(question.message, [
      [SLOT.id, ours],
      [SLOT.metaProgressToken, ours],
    ]);
    if (!deliver(message)) pending.fail(new GatewayError('CANCELLED', 'the client is not listening'));
  }
}
