/**
 * Copies of requests on their way to another server. Nobody waits for them: what is too long, too much at a time or too
 * slow is left out, and they end with their owner.
 */
import type { Readable } from 'node:stream';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type OutgoingRequest, withoutHeaders } from '../../core/outgoing.ts';
import type { Ports } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { HttpUpstream, UpstreamRequest } from '../../upstream/http.ts';

export interface CopiesOptions {
  readonly origin: string;
  readonly upstream: Pick<HttpUpstream, 'request'>;
  readonly ports: Pick<Ports, 'clock' | 'log' | 'signals'>;
}

type Fate = 'sent' | 'failed' | 'too_large' | 'too_many';

/** What is read of a reply, so that its connection can be used again. */
const DRAINED_BYTES = 64 * 1024;

export class Copies implements Closable {
  readonly #options: CopiesOptions;
  readonly #running = new Set<Cancel>();
  #down = false;

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  copy(request: OutgoingRequest): void {
    if (this.#running.size >= LIMITS.mirrored.value) {
      this.#count('too_many');
      return;
    }
    const { body } = request;
    if (body && declared(request) > LIMITS.mirroredBody.value) {
      this.#count('too_large');
      return;
    }
    const cancel = new Cancel();
    this.#running.add(cancel);
    const late = this.#options.ports.clock.after(LIMITS.mirrorTime.value, () => cancel.cancel(TOO_LATE));
    const over = (fate: Fate | undefined): void => {
      late.cancel();
      this.#running.delete(cancel);
      if (fate) this.#count(fate);
    };
    const send = (bytes: Buffer | undefined): void => {
      this.#send({ ...head(request), body: bytes, cancel }).then(over);
    };
    if (!body || Buffer.isBuffer(body)) send(body);
    else collect(body, { cancel, send, over });
  }

  close(): void {
    for (const cancel of [...this.#running]) cancel.cancel(CLOSED);
  }

  async #send(request: UpstreamRequest): Promise<Fate> {
    const { origin, upstream, ports } = this.#options;
    try {
      const { body } = await upstream.request(request);
      await body.collect(DRAINED_BYTES).catch(() => undefined);
      this.#down = false;
      return 'sent';
    } catch (error) {
      // Once: a mirror that is down must not fill the log with every request.
      ports.log[this.#down ? 'debug' : 'warn']({ origin, error: String(error) }, 'requestMirror: not sent');
      this.#down = true;
      return 'failed';
    }
  }

  #count(fate: Fate): void {
    this.#options.ports.signals.count('http_mirrored_total', { fate });
  }
}

const TOO_LATE = new GatewayError('UPSTREAM_TIMEOUT', 'the mirror took too long');
const CLOSED = new GatewayError('SHUTTING_DOWN', 'the configuration is no longer in use');

interface Collecting {
  readonly cancel: Cancel;
  send(bytes: Buffer): void;
  /** undefined: the request itself was broken off. */
  over(fate: Fate | undefined): void;
}

/** Listens beside the reader of the stream, once that one has begun: it alone decides how fast the stream flows. */
function collect(stream: Readable, { cancel, send, over }: Collecting): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let begun = false;
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > LIMITS.mirroredBody.value) stop('too_large');
    else chunks.push(chunk);
  };
  const onEnd = (): void => {
    // Without a reader it was thrown away, because the request has failed.
    if (!begun) return stop(undefined);
    detach();
    send(Buffer.concat(chunks));
  };
  const onClose = (): void => stop(undefined);
  // Not at 'resume': a stream may hand on data before it says that.
  const onListener = (event: string | symbol): void => {
    if (event !== 'data') return;
    begun = true;
    stream.off('newListener', onListener).on('data', onData);
  };
  const forget = cancel.onCancel(() => stop('failed'));
  const detach = (): void => {
    stream.off('newListener', onListener).off('data', onData).off('end', onEnd).off('close', onClose);
    forget();
  };
  const stop = (fate: Fate | undefined): void => {
    detach();
    over(fate);
  };
  stream.on('newListener', onListener).on('end', onEnd).on('close', onClose);
}

function head({ method, path, headers }: OutgoingRequest): Omit<UpstreamRequest, 'body'> {
  return { method, path, headers: withoutHeaders(headers, ['host', 'content-length']) };
}

function declared({ headers, body }: OutgoingRequest): number {
  if (Buffer.isBuffer(body)) return body.length;
  const at = headers.findIndex((name, index) => index % 2 === 0 && name === 'content-length');
  return at < 0 ? 0 : Number(headers[at + 1]);
}
