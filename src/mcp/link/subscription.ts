/**
 * What one link to a modern server wants to be told of by itself: one `subscriptions/listen` call over it, whose filter
 * is everything that is wanted. Opens it anew when the filter changes or the server ends it. What the server then says
 * reaches the owner of the link (`LinkEvents.notification`); this module reads none of it.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Backoff } from '../../lib/backoff.ts';
import { Cancel } from '../../lib/cancel.ts';
import { parseObject } from '../../lib/json-value.ts';
import type { McpOutcome } from '../call.ts';
import type { Deadline } from './flight.ts';
import type { LinkWithInfo } from './opened.ts';
import { ownRequest } from './own-calls.ts';

export interface Wanted {
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  /** Native URIs of resources. */
  readonly uris: ReadonlySet<string>;
  readonly taskIds?: ReadonlySet<string>;
}

export interface SubscriptionOptions extends Pick<Ports, 'clock' | 'log' | 'random'> {
  /** A modern link. The subscription must be closed before the link is retired, which waits for its calls. */
  readonly open: Pick<LinkWithInfo, 'link' | 'envelope'>;
  /** The server tells again, or at last: changes before now may have been missed. */
  missed?(): void;
}

interface Stream {
  /** JSON text. */
  readonly filter: string;
  readonly cancel: Cancel;
  /** Monotonic milliseconds; undefined until the server has acknowledged. */
  since: number | undefined;
}

const METHOD = 'subscriptions/listen';
const REOPEN = { firstMs: 500, maxMs: 60_000, factor: 2 };
/** A stream that held this long was no failure: the next one is opened soon. */
const STEADY_MS = 30_000;
/** A server that only forgets to acknowledge may tell nevertheless, so its stream is kept. */
const ACKNOWLEDGE_MS = 10_000;
/** As long as it lasts. */
const DEADLINE: Deadline = { ms: Number.POSITIVE_INFINITY, maxMs: Number.POSITIVE_INFINITY };
const NOT_WANTED = new GatewayError('CANCELLED', 'nobody listens any more');

export class Subscription implements Closable {
  readonly #options: SubscriptionOptions;
  readonly #backoff: Backoff;
  /** JSON text of the filter; undefined: nothing. */
  #wanted: string | undefined;
  /** What the server will not do; not asked again. */
  #refused: string | undefined;
  #current: Stream | undefined;
  /** One at a time: many changes at once become two streams, not many. The current one stays until this is open. */
  #opening: Stream | undefined;
  #timer: Timer | undefined;
  #acknowledgeTimer: Timer | undefined;
  #gap = false;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(options: SubscriptionOptions) {
    const { random } = options;
    this.#options = options;
    this.#backoff = new Backoff({ ...REOPEN, random: () => random(4).readUInt32LE() / 2 ** 32 });
  }

  /** From now on, in place of what was wanted before. */
  want(wanted: Wanted): void {
    const filter = filterOf(wanted);
    if (this.#closed || filter === this.#wanted) return;
    this.#wanted = filter;
    this.#refused = undefined;
    this.#advance();
  }

  /** Settles when the server tells what is wanted, has refused to, or cannot be asked now. Never rejects. */
  ready(): Promise<void> {
    if (!this.#opening) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#wanted = undefined;
    this.#advance();
  }

  /** Does what is next to do; called whenever something has changed. */
  #advance(): void {
    if (this.#wanted === undefined) this.#stop();
    else if (!this.#opening && !this.#timer && this.#wanted !== this.#refused) {
      if (this.#current?.filter !== this.#wanted) this.#listen(this.#wanted);
    }
    if (!this.#opening) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #stop(): void {
    const streams = [this.#current, this.#opening];
    this.#timer?.cancel();
    this.#acknowledgeTimer?.cancel();
    this.#timer = this.#current = this.#opening = undefined;
    this.#gap = false;
    for (const stream of streams) stream?.cancel.cancel(NOT_WANTED);
  }

  #listen(filter: string): void {
    const { clock, open } = this.#options;
    const stream: Stream = { filter, cancel: new Cancel(), since: undefined };
    this.#opening = stream;
    this.#acknowledgeTimer = clock.after(ACKNOWLEDGE_MS, () => this.#opened(stream));
    ownRequest(open, METHOD, {
      params: Buffer.from(`{"notifications":${filter}}`),
      cancel: stream.cancel,
      deadline: DEADLINE,
      long: true,
      acknowledged: () => this.#opened(stream),
    }).then(
      (outcome) => this.#ended(stream, { reason: outcome.body.toString('utf8', 0, 200) }, isRefusal(outcome)),
      (error: unknown) => this.#ended(stream, { err: error }),
    );
  }

  #opened(stream: Stream): void {
    if (this.#opening !== stream) return;
    const before = this.#current;
    this.#acknowledgeTimer?.cancel();
    this.#opening = undefined;
    this.#current = stream;
    stream.since = this.#options.clock.monotonic();
    before?.cancel.cancel(NOT_WANTED);
    if (this.#gap) this.#options.missed?.();
    this.#gap = false;
    this.#advance();
  }

  #ended(stream: Stream, why: object, refused = false): void {
    if (stream === this.#opening) {
      this.#opening = undefined;
      this.#acknowledgeTimer?.cancel();
    } else if (stream === this.#current) this.#current = undefined;
    else return;
    this.#options.log.debug(why, `${METHOD} has ended`);
    if (refused) this.#refused = stream.filter;
    else this.#again(stream);
    this.#advance();
  }

  #again({ since }: Stream): void {
    const { clock, open } = this.#options;
    this.#gap = true;
    if (open.link.closed) return this.close();
    // The stream that takes its place is on its way, or a pause has begun already.
    if (this.#opening || this.#timer) return;
    if (since !== undefined && clock.monotonic() - since >= STEADY_MS) this.#backoff.reset();
    this.#timer = clock.after(this.#backoff.next(), () => {
      this.#timer = undefined;
      this.#advance();
    });
  }
}

/** Undefined when nothing is wanted. The same wishes have the same text. */
function filterOf({ tools, prompts, resources, uris, taskIds }: Wanted): string | undefined {
  const filter = {
    ...(tools && { toolsListChanged: true }),
    ...(prompts && { promptsListChanged: true }),
    ...(resources && { resourcesListChanged: true }),
    ...(uris.size > 0 && { resourceSubscriptions: [...uris].sort() }),
    ...(taskIds && taskIds.size > 0 && { taskIds: [...taskIds].sort() }),
  };
  return Object.keys(filter).length > 0 ? JSON.stringify(filter) : undefined;
}

const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;

/** Asked the same again it would say the same. */
function isRefusal({ kind, body }: McpOutcome): boolean {
  const code = kind === 'error' ? parseObject(body)?.['code'] : undefined;
  return code === METHOD_NOT_FOUND || code === INVALID_PARAMS;
}
