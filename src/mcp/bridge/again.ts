/**
 * A call is continued by another request than it began with: what comes back still carries the id, progress token and
 * wish for log messages of the first one. Here it becomes an answer to the newest.
 */
import type { Importance } from '../call.ts';
import type { Answered } from '../calls/run-call.ts';
import { type Message, readMessage, SLOT, withMembers } from '../message.ts';

export function answerOf(answered: Answered, { id }: Message): Answered {
  const own = Buffer.from(id);
  const { pieces } = answered;
  const [first, ...rest] = pieces as [Buffer, ...Buffer[]];
  // A result is in pieces, so that it is not copied, with its id by itself; an error is one piece, and small.
  const renamed =
    rest.length === 0
      ? [withMembers(readMessage(first), [[SLOT.id, own]])]
      : pieces.map((piece, at) => (at === pieces.length - 2 ? own : piece));
  return { ...answered, pieces: renamed };
}

/** Undefined when the request that waits now did not ask for it. */
export function notificationOf(
  notification: Buffer,
  importance: Importance,
  { text }: Message,
): Buffer | undefined {
  if (importance === 'keep') return notification;
  if (importance === 'log') return text.has(SLOT.metaLogLevel) ? notification : undefined;
  if (!text.has(SLOT.metaProgressToken)) return undefined;
  return withMembers(readMessage(notification), [[SLOT.progressToken, text.raw(SLOT.metaProgressToken)]]);
}
