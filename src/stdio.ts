/** `agentgateway stdio`: one client over standard input and output instead of HTTP. */
import type { Writable } from 'node:stream';
import { GatewayError } from './core/errors.ts';
import { LIMITS } from './core/limits.ts';
import type { Clock } from './core/ports.ts';
import type { Gateway } from './gateway.ts';
import { LineSplitter } from './lib/lines.ts';

export interface StdioOptions {
  /** Name of the route to serve; needed when there are several. */
  readonly route: string | undefined;
  readonly clock: Clock;
  readonly input: NodeJS.ReadableStream;
  readonly output: Writable;
}

export interface StdioServing {
  /** Settles when the client has gone or the session has ended; rejects when the client does not read. */
  readonly done: Promise<void>;
  close(): void;
}

const LINE_END = Buffer.from('\n');

/** Throws CONFIG_INVALID when it is not clear which route is meant. */
export function serveStdio(gateway: Gateway, options: StdioOptions): StdioServing {
  const { input, output, clock } = options;
  const backend = chooseBackend(gateway, options.route);
  let finish = (): void => {};
  let fail = (_: Error): void => {};
  const done = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const receiver = backend.connect({
    get unread() {
      return output.writableLength;
    },
    send: (message) => void output.write(Buffer.concat([message, LINE_END])),
    ended: (error) => (error ? fail(error) : finish()),
  });
  const lines = new LineSplitter(
    (line) => receiver.receive(line),
    LIMITS.upstreamMessage.value,
    () => receiver.receive(Buffer.from('"line too long"')),
  );
  input.on('data', (chunk: Buffer) => lines.push(chunk));
  // `printf ... | agentgateway stdio` wants its answers although nothing more will be asked.
  input.on('end', () => {
    const late = clock.after(LIMITS.drain.value, finish);
    const forget = (): void => late.cancel();
    done.then(forget, forget);
    void receiver.settled().then(finish);
  });
  input.on('error', finish);
  // A client that closes its end while we write is gone, not a crash.
  output.on('error', finish);
  return { done, close: () => void receiver.close() };
}

function chooseBackend(gateway: Gateway, name: string | undefined) {
  const routes = (gateway.generation?.routes ?? []).flatMap((route) => {
    // One client is one session, and a session has one backend: weights have nothing to balance here.
    const able = route.backends.find(({ backend, weight }) => backend.connect && weight > 0)?.backend;
    return able?.connect ? [{ name: route.name, connect: able.connect }] : [];
  });
  const chosen = name === undefined ? routes : routes.filter((route) => route.name === name);
  const [only] = chosen;
  if (only && chosen.length === 1) return only;
  const known = routes.map((route) => route.name).join(', ');
  if (routes.length === 0)
    throw new GatewayError(
      'CONFIG_INVALID',
      'the configuration has no MCP backend to serve over standard input and output',
    );
  if (name === undefined)
    throw new GatewayError(
      'CONFIG_INVALID',
      `several routes could be served: choose one with --route (${known})`,
    );
  throw new GatewayError(
    'CONFIG_INVALID',
    `--route ${name}: no route of that name has an MCP backend (there are: ${known})`,
  );
}
