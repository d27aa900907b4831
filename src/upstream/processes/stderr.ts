/**
 * A child's standard error: always read (a full pipe would block the child), logged at debug with a bounded rate, and
 * its end kept for the error a caller sees when the child dies.
 */
import type { Clock, Log } from '../../core/ports.ts';
import { LineSplitter } from '../../lib/lines.ts';
import { isSecretName, isSessionName, REDACTED, redactText } from '../../lib/secrets.ts';

const TAIL_BYTES = 4096;
const LINE_BYTES = 8192;
const LINES_PER_SECOND = 50;

const SHORTEST_SECRET = 6;

interface StderrOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** All variables of the child, inherited ones too; it may print any of them. */
  readonly env: Readonly<Record<string, string>>;
  /** What else of it is secret. */
  readonly secrets: readonly string[];
}

export class StderrReader {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #secrets: readonly string[];
  readonly #lines: LineSplitter;
  #tail: Buffer = Buffer.alloc(0);
  #windowStart = Number.NEGATIVE_INFINITY;
  #logged = 0;
  #dropped = 0;

  constructor(options: StderrOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
    const named = Object.entries(options.env).flatMap(([name, value]) =>
      isSecretVariable(name) ? [value] : [],
    );
    // Of a key in PEM each line as well: the log has them one by one.
    const pieces = [...named, ...options.secrets].flatMap((value) => [value, ...value.split(/\r?\n/)]);
    this.#secrets = [...new Set(pieces)]
      .filter((value) => value.length >= SHORTEST_SECRET)
      .sort((a, b) => b.length - a.length);
    this.#lines = new LineSplitter(
      (line) => this.#line(line),
      LINE_BYTES,
      () => {
        this.#dropped += 1;
      },
    );
  }

  push(chunk: Buffer): void {
    this.#tail =
      chunk.length >= TAIL_BYTES ? Buffer.from(chunk.subarray(-TAIL_BYTES)) : this.#longerTail(chunk);
    this.#lines.push(chunk);
  }

  /** The last 4 KiB as text, from the start of a line where there is one. */
  tail(): string {
    const text = this.#tail.toString('utf8');
    const whole = this.#tail.length < TAIL_BYTES ? text : text.slice(text.indexOf('\n') + 1);
    return this.#masked(whole).trim();
  }

  #longerTail(chunk: Buffer): Buffer {
    const tail = Buffer.concat([this.#tail, chunk]);
    return tail.length > TAIL_BYTES ? Buffer.from(tail.subarray(-TAIL_BYTES)) : tail;
  }

  #line(line: Buffer): void {
    const now = this.#clock.monotonic();
    if (now - this.#windowStart >= 1000) {
      if (this.#dropped > 0) this.#log.debug({ lines: this.#dropped }, 'stderr lines not logged');
      this.#windowStart = now;
      this.#logged = 0;
      this.#dropped = 0;
    }
    if (this.#logged < LINES_PER_SECOND) {
      this.#logged += 1;
      this.#log.debug({ stderr: this.#masked(line.toString('utf8').trimEnd()) }, 'stderr');
    } else this.#dropped += 1;
  }

  #masked(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, REDACTED);
    return redactText(masked);
  }
}

/** The values of these are masked: the tail travels to clients, the log to many eyes. PWD is the working folder. */
function isSecretVariable(name: string): boolean {
  return name !== 'PWD' && (isSecretName(name) || isSessionName(name));
}
