/** A request whose body is read before it goes on. */
import type { Readable } from 'node:stream';
import { Attempt } from '../../core/attempt.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, RequestBody } from '../../core/exchange.ts';
import { WholeBody, withWholeBody } from '../../core/whole-body.ts';
import type { SideConfig } from './schema.ts';

export async function heldRequest(
  exchange: Exchange,
  { maxBytes, failureMode }: SideConfig,
): Promise<Exchange> {
  const { length } = exchange.body;
  if (failureMode === 'failClosed') return withWholeBody(exchange, maxBytes);
  if (length !== undefined) return length > maxBytes ? exchange : withWholeBody(exchange, maxBytes);
  return new Attempt(exchange, { body: await readAhead(exchange.body, maxBytes) });
}

/** Of a body that does not say how long it is: all of it, or what stands there beyond `most` bytes with the rest. */
async function readAhead(body: RequestBody, most: number): Promise<RequestBody> {
  const stream = body.stream();
  if (Buffer.isBuffer(stream)) return new WholeBody(stream);
  const whole = await upTo(stream, most);
  return whole ? new WholeBody(whole) : new BegunBody(stream);
}

/** undefined: there is more. What was read is then put back. */
function upTo(stream: Readable, most: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= most) return;
      stop();
      stream.pause();
      stream.unshift(Buffer.concat(chunks));
      resolve(undefined);
    };
    const onEnd = (): void => {
      stop();
      resolve(Buffer.concat(chunks));
    };
    const onClose = (): void => {
      stop();
      reject(new GatewayError('CANCELLED', 'the client went away while sending its request'));
    };
    const stop = (): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    if (stream.destroyed) onClose();
    // An error is followed by 'close', which counts; without a listener it would end the process.
    else
      stream
        .on('error', () => {})
        .on('end', onEnd)
        .on('close', onClose)
        .on('data', onData)
        .resume();
  });
}

class BegunBody implements RequestBody {
  readonly length = undefined;
  readonly #stream: Readable;

  constructor(stream: Readable) {
    this.#stream = stream;
  }

  /** It has been found to be longer than what was allowed. */
  async read(limit: number): Promise<Buffer> {
    const whole = await upTo(this.#stream, limit);
    if (whole) return whole;
    this.#stream.resume();
    throw new GatewayError('BODY_TOO_LARGE', `request body is larger than ${limit} bytes`);
  }

  stream(): Readable {
    return this.#stream;
  }
}
