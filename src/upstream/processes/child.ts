/**
 * One running child: lines in, lines out, and an end that leaves nobody behind. It knows nothing of MCP. The leader's
 * exit is reported as soon as its output has been delivered; `gone` comes when its whole group has ended.
 */
import type { ChildProcess } from 'node:child_process';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Closable } from '../../core/scope.ts';
import { LineSplitter } from '../../lib/lines.ts';
import { endGroup } from './group.ts';
import type { StderrReader } from './stderr.ts';
import type { SystemProcess } from './system.ts';

const QUEUE_LIMIT = LIMITS.childInput.value;

/** How long output may still arrive, or an exit follow a broken pipe, before it is no longer waited for. */
const SETTLE_MS = 500;
/** A process that survives SIGKILL this long hangs in the kernel; its record stays for the next start. */
const STUCK_MS = 5000;
const LF = Buffer.from('\n');
/** Up to here one copied buffer costs less than a gathered write of two. */
const COPY_LIMIT = 16 * 1024;

export interface ExitInfo {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** PROCESS_START when it never ran: what is wrong and what to do. */
  readonly failure: GatewayError | undefined;
}

export interface ChildEvents {
  /** A line of standard output without its LF. The buffer belongs to the receiver. */
  line(line: Buffer): void;
  /** The child lives but can no longer be talked to; the receiver should close it. At most once. */
  fault(error: GatewayError): void;
  /** It has ended and its output has been delivered. Exactly once, after `close()` as well. */
  exit(info: ExitInfo): void;
}

export interface Child extends Closable {
  readonly pid: number | undefined;
  /** Queues a line and its LF. Throws UPSTREAM_CLOSED when standard input is closed or its queue is full. */
  write(line: Buffer): void;
  /** The last 4 KiB of standard error, without secrets. */
  stderrTail(): string;
  readonly exited: Promise<ExitInfo>;
  /** Ends it: standard input closes, then SIGTERM, then SIGKILL to the group. Resolves when the group has ended. */
  close(): Promise<void>;
}

export interface ChildOptions {
  readonly process: ChildProcess;
  readonly system: SystemProcess;
  readonly stderr: StderrReader;
  readonly events: ChildEvents;
  readonly graceMs: number;
  /** One message of it. */
  readonly messageBytes: number;
  readonly startFailure: (error: NodeJS.ErrnoException) => GatewayError;
  /** The whole group has ended. */
  readonly gone: () => void;
}

export class RunningChild implements Child {
  readonly pid: number | undefined;
  readonly exited: Promise<ExitInfo>;
  readonly #options: ChildOptions;
  readonly #gone: Promise<void>;
  #left: ExitInfo | undefined;
  #faulted = false;
  #closing: Promise<void> | undefined;
  #resolveExited: (info: ExitInfo) => void = () => undefined;
  #resolveGone: () => void = () => undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.pid = options.process.pid;
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    this.#gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    this.#watch(options.process);
  }

  write(line: Buffer): void {
    const { stdin } = this.#options.process;
    if (!stdin?.writable) throw new GatewayError('UPSTREAM_CLOSED', 'the process takes no more input');
    if (stdin.writableLength + line.length > QUEUE_LIMIT) {
      throw new GatewayError(
        'UPSTREAM_CLOSED',
        `the process does not read its input: ${stdin.writableLength} bytes wait`,
      );
    }
    if (line.length <= COPY_LIMIT) {
      stdin.write(Buffer.concat([line, LF], line.length + 1));
      return;
    }
    stdin.cork();
    stdin.write(line);
    stdin.write(LF);
    stdin.uncork();
  }

  stderrTail(): string {
    return this.#options.stderr.tail();
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const { process, system, graceMs } = this.#options;
    process.stdin?.end();
    if (this.pid === undefined || (await this.#leaves(graceMs))) return this.#gone;
    system.signalGroup(this.pid, 'SIGTERM');
    if (await this.#leaves(graceMs)) return this.#gone;
    system.signalGroup(this.pid, 'SIGKILL');
    if (await this.#leaves(STUCK_MS)) return this.#gone;
  }

  #watch(process: ChildProcess): void {
    const { messageBytes } = this.#options;
    const lines = new LineSplitter(
      (line) => this.#options.events.line(line),
      messageBytes,
      (size) => this.#fault(new GatewayError('UPSTREAM_MESSAGE_TOO_LARGE', oversize(size, messageBytes))),
    );
    process.stdout?.on('data', (chunk: Buffer) => {
      if (!this.#faulted) lines.push(chunk);
    });
    process.stderr?.on('data', (chunk: Buffer) => this.#options.stderr.push(chunk));
    // EPIPE and ECONNRESET: the exit usually follows; a child that lives on without its pipes is of no use.
    process.stdin?.on('error', () => this.#faultUnlessLeaving('the process closed its standard input'));
    process.stdout?.on('error', () => undefined);
    process.stderr?.on('error', () => undefined);
    process.stdout?.once('end', () => this.#faultUnlessLeaving('the process closed its standard output'));
    process.on('error', (error) => {
      if (this.pid === undefined) this.#failed(error);
    });
    process.once('exit', (code, signal) => void this.#ended({ code, signal, failure: undefined }));
  }

  #failed(error: Error): void {
    const failure = this.#options.startFailure(error);
    this.#report({ code: null, signal: null, failure });
    this.#release();
  }

  async #ended(info: ExitInfo): Promise<void> {
    const { process, system, graceMs } = this.#options;
    this.#left = info;
    const group = endGroup(system, this.pid as number, graceMs);
    // Streams close at once unless a descendant still holds them.
    await this.#within(SETTLE_MS, (done) => process.once('close', done));
    for (const stream of [process.stdin, process.stdout, process.stderr]) stream?.destroy();
    this.#report(info);
    await group;
    this.#release();
  }

  #report(info: ExitInfo): void {
    this.#left = info;
    this.#resolveExited(info);
    this.#options.events.exit(info);
  }

  #release(): void {
    this.#options.gone();
    this.#resolveGone();
  }

  #fault(error: GatewayError): void {
    if (this.#faulted || this.#left || this.#closing) return;
    this.#faulted = true;
    this.#options.events.fault(error);
  }

  async #faultUnlessLeaving(what: string): Promise<void> {
    if (!(await this.#leaves(SETTLE_MS))) this.#fault(new GatewayError('UPSTREAM_CLOSED', what));
  }

  /** Whether the leader exits within `ms`. */
  async #leaves(ms: number): Promise<boolean> {
    if (this.#left) return true;
    return this.#within(ms, (done) => this.#options.process.once('exit', done));
  }

  #within(ms: number, subscribe: (done: () => void) => void): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#options.system.after(ms, () => resolve(false));
      subscribe(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}

function oversize(size: number, limit: number): string {
  return `a message of ${size} bytes or more: the limit is ${limit}`;
}
