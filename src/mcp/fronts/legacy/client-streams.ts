/**
 * The event streams of one session over HTTP: one per POST that is answered with a stream, one for what belongs to
 * no request. Keeps them for resumption, and beats their hearts.
 */
import type { Ports, Timer } from '../../../core/ports.ts';
import type { Closable } from '../../../core/scope.ts';
import { Few } from '../../../lib/few.ts';
import { Flow } from '../../../lib/flow.ts';
import { type ReplayBudget, ReplayRing } from '../../sessions/replay.ts';
import type { Session } from '../../sessions/session.ts';
import { EventStream } from '../event-stream.ts';
import type { StreamLimits } from '../options.ts';

/** A POST that has not been answered yet. */
export interface Waiting {
  readonly open: () => void;
  /** The heartbeat after which it began. */
  readonly since: number;
}

/** The listening stream's id in event ids; POST streams are numbered. */
const LISTENING = 'g';
/** Finished POST streams that may still be resumed; the ring bounds what they hold. */
const MAX_FINISHED = 32;
const EVENT_ID = /^([a-z0-9]{1,16})-(\d{1,15})$/;

export class ClientStreams implements Closable {
  readonly #session: Session;
  readonly #ports: Ports;
  readonly #limits: StreamLimits;
  readonly #ring: ReplayRing;
  readonly #posts = new Map<string, EventStream>();
  #listening: EventStream | undefined;
  readonly #waiting = new Few<Waiting, Waiting>();
  #beats = 0;
  #listened = false;
  #next = 1;
  #timer: Timer | undefined;

  constructor(session: Session, options: { limits: StreamLimits; budget: ReplayBudget }) {
    this.#session = session;
    this.#ports = session.options.ports;
    this.#limits = options.limits;
    this.#ring = new ReplayRing(options.budget);
    session.draining.onCancel(() => this.#listening?.end());
  }

  /**
   * A POST waits for its answer. An idle connection is cut by some proxy sooner or later, so one that waits for more
   * than a heartbeat becomes a stream. One timer serves all of them: a timer per call costs more than its parse.
   */
  wait(open: () => void): Waiting {
    const waiting = { open, since: this.#beats };
    this.#waiting.set(waiting, waiting);
    this.#beat();
    return waiting;
  }

  served(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /** A stream for the answer to one POST. */
  post(): EventStream {
    const id = String(this.#next++);
    const stream = this.#stream(id, () => this.#rest());
    this.#posts.set(id, stream);
    this.#beat();
    return stream;
  }

  /** Its answer is written; it stays resumable for a while. */
  finished(stream: EventStream): void {
    stream.end();
    for (const [id, each] of this.#posts) {
      if (this.#posts.size <= MAX_FINISHED) break;
      if (each.ended) this.#posts.delete(id);
    }
    this.#rest();
  }

  /** The stream for what belongs to no request; a second listener takes the place of the first. */
  listen(): Flow {
    const stream = this.#listening ?? this.#openListening();
    const flow = stream.attach();
    this.#listens();
    return flow;
  }

  /**
   * Continues the stream that `lastEventId` names. The answer to a POST that is no longer known ends at once: taking
   * the listener's place would cut off whoever listens.
   */
  resume(lastEventId: string): Flow {
    const [, id, seq] = EVENT_ID.exec(lastEventId) ?? [];
    const stream = id === LISTENING ? (this.#listening ?? this.#openListening()) : this.#posts.get(id ?? '');
    if (!stream) return id === undefined ? this.listen() : Flow.empty();
    const flow = stream.attach(Number(seq));
    if (stream === this.#listening) this.#listens();
    else this.#beat();
    return flow;
  }

  close(): void {
    this.#timer?.cancel();
    for (const stream of this.#posts.values()) stream.end();
    this.#listening?.end();
    this.#ring.clear();
  }

  #openListening(): EventStream {
    this.#listening = this.#stream(LISTENING, () => {
      this.#listened = false;
      this.#session.busy -= 1;
      this.#session.touch();
      this.#session.setOutlet(undefined);
      this.#rest();
    });
    return this.#listening;
  }

  #listens(): void {
    const stream = this.#listening as EventStream;
    if (!this.#listened) this.#session.busy += 1;
    this.#listened = true;
    this.#session.setOutlet({
      deliver: (message, importance) => {
        stream.send(message, importance);
        return true;
      },
    });
    this.#beat();
  }

  #stream(id: string, detached: () => void): EventStream {
    const dropped = (importance: string): void =>
      this.#ports.signals.count('mcp_messages_dropped_total', { importance });
    const replay = { id, ring: this.#ring };
    return new EventStream({ replay, maxQueue: this.#limits.maxQueue, detached, dropped });
  }

  /** One timer per session, while it has a connection to keep alive; it looks twice per heartbeat. */
  #beat(): void {
    this.#timer ??= this.#ports.clock.every(this.#limits.heartbeatMs / 2, () => {
      this.#beats += 1;
      for (const waiting of this.#waiting.values()) if (waiting.since <= this.#beats - 2) waiting.open();
      if (this.#beats % 2 === 0) this.#heartbeat();
      if (this.#waiting.size === 0) this.#rest();
    });
  }

  #heartbeat(): void {
    for (const stream of this.#posts.values()) stream.heartbeat();
    this.#listening?.heartbeat();
  }

  #rest(): void {
    if (this.#waiting.size > 0 || this.#listening?.attached) return;
    for (const stream of this.#posts.values()) if (stream.attached) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
