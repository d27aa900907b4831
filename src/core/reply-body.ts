/** Bodies of replies that policies hold or read: which must stream, and how one is read whole. */
import { Flow } from '../lib/flow.ts';
import type { Reply } from './exchange.ts';

/** No body at all, or one that tells things as they happen: nothing to wait for. */
export function streamsOn({ status, headers }: Pick<Reply, 'status' | 'headers'>): boolean {
  if (status === 204 || status === 304) return true;
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() === 'content-type')
      return /^(?:text\/event-stream|application\/grpc)\b/i.test(headers[at + 1] as string);
  return false;
}

export interface Whole {
  readonly bytes: Buffer;
  readonly trailers: readonly string[] | undefined;
  readonly more?: undefined;
}

/** `more`: it is longer. What has come and what is to come, paused. */
export type Held = Whole | { readonly more: Flow };

/** Reads a body that is no longer than `limit` bytes. Rejects where it breaks off. */
export function held(body: Flow, limit: number): Promise<Held> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let more: Flow | undefined;
    body.to({
      data(chunk) {
        if (more) {
          more.push(chunk);
          return;
        }
        chunks.push(chunk);
        size += chunk.length;
        if (size <= limit) return;
        more = new Flow({
          pause: () => body.pause(),
          resume: () => body.resume(),
          cancel: (reason) => body.cancel(reason),
        });
        for (const each of chunks.splice(0)) more.push(each);
        resolve({ more });
      },
      end(trailers) {
        if (more) more.end(trailers);
        else
          resolve({ bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), trailers });
      },
      fail(error) {
        if (more) more.fail(error);
        else reject(error);
      },
    });
  });
}
