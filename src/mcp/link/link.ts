/**
 * One initialised upstream session over a wire: allocates the ids on it, matches answers to calls, and hands what the
 * server sends by itself to the call it belongs to or to the link's owner. Knows no client, no view and no transport.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Clock, Log, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Few } from '../../lib/few.ts';
import { errorMessage, findAnswer, rawErrorMessage, resultMessage } from '../../lib/json-rpc.ts';
import type { McpOutcome, Peer, Question } from '../call.ts';
import type { OpenOptions, Outgoing, Wire } from '../definition.ts';
import { type Message, readMessage, SLOT, wholeMessage, withMembers } from '../message.ts';
import type { Era } from '../revisions.ts';
import {
  cancelledMessage,
  NO_QUESTIONS,
  notJsonRpc,
  revisionLost,
  rpcError,
  showsEra,
  TOO_MANY,
  timeout,
  unanswered,
} from './endings.ts';
import { CHANGES, Flight, type LinkCall, ofClients } from './flight.ts';
import { refusesPost, refusesRevision } from './refusals.ts';

export interface LinkEvents {
  /** A notification that belongs to no call in flight. */
  notification(message: Message): void;
  /** A question that belongs to no call in flight. */
  ask(question: Question): Promise<McpOutcome>;
  /** Whether somebody takes such a question now. */
  listening?(): boolean;
  /** The server asks on a stream that belongs to no call, although there are such that do. */
  asksOutside?(): void;
  /** The upstream is gone; calls in flight have failed already. */
  closed(error: Error): void;
}

export interface LinkOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: LinkEvents;
  /** Questions from the server waiting for an answer at one time; further ones are refused. */
  readonly maxQuestions: number;
  /** A `probe` speaks for no client: whoever calls over it is not asked anything. */
  readonly purpose: OpenOptions['purpose'];
  readonly era: Era;
  /** A modern link: the server does not speak the revision any more. */
  readonly eraLost?: () => void;
}

const NOT_A_REQUEST: Outgoing = {
  request: undefined,
  method: undefined,
  name: undefined,
  cancel: undefined,
  headers: undefined,
};
const EMPTY_RESULT = Buffer.from('{}');

