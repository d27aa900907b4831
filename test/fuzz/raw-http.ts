/** Bytes to a port, and the first HTTP answer that comes back: what no HTTP client would send or wait for. */
import { connect } from 'node:net';

export interface RawReply {
  readonly status: number;
  readonly type: string;
  /** Empty for a stream. */
  readonly body: string;
}

export interface ExchangeOptions {
  /** Nothing more is sent: the gateway need not wait for the rest of a body. */
  readonly finish?: boolean;
  /** The connection is broken rather than ended. */
  readonly reset?: boolean;
}

const PATIENCE_MS = 10_000;

/** Resolves with the first final answer, or with undefined when the connection ends without one. */
export function exchange(
  port: number,
  bytes: Buffer,
  options: ExchangeOptions = {},
): Promise<RawReply | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const settle = (reply: RawReply | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(
          `no answer to ${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}; came: ${received}`,
        ),
      );
    }, PATIENCE_MS);
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
      const reply = readReply(received);
      if (reply) settle(reply);
    });
    // A gateway that has seen enough may close while we still write.
    socket.on('error', () => undefined);
    socket.on('close', () => settle(readReply(received)));
    socket.on('connect', () => {
      if (options.reset) socket.write(bytes, () => socket.resetAndDestroy());
      else if (options.finish) socket.end(bytes);
      else socket.write(bytes);
    });
  });
}

/** Undefined until it is whole. */
function readReply(received: string): RawReply | undefined {
  const end = received.indexOf('\r\n\r\n');
  const [, digits] = /^HTTP\/1\.[01] (\d{3})/.exec(received) ?? [];
  if (end < 0 || digits === undefined) return undefined;
  const status = Number(digits);
  // 100 Continue is not the answer.
  if (status === 100) return readReply(received.slice(end + 4));
  const head = received.slice(0, end).toLowerCase();
  const [, type = ''] = /\r\ncontent-type: ([^\r]*)/.exec(head) ?? [];
  const [, length] = /\r\ncontent-length: (\d+)/.exec(head) ?? [];
  if (length === undefined) return { status, type, body: '' };
  const body = received.slice(end + 4, end + 4 + Number(length));
  return body.length === Number(length) || status === 304 ? { status, type, body } : undefined;
}
