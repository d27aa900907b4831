/** A request body that is all there: read by a policy, or made by one. Unlike one that comes in, it can be read again. */
import { Attempt } from './attempt.ts';
import { GatewayError } from './errors.ts';
import type { Exchange, RequestBody } from './exchange.ts';

export class WholeBody implements RequestBody {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  async read(limit: number): Promise<Buffer> {
    if (this.length > limit)
      throw new GatewayError('BODY_TOO_LARGE', `request body is larger than ${limit} bytes`);
    return this.bytes;
  }

  stream(): Buffer {
    return this.bytes;
  }
}

/** `exchange` with its body read, at most `limit` bytes of it unless it has been read before. */
export async function withWholeBody(
  exchange: Exchange,
  limit: number,
): Promise<Exchange & { readonly body: WholeBody }> {
  if (hasWholeBody(exchange)) return exchange;
  const body = new WholeBody(await exchange.body.read(limit));
  return new Attempt(exchange, { body }) as Attempt & { readonly body: WholeBody };
}

/** What is there of the body: nothing before it is read. */
export function bytesAtHand({ body }: Pick<Exchange, 'body'>): Buffer | undefined {
  return body instanceof WholeBody ? body.bytes : undefined;
}

function hasWholeBody(exchange: Exchange): exchange is Exchange & { readonly body: WholeBody } {
  return exchange.body instanceof WholeBody;
}
