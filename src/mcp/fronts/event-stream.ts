/**
 * One SSE stream towards a client. One that can be resumed outlives the connection it is written to: messages are
 * numbered and kept in the session's ring, and a client that comes back with Last-Event-ID gets what it missed. Its
 * queue is bounded: a slow reader loses progress and log messages, never answers; when answers pile up the connection
 * is closed.
 */
import { GatewayError } from '../../core/errors.ts';
import { Flow } from '../../lib/flow.ts';
import { SSE_HEARTBEAT, sseEvent } from '../../lib/sse.ts';
import type { Importance } from '../call.ts';
import type { ReplayRing } from '../sessions/replay.ts';
import { type Beating, type Heart, QUIET_BEATS } from './heart.ts';

export interface EventStreamOptions {
  /** Undefined: events have no ids and cannot be resumed. */
  readonly replay: Replay | undefined;
  /** Bytes that may wait for a slow reader. */
  readonly maxQueue: number;
  /** Keeps the connection alive while there is one. */
  readonly heart: Heart;
  /** The reader has gone away, or was sent away. */
  detached(): void;
  /** A droppable message was dropped. */
  dropped(importance: Importance): void;
}

/** How a stream is resumed. */
export interface Replay {
  /** Unique in the session; part of every event id. */
  readonly id: string;
  readonly ring: ReplayRing;
}

const EMPTY = Buffer.alloc(0);

interface Queued {
  readonly bytes: Buffer;
  readonly importance: Importance;
}

export class EventStream implements Beating {
  readonly #options: EventStreamOptions;
  #flow: Flow | undefined;
  #paused = false;
  #queue: Queued[] = [];
  #queued = 0;
  /** Messages in the queue that may be dropped. */
  #droppable = 0;
  #seq = 0;
  /** Beats since something was written. */
  #quiet = 0;
  #ended = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  get attached(): boolean {
    return this.#flow !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** A connection to write to; one before it is closed. `after`: the sequence number the client has seen. */
  attach(after?: number): Flow {
    this.#flow?.end();
    const flow: Flow = new Flow({
      // A connection that was replaced may still be heard from: it must not hold up the one that replaced it.
      pause: () => {
        if (this.#flow === flow) this.#paused = true;
      },
      resume: () => {
        if (this.#flow === flow) this.#drain();
      },
      cancel: () => this.#detach(flow),
    });
    this.#flow = flow;
    this.#options.heart.add(this);
    this.#paused = false;
    this.#clearQueue();
    if (after !== undefined) this.#replay(after);
    if (this.#ended) this.#finish();
    return flow;
  }

  /** An event with an id and no data, so that a client can resume even before the first message. */
  prime(retryMs: number): void {
    const { replay } = this.#options;
    if (!replay) return;
    this.#seq += 1;
    this.#flow?.push(sseEvent({ data: EMPTY, id: eventId(replay, this.#seq), retry: retryMs }));
    replay.ring.add(replay.id, this.#seq, EMPTY);
  }

  send(message: Buffer, importance: Importance): void {
    if (this.#ended) return;
    const { replay } = this.#options;
    if (!replay) return this.#write({ bytes: sseEvent({ data: message, event: 'message' }), importance });
    this.#seq += 1;
    replay.ring.add(replay.id, this.#seq, message);
    this.#write({ bytes: event(replay, this.#seq, message), importance });
  }

  /** A comment, so that nothing between here and the client cuts an idle connection. */
  beat(): void {
    this.#quiet += 1;
    if (this.#quiet < QUIET_BEATS || this.#paused) return;
    this.#quiet = 0;
    this.#flow?.push(SSE_HEARTBEAT);
  }

  /** Closes the connection but not the stream: the client comes back for the rest after `retryMs`. */
  pause(retryMs: number): void {
    if (!this.#options.replay || !this.#flow || this.#paused) return;
    this.prime(retryMs);
    this.#release()?.end();
  }

  /** Raw bytes to the reader at hand: the `endpoint` event of the old transport. */
  announce(event: string, data: string): void {
    this.#flow?.push(sseEvent({ data: Buffer.from(data), event }));
  }

  /** No more messages will come. */
  end(): void {
    this.#ended = true;
    if (!this.#paused) this.#finish();
  }

  #finish(): void {
    if (this.#queue.length === 0) this.#release()?.end();
  }

  #release(): Flow | undefined {
    const flow = this.#flow;
    this.#flow = undefined;
    this.#options.heart.remove(this);
    return flow;
  }

  #write(queued: Queued): void {
    if (!this.#flow) return;
    if (!this.#paused) {
      this.#quiet = 0;
      this.#flow.push(queued.bytes);
      return;
    }
    if (!this.#fits(queued)) this.#makeRoom(queued.importance);
    if (this.#fits(queued)) return this.#enqueue(queued);
    if (queued.importance !== 'keep') return this.#options.dropped(queued.importance);
    const flow = this.#flow;
    this.#detach(flow);
    flow.fail(new GatewayError('OVERLOADED', 'the client reads too slowly'));
  }

  /** One answer always fits: that it is larger than the queue does not make its reader a slow one. */
  #fits({ bytes, importance }: Queued): boolean {
    if (importance === 'keep' && this.#queue.length === 0) return true;
    return this.#queued + bytes.length <= this.#options.maxQueue;
  }

  #enqueue(queued: Queued): void {
    this.#queue.push(queued);
    this.#queued += queued.bytes.length;
    if (queued.importance !== 'keep') this.#droppable += 1;
  }

  /** Newer progress takes the place of older; an answer takes the place of everything that may be lost. */
  #makeRoom(importance: Importance): void {
    if (importance === 'log' || this.#droppable === 0) return;
    this.#queue = this.#queue.filter((queued) => {
      const goes = importance === 'keep' ? queued.importance !== 'keep' : queued.importance === importance;
      if (!goes) return true;
      this.#taken(queued);
      this.#options.dropped(queued.importance);
      return false;
    });
  }

  #taken(queued: Queued): void {
    this.#queued -= queued.bytes.length;
    if (queued.importance !== 'keep') this.#droppable -= 1;
  }

  #clearQueue(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#droppable = 0;
  }

  #drain(): void {
    this.#paused = false;
    while (!this.#paused && this.#queue.length > 0) {
      const queued = this.#queue.shift() as Queued;
      this.#taken(queued);
      this.#flow?.push(queued.bytes);
    }
    if (this.#ended && !this.#paused) this.#finish();
  }

  #detach(flow: Flow): void {
    if (this.#flow !== flow) return;
    this.#release();
    this.#clearQueue();
    this.#paused = false;
    this.#options.detached();
  }

  #replay(after: number): void {
    const { replay } = this.#options;
    if (!replay) return;
    for (const { seq, message } of replay.ring.after(replay.id, after)) {
      if (message.length > 0) this.#flow?.push(event(replay, seq, message));
    }
  }
}

function event(replay: Replay, seq: number, message: Buffer): Buffer {
  return sseEvent({ data: message, event: 'message', id: eventId(replay, seq) });
}

function eventId({ id }: Replay, seq: number): string {
  return `${id}-${seq}`;
}
