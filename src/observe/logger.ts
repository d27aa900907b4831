/**
 * The Log port on pino. Lines are collected and written a few KiB at a time (a write per line costs more than making
 * the line), so whoever opens a log must close it; `fatal` writes at once. Every field and message passes through
 * redact. It must not know what is logged, nor the process: the caller names the stream and says whether it is a terminal.
 */
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { type Clock, type Log, systemClock, type Timer } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { redactText } from '../lib/secrets.ts';
import { redact } from './redact.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  /** Default: `text` when `pretty`, else `json`. */
  readonly format: 'json' | 'text' | undefined;
  /** A writer instead of a stream receives whole lines (tests, embedding). */
  readonly stream: 'stdout' | 'stderr' | DestinationStream;
  /** The stream is a terminal: coloured text, written at once. */
  readonly pretty: boolean;
  readonly clock?: Clock;
}

export interface OpenLog extends Closable {
  readonly log: Log;
  /** Writes this line and everything before it at once: for a process about to die. Ends nothing. */
  fatal(fields: object, message: string): void;
  /** Writes what is collected, synchronously: for an exit that cannot wait. */
  flush(): void;
  /** Lines thrown away because the reader of the stream was too slow. */
  dropped(): number;
  /** Reaches children too. */
  setLevel(level: LogLevel): void;
  close(): Promise<void>;
}

const FD = { stdout: 1, stderr: 2 } as const;
/** Characters collected before a write, and how long a line may wait on a quiet gateway. */
const BATCH = 8192;
const FLUSH_MS = 200;
/** Bytes that may wait for a slow reader; what comes then is dropped and counted. */
const BACKLOG = 4 * 1024 * 1024;

interface Output {
  readonly stream: DestinationStream;
  flush(): void;
  dropped(): number;
  close(): Promise<void>;
}

export async function createLog(options: LogOptions): Promise<OpenLog> {
  const text = options.format === 'text' || (options.format === undefined && options.pretty);
  const clock = options.clock ?? systemClock;
  const output =
    typeof options.stream === 'string' ? streamOutput(options, clock) : writerOutput(options.stream);
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: isoTime(clock),
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // By then the error is the plain copy that `redact` made.
      serializers: { err: (copy: unknown) => copy },
    },
    text ? await asText(output.stream, options.pretty) : output.stream,
  );
  return {
    log: asLog(root),
    fatal(fields, message) {
      root.fatal(fields, redactText(message));
      output.flush();
    },
    flush: output.flush,
    dropped: output.dropped,
    // pino's children inherit the methods of their parent, and with them its level.
    setLevel: (level) => {
      root.level = level;
    },
    close: output.close,
  };
}

function asLog(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.isLevelEnabled('debug') && logger.debug(fields, redactText(message)),
    info: (fields, message) => logger.isLevelEnabled('info') && logger.info(fields, redactText(message)),
    warn: (fields, message) => logger.warn(fields, redactText(message)),
    error: (fields, message) => logger.error(fields, redactText(message)),
    child: (fields) => asLog(logger.child(redact(fields) as Record<string, unknown>)),
  };
}

/** Of 4.1 us that a line took with one write each, batches save 1.8 and a time made once a millisecond 0.6 (Node 20). */
function streamOutput({ stream, pretty }: LogOptions, clock: Clock): Output {
  const fd = FD[stream as keyof typeof FD];
  const target = destination({ fd, sync: pretty, minLength: pretty ? 0 : BATCH, maxLength: BACKLOG });
  let dropped = 0;
  target.on('drop', (lines: string) => {
    dropped += lines.split('\n').length - 1;
  });
  const batch = new Batch(target, { size: pretty ? 0 : BATCH, clock });
  let closing: Promise<void> | undefined;
  return {
    stream: batch,
    flush() {
      batch.pass();
      target.flushSync();
    },
    dropped: () => dropped,
    close() {
      closing ??= new Promise((resolve) => {
        batch.pass();
        target.once('close', resolve);
        // A reader that went away (EPIPE): pino turns `end` into nothing, and no close would ever come.
        target.once('error', resolve);
        target.end();
      });
      return closing;
    },
  };
}

type Target = ReturnType<typeof destination>;

class Batch implements DestinationStream {
  readonly #target: Target;
  readonly #size: number;
  readonly #clock: Clock;
  #lines = '';
  #timer: Timer | undefined;

  constructor(target: Target, { size, clock }: { readonly size: number; readonly clock: Clock }) {
    this.#target = target;
    this.#size = size;
    this.#clock = clock;
  }

  write(line: string): void {
    this.#lines += line;
    if (this.#lines.length > this.#size) this.pass();
    else this.#timer ??= this.#clock.after(FLUSH_MS, () => this.#overdue());
  }

  /** Hands the lines over. The target writes at once only what is a full batch. */
  pass(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#lines === '') return;
    const lines = this.#lines;
    this.#lines = '';
    this.#target.write(lines);
  }

  #overdue(): void {
    this.pass();
    this.#target.flush();
  }
}

function writerOutput(stream: DestinationStream): Output {
  return { stream, flush() {}, dropped: () => 0, close: () => Promise.resolve() };
}

function isoTime(clock: Clock): () => string {
  let last = -1;
  let text = '';
  return () => {
    const now = clock.now();
    if (now !== last) {
      last = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}

/** `time LEVEL message name=value ...`, and the stack of an error below it. */
async function asText(stream: DestinationStream, colorize: boolean): Promise<DestinationStream> {
  // 60 ms of import that a service logging JSON need not pay.
  const { prettyFactory } = await import('pino-pretty');
  const dim = (text: string) => (colorize ? `\u001b[90m${text}\u001b[39m` : text);
  const format = prettyFactory({
    colorize,
    colorizeObjects: false,
    hideObject: true,
    translateTime: colorize ? 'SYS:HH:MM:ss.l' : 'UTC:yyyy-mm-dd"T"HH:MM:ss.l"Z"',
    messageFormat: (line) =>
      `${visible(String(line['msg']))}${dim(fieldsText(line))}${stackText(line['err'])}`,
  });
  return { write: (line) => stream.write(format(line)) };
}

const OWN_FIELDS = new Set(['time', 'level', 'msg', 'err']);

function fieldsText(line: Record<string, unknown>): string {
  let text = '';
  for (const [name, value] of Object.entries(line)) {
    if (OWN_FIELDS.has(name) || value === undefined) continue;
    text += ` ${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`;
  }
  return visible(text);
}

/** Clients choose tool names and paths: an escape sequence in one must not run in the terminal that shows the log. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function stackText(error: unknown): string {
  if (typeof error !== 'object' || error === null)
    return error === undefined ? '' : ` err=${JSON.stringify(error)}`;
  const { stack, message, cause } = error as { stack?: unknown; message?: unknown; cause?: unknown };
  const lines = String(stack ?? message)
    .split('\n')
    .map(visible);
  return `\n    ${lines.join('\n')}${cause === undefined ? '' : `\n  caused by${stackText(cause)}`}`;
}
