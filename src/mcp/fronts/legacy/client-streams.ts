/**
 * The event streams of one session over HTTP: one per POST that is answered with a stream, one for what belongs to
 * no request. Keeps them for resumption.
 */
import type { Closable } from '../../../core/scope.ts';
import { Flow } from '../../../lib/flow.ts';
import { ReplayRing } from '../../sessions/replay.ts';
import type { Session } from '../../sessions/session.ts';
import { EventStream } from '../event-stream.ts';
import type { FrontParts } from '../options.ts';

/** The listening stream's id in event ids; POST streams are numbered. */
const LISTENING = 'g';
/** Finished POST streams that may still be resumed; the ring bounds what they hold. */
const MAX_FINISHED = 32;
const EVENT_ID = /^([a-z0-9]{1,16})-(\d{1,15})$/;

export class ClientStreams implements Closable {
  readonly #session: Session;
  readonly #parts: FrontParts;
  readonly #ring: ReplayRing;
  readonly #posts = new Map<string, EventStream>();
  #listening: EventStream | undefined;
  #listened = false;
  #next = 1;

  constructor(session: Session, parts: FrontParts) {
    this.#session = session;
    this.#parts = parts;
    this.#ring = new ReplayRing(parts.budget);
    session.draining.onCancel(() => this.#listening?.end());
  }

  /** A stream for the answer to one POST. */
  post(): EventStream {
    const id = String(this.#next++);
    const stream = this.#stream(id, () => {});
    this.#posts.set(id, stream);
    return stream;
  }

  /** Its answer is written; it stays resumable for a while. */
  finished(stream: EventStream): void {
    stream.end();
    for (const [id, each] of this.#posts) {
      if (this.#posts.size <= MAX_FINISHED) break;
      if (each.ended) this.#posts.delete(id);
    }
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
    return flow;
  }

  close(): void {
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
  }

  #stream(id: string, detached: () => void): EventStream {
    const { limits, heart, ports } = this.#parts;
    const dropped = (importance: string): void =>
      ports.signals.count('mcp_messages_dropped_total', { importance });
    const replay = { id, ring: this.#ring };
    return new EventStream({ replay, maxQueue: limits.maxQueue, heart, detached, dropped });
  }
}
