/** A request body that can be read again for each try. */
import { GatewayError } from '../../core/errors.ts';
import type { RequestBody } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';

const LIMIT = LIMITS.replayedBody.value;

/** Not what is large, and not what may still be on its way when the upstream wants to see it. */
export function isReplayable({ length }: RequestBody): boolean {
  return length !== undefined && length <= LIMIT;
}

/** Makes as many bodies as wanted out of one that is replayable. */
export async function replays(body: RequestBody): Promise<() => RequestBody> {
  const bytes = await body.read(LIMIT);
  return () => new Replay(bytes);
}

class Replay implements RequestBody {
  readonly length: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.length = bytes.length;
  }

  async read(limit: number): Promise<Buffer> {
    if (this.length > limit)
      throw new GatewayError('BODY_TOO_LARGE', `request body is larger than ${limit} bytes`);
    return this.#bytes;
  }

  stream(): Buffer {
    return this.#bytes;
  }
}