export class Link implements Closable {
  readonly #options: LinkOptions;
  readonly #inflight = new Few<number, Flight>();
  readonly #questions = new Map<string, Cancel>();
  #wire: Wire | undefined;
  #nextId = 1;
  #timer: Timer | undefined;
  #timerAt = 0;
  #closed: Error | undefined;
  #retired = false;
  /** A link that announced a changed list speaks for itself alone from then on: its lists are never shared. */
  divergent = false;
  #era: Era;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#era = options.era;
  }

  /** It has turned out what the server speaks. */
  speak(era: Era): void {
    this.#era = era;
  }

  /** What is spoken over it: messages written for it must be of this era. */
  get era(): Era {
    return this.#era;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get busy(): number {
    return this.#inflight.size;
  }

  /** Gives the link its wire; the wire's events lead to `receive` and `lost`. */
  attach(wire: Wire): void {
    if (this.#closed) void wire.close();
    else this.#wire = wire;
  }

  get wire(): Wire {
    if (!this.#wire || this.#closed)
      throw this.#closed ?? new GatewayError('UPSTREAM_CLOSED', 'not connected');
    return this.#wire;
  }

  /** Sends a request and waits for its answer. Rejects with a GatewayError when there is none. */
  call(call: LinkCall): Promise<McpOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      if (call.cancel.cancelled) return reject(call.cancel.reason);
      const id = this.#nextId++;
      const flight: Flight = new Flight(id, call, {
        clock: this.#options.clock,
        resolve,
        reject,
        cancelled: (reason) => this.#abandon(flight, reason),
        rescheduled: () => this.#expect(flight.dueAt),
      });
      this.#inflight.set(id, flight);
      this.#expect(flight.dueAt);
      this.#send(flight);
    });
  }

  notify(message: Buffer): void {
    if (this.#closed) return;
    this.deliver(message).catch((error: unknown) =>
      this.#options.log.debug({ err: error }, 'notification to upstream was not delivered'),
    );
  }

  /** The same, and resolves when the upstream has taken it: over HTTP two messages may overtake each other. */
  deliver(message: Buffer): Promise<void> {
    return this.wire.send(message, NOT_A_REQUEST);
  }

  /** One timer for all calls of the link: making and clearing one for each costs more than reading its message. */
  #expect(dueAt: number): void {
    // A subscription is never due, and a timer for Infinity would fire at once.
    if (dueAt === Number.POSITIVE_INFINITY || (this.#timer && this.#timerAt <= dueAt)) return;
    this.#timer?.cancel();
    this.#timerAt = dueAt;
    this.#timer = this.#options.clock.after(Math.max(0, dueAt - this.#options.clock.monotonic()), () =>
      this.#expire(),
    );
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const flight of this.#inflight.values()) {
      // Timers may fire a fraction of a millisecond early.
      if (flight.dueAt <= now + 1) this.#abandon(flight, timeout(flight));
      else next = Math.min(next, flight.dueAt);
    }
    if (next < Number.POSITIVE_INFINITY) this.#expect(next);
  }

  #send(flight: Flight): void {
    const { method, name, headers, client, record, long = false } = flight.call;
    const wire = this.wire;
    const outgoing = { request: flight.id, method, name, cancel: flight.hop, headers, client, record, long };
    wire.send(flight.call.write(flight.id), outgoing).then(
      () => {
        if (wire.relates && this.#inflight.has(flight.id)) this.#fail(flight, unanswered());
      },
      (error: unknown) => {
        const lost = error instanceof GatewayError && refusesPost(error) && showsEra(this.#era, flight);
        this.#fail(flight, lost ? this.#eraLost(error) : (error as Error));
      },
    );
  }

  #eraLost(cause?: GatewayError): GatewayError {
    this.#options.eraLost?.();
    return revisionLost(cause);
  }

  /** One message from the wire. `origin`: the request whose answer stream carried it. */
  receive(bytes: Buffer, origin: number | undefined): void {
    // A closing wire may still bring something, and a question would be asked for nobody.
    if (this.#closed) return;
    try {
      const answer = findAnswer(bytes);
      if (answer)
        this.#answered(answer.id, { kind: answer.kind, body: bytes.subarray(answer.start, answer.end) });
      else this.#incoming(readMessage(bytes), origin);
    } catch (error) {
      this.#garbage(error as Error, origin);
    }
  }

  resumable(origin: number): void {
    this.#inflight.get(origin)?.call.peer?.resumable?.();
  }

  paused(origin: number, retryMs: number): void {
    this.#inflight.get(origin)?.call.peer?.paused?.(retryMs);
  }

  /** The wire is gone. */
  lost(error: Error): void {
    if (this.#closed) return;
    this.#end(error);
    this.#options.events.closed(error);
  }

  /** `reason`: what calls in flight fail with. */
  async close(
    reason = new GatewayError('UPSTREAM_CLOSED', 'the gateway closed the upstream session'),
  ): Promise<void> {
    const wire = this.#wire;
    if (!this.#closed) this.#end(reason);
    await wire?.close();
  }

  /** Another link takes its place: it ends when its calls are over. */
  retire(): void {
    this.#retired = true;
    this.#wire?.unlisten?.();
    this.#rest();
  }

  #rest(): void {
    if (this.#retired && this.#inflight.size === 0) void this.close();
  }

  #end(error: Error): void {
    this.#closed = error;
    this.#timer?.cancel();
    for (const question of this.#questions.values()) question.cancel(error);
    this.#questions.clear();
    for (const flight of this.#inflight.values()) this.#fail(flight, error);
  }

  #answered(id: number | string, outcome: McpOutcome): void {
    const flight = typeof id === 'number' ? this.#inflight.get(id) : undefined;
    if (!flight) {
      this.#options.log.debug({ id }, 'dropped an answer nobody waits for (late or duplicate)');
      return;
    }
    if (refusesRevision(outcome) && showsEra(this.#era, flight)) return this.#fail(flight, this.#eraLost());
    this.#inflight.delete(flight.id);
    flight.resolve(outcome);
    this.#rest();
  }

  #fail(flight: Flight, error: Error): void {
    if (!this.#inflight.delete(flight.id)) return;
    flight.reject(error);
    // A server that is removed or talks nonsense must not go on with what nobody waits for.
    flight.hop.cancel(error);
    this.#rest();
  }

  /** Nobody waits any more: the server is told, and the answer's stream is closed. */
  #abandon(flight: Flight, reason: Error): void {
    if (!this.#inflight.delete(flight.id)) return;
    flight.reject(reason);
    const told = this.#closed ? undefined : cancelledMessage(flight, this.wire, reason);
    if (told) this.notify(told);
    flight.hop.cancel(reason);
    this.#rest();
  }

  #incoming(message: Message, origin: number | undefined): void {
    if (message.kind === 'request') this.#question(message, origin);
    else if (message.kind === 'notification') this.#notification(message, origin);
  }

  #notification(message: Message, origin: number | undefined): void {
    if (message.method === 'notifications/progress') return this.#progress(message);
    if (message.method === 'notifications/cancelled') return this.#withdrawn(message);
    if (message.method === 'notifications/subscriptions/acknowledged') {
      this.#flightNamed(message, SLOT.metaSubscription)?.call.acknowledged?.(message);
      return;
    }
    const log = message.method === 'notifications/message';
    const ofCall = log || (this.#era === 'modern' && !CHANGES.has(message.method));
    const peer = ofCall ? this.#relatedFlight(origin)?.call.peer : undefined;
    if (peer) peer.notify(wholeMessage(message), log ? 'log' : 'keep');
    else this.#options.events.notification(message);
  }

  /** The server takes back a question, or ends a subscription: over stdio there is no stream that it could close. */
  #withdrawn(message: Message): void {
    const id = message.text.has(SLOT.requestId) ? message.text.raw(SLOT.requestId).toString() : '';
    this.#questions.get(id)?.cancel(new GatewayError('CANCELLED', 'the server withdrew its request'));
    const flight = this.#flightNamed(message, SLOT.requestId);
    if (flight?.call.acknowledged)
      this.#fail(flight, new GatewayError('UPSTREAM_CLOSED', 'the server ended the subscription'));
  }

  /** The request of ours whose id a member of the message is. */
  #flightNamed({ text }: Message, slot: number): Flight | undefined {
    return text.has(slot) ? this.#inflight.get(Number(text.raw(slot).toString('latin1'))) : undefined;
  }

  /** Progress goes to the call whose id its token is, with the caller's own token put back. */
  #progress(message: Message): void {
    const flight = this.#flightNamed(message, SLOT.progressToken);
    if (!flight) return;
    flight.extend();
    const { peer, progressToken } = flight.call;
    if (peer && progressToken)
      peer.notify(withMembers(message, [[SLOT.progressToken, progressToken]]), 'progress');
  }

  /**
   * It is not clear which call asks, and the client listens to nothing but its calls: they are all of one client, so
   * the newest one takes the question to it.
   */
  #anyPeer(): Peer | undefined {
    const { purpose, events } = this.#options;
    if (purpose !== 'session' || this.#wire?.relates || events.listening?.() !== false) return undefined;
    return ofClients(this.#inflight.values()).at(-1)?.call.peer;
  }

  /** The call a message belongs to: said by the transport, or certain because there is only one. */
  #relatedFlight(origin: number | undefined): Flight | undefined {
    if (origin !== undefined) return this.#inflight.get(origin);
    // A client that listens is told there; one that only calls hears of nothing else.
    if (this.#wire?.relates && this.#options.events.listening?.() !== false) return undefined;
    const calls = ofClients(this.#inflight.values());
    return calls.length === 1 ? calls[0] : undefined;
  }

  #question(message: Message, origin: number | undefined): void {
    if (this.#era === 'modern') return this.#refuseModern(message);
    if (message.method === 'ping') return this.#reply(message.id, { kind: 'result', body: EMPTY_RESULT });
    if (this.#questions.has(message.id) || this.#questions.size >= this.#options.maxQuestions) {
      return this.#refuse(message.id, TOO_MANY);
    }
    const cancel = new Cancel();
    this.#questions.set(message.id, cancel);
    const question: Question = { message, cancel, progress: (progress) => this.notify(progress) };
    if (origin === undefined && this.#wire?.relates) this.#options.events.asksOutside?.();
    const flight = this.#options.purpose === 'session' ? this.#relatedFlight(origin) : undefined;
    flight?.asked(cancel);
    const held = flight ? [flight] : this.#inflight.values();
    for (const each of held) each.hold();
    const peer = flight?.call.peer ?? this.#anyPeer();
    const asked = peer ? peer.ask(question) : this.#options.events.ask(question);
    asked
      .then(
        (outcome) => this.#answer(question, outcome),
        (error: unknown) => {
          if (this.#questions.delete(message.id) && !cancel.cancelled)
            this.#refuse(message.id, rpcError(error));
        },
      )
      .finally(() => {
        flight?.answered(cancel);
        for (const each of held) each.unhold();
      });
  }

  #answer(question: Question, outcome: McpOutcome): void {
    if (this.#questions.delete(question.message.id) && !question.cancel.cancelled)
      this.#reply(question.message.id, outcome);
  }

  #reply(id: string, outcome: McpOutcome): void {
    if (this.#closed) return;
    const idText = Buffer.from(id);
    this.notify(
      outcome.kind === 'result' ? resultMessage(idText, outcome.body) : rawErrorMessage(idText, outcome.body),
    );
  }

  /** There is no such thing, and over modern HTTP no way to say so. */
  #refuseModern({ id, method }: Message): void {
    this.#options.log.debug({ method }, 'a modern server sent a request');
    if (!this.#wire?.cancelsByClosing) this.#refuse(id, NO_QUESTIONS);
  }

  #refuse(id: string, error: { code: number; message: string }): void {
    if (!this.#closed) this.notify(errorMessage(Buffer.from(id), error));
  }

  /** Not JSON, or not JSON-RPC: the call whose stream carried it fails, otherwise it is dropped and logged. */
  #garbage(cause: Error, origin: number | undefined): void {
    const flight = origin === undefined ? undefined : this.#inflight.get(origin);
    if (flight) return this.#fail(flight, notJsonRpc(cause));
    this.#options.log.warn({ reason: cause.message }, 'dropped a message that is not JSON-RPC');
  }
}
