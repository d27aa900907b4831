/**
 * A child process as an MCP wire: one message per line. Messages that arrive before somebody takes the wire (a spare)
 * are kept; lines that cannot be JSON-RPC are banners and are dropped.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../../core/ports.ts';
import type { Wire, WireEvents } from '../../mcp/definition.ts';
import type { Child, ChildEvents, ExitInfo } from '../../upstream/processes/child.ts';

const LF = 10;
const CR = 13;
const OPENING = new Set([0x7b, 0x5b]);
/** What a spare may say before it is taken; a server that talks more than this to nobody is not worth the memory. */
const EARLY_MESSAGES = 64;
const BANNER_SHOWN = 200;
const REASON_SHOWN = 200;

export interface ChildWireOptions {
  readonly log: Log;
  readonly start: (events: ChildEvents) => Child;
  /** The first message to its user has come: the command works. */
  readonly spoke: () => void;
}

export class ChildWire implements Wire {
  readonly relates = false;
  readonly child: Child;
  readonly #log: Log;
  readonly #spoke: () => void;
  #events: WireEvents | undefined;
  #early: Buffer[] = [];
  #failure: GatewayError | undefined;
  #closed = false;
  #heard = false;

  constructor(options: ChildWireOptions) {
    this.#log = options.log;
    this.#spoke = options.spoke;
    this.child = options.start({
      line: (line) => this.#line(line),
      fault: (error) => {
        this.#fail(withStderr(error, this.child.stderrTail()));
        void this.child.close();
      },
      exit: (info) => this.#fail(exitError(info, this.child.stderrTail())),
    });
  }

  /** Why it can carry nothing more, once that is so. */
  get failure(): GatewayError | undefined {
    return this.#failure;
  }

  /** Hands the wire to its user: what came early is delivered first, and an end that came early is told at once. */
  attach(events: WireEvents): void {
    this.#events = events;
    for (const message of this.#early.splice(0)) events.message(message, undefined);
    if (this.#failure) events.closed(this.#failure);
  }

  send(message: Buffer): Promise<void> {
    if (message.includes(LF) || message.includes(CR)) {
      // A second line would be a second message that no policy has seen.
      return Promise.reject(
        new GatewayError('INTERNAL', 'a message for a stdio server contains a line break'),
      );
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#closed)
      return Promise.reject(new GatewayError('UPSTREAM_CLOSED', 'the connection has been closed'));
    try {
      this.child.write(message);
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  diagnostics(): string | undefined {
    return this.child.stderrTail() || undefined;
  }

  /** Ends it for a reason its user must hear, unless the user has closed it. */
  end(reason: GatewayError): Promise<void> {
    this.#fail(reason);
    return this.close();
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.child.close();
  }

  #line(line: Buffer): void {
    const message = trimmed(line);
    if (!OPENING.has(message[0] ?? 0)) {
      if (message.length > 0) this.#log.debug({ line: shown(message) }, 'not a message on standard output');
      return;
    }
    if (this.#closed || this.#failure) return;
    if (this.#events) {
      if (!this.#heard) {
        this.#heard = true;
        this.#spoke();
      }
      this.#events.message(message, undefined);
    } else if (this.#early.length < EARLY_MESSAGES) this.#early.push(message);
    else this.#log.debug({ line: shown(message) }, 'message of an unused child dropped');
  }

  #fail(error: GatewayError): void {
    if (this.#failure || this.#closed) return;
    this.#failure = error;
    this.#events?.closed(error);
  }
}

/** Without what some servers put around a line: CR (Windows), blanks, a byte order mark. */
function trimmed(line: Buffer): Buffer {
  let start = line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
  let end = line.length;
  while (start < end && isBlank(line[start])) start += 1;
  while (end > start && isBlank(line[end - 1])) end -= 1;
  return start === 0 && end === line.length ? line : line.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === CR;
}

function shown(line: Buffer): string {
  return line.subarray(0, BANNER_SHOWN).toString('utf8');
}

function exitError(info: ExitInfo, stderr: string): GatewayError {
  if (info.failure) return info.failure;
  const how = info.signal ? `was ended by ${info.signal}` : `exited with code ${info.code}`;
  const why = lastWords(stderr);
  return new GatewayError('PROCESS_EXIT', `the server process ${how}${why && `: ${why}`}`, {
    data: { ...(info.signal ? { signal: info.signal } : { exitCode: info.code }), ...(stderr && { stderr }) },
  });
}

/** Where npm puts its log: the last line it writes, and never the reason. */
const POINTER = /A complete log of this run/;

/** The line of standard error that most likely says why: the last one about an error (Node ends with its version), else the last. */
function lastWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !POINTER.test(line));
  return (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? '').slice(0, REASON_SHOWN);
}

function withStderr(error: GatewayError, stderr: string): GatewayError {
  return stderr ? new GatewayError(error.code, error.message, { ...error.detail, data: { stderr } }) : error;
}
