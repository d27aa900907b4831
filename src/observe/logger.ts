/**
 * The Log port on pino. Lines are collected and written a few KiB at a time (a write per line costs more than making
 * the line), so whoever opens a log must close it; `fatal` writes at once. Every field and message passes through
 * redact. It must not know what is logged, nor the process: the caller names the stream and says whether it is a terminal.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { redact, redactText } from './redact.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  /** Default: `text` when `pretty`, else `json`. */
  readonly format: 'json' | 'text' | undefined;
  /** A writer instead of a stream receives whole lines (tests, embedding). */
  readonly stream: 'stdout' | 'stderr' | DestinationStream;
  /** The stream is a terminal: coloured text, written at once. */
  readonly pretty: boolean;
}

export interface OpenLog extends Closable {
  readonly log: Log;
  /** Writes this line and everything before it at once: for a process about to die. Ends nothing. */
  fatal(fields: object, message: string): void;
  /** Reaches children too. */
  setLevel(level: LogLevel): void;
  close(): Promise<void>;
}

const FD = { stdout: 1, stderr: 2 } as const;
/** Bytes collected before a write, and how long a line may wait on a quiet gateway. */
const BUFFER = 4096;
const FLUSH_MS = 200;

interface Output {
  readonly stream: DestinationStream;
  flush(): void;
  close(): Promise<void>;
}

export async function createLog(options: LogOptions): Promise<OpenLog> {
  const text = options.format === 'text' || (options.format === undefined && options.pretty);
  const output = typeof options.stream === 'string' ? streamOutput(options) : writerOutput(options.stream);
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
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
    // pino's children inherit the methods of their parent, and with them its level.
    setLevel: (level) => {
      root.level = level;
    },
    close: () => output.close(),
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

function streamOutput({ stream, pretty }: LogOptions): Output {
  const fd = FD[stream as keyof typeof FD];
  const target = destination(
    pretty ? { fd, sync: true } : { fd, sync: false, minLength: BUFFER, periodicFlush: FLUSH_MS },
  );
  let closing: Promise<void> | undefined;
  return {
    stream: target,
    flush: () => target.flushSync(),
    close: () => {
      closing ??= new Promise((resolve) => {
        target.once('close', resolve);
        // A reader that went away (EPIPE): pino turns `end` into nothing, and no close would ever come.
        target.once('error', resolve);
        target.end();
      });
      return closing;
    },
  };
}

function writerOutput(stream: DestinationStream): Output {
  return { stream, flush() {}, close: () => Promise.resolve() };
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
