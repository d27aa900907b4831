/** Reads one event stream of an upstream to its end: messages out, and what is needed to resume it. */
import { GatewayError } from '../../core/errors.ts';
import type { Flow } from '../../lib/flow.ts';
import { findAnswer } from '../../lib/json-rpc.ts';
import { SseLimitError, SseParser } from '../../lib/sse.ts';

export interface StreamEnd {
  /** The response to the request the stream belongs to has come. */
  readonly answered: boolean;
  readonly lastId: string | undefined;
  readonly retryMs: number | undefined;
  /** Why it ended early. */
  readonly error: Error | undefined;
}

export interface EventReading {
  /** The request whose answer the stream carries; undefined for a listening stream. */
  readonly origin: number | undefined;
  readonly maxMessage: number;
  message(data: Buffer): void;
  /** The response to that request has come; nothing but the end should follow. */
  answered(): void;
  /** The stream has given its first event id, and can be resumed. */
  resumable?(): void;
}

export function readEvents(body: Flow, reading: EventReading): Promise<StreamEnd> {
  return new Promise((resolve) => {
    let answered = false;
    let lastId: string | undefined;
    let retryMs: number | undefined;
    let over = false;
    const finish = (error: Error | undefined): void => {
      if (over) return;
      over = true;
      resolve({ answered, lastId, retryMs, error });
    };
    const parser = new SseParser(
      {
        event: (event) => {
          if (event.id !== undefined) {
            if (lastId === undefined) reading.resumable?.();
            lastId = event.id;
          }
          if (event.retry !== undefined) retryMs = event.retry;
          if (event.data.length === 0 || event.event !== 'message') return;
          const isAnswer = !answered && reading.origin !== undefined && answers(event.data, reading.origin);
          reading.message(event.data);
          if (!isAnswer) return;
          answered = true;
          reading.answered();
        },
      },
      { maxEventBytes: reading.maxMessage },
    );
    body.to({
      data: (chunk) => {
        try {
          parser.push(chunk);
        } catch (error) {
          if (!(error instanceof SseLimitError)) throw error;
          const tooLarge = new GatewayError(
            'UPSTREAM_MESSAGE_TOO_LARGE',
            `an event of the upstream is longer than ${error.limit} bytes`,
          );
          finish(tooLarge);
          body.cancel(tooLarge);
        }
      },
      end: () => {
        parser.end();
        finish(undefined);
      },
      fail: finish,
    });
  });
}

/** Whether a message is the response to the request with this id. */
export function answers(data: Buffer, origin: number): boolean {
  try {
    return findAnswer(data)?.id === origin;
  } catch {
    return false;
  }
}
