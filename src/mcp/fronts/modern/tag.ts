/** Messages of a `subscriptions/listen` stream: each names the request that opened the stream. */
import { notificationMessage, resultMessage } from '../../../lib/json-rpc.ts';
import { splice } from '../../../lib/json-text.ts';
import { readMessage, SLOT, withMembers } from '../../message.ts';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The first message of a stream. `id` is the raw JSON text of the request's id, `honoured` a JSON object. */
export function acknowledgement(id: string, honoured: Buffer): Buffer {
  const params = [Buffer.from(`{"_meta":{${tag(id)}},"notifications":`), honoured, Buffer.from('}')];
  return notificationMessage('notifications/subscriptions/acknowledged', Buffer.concat(params));
}

/** The last one: the stream ends from our side. `serverInfo` is a JSON object. */
export function ending(id: string, serverInfo: Buffer | undefined): Buffer {
  const about = serverInfo ? `,"io.modelcontextprotocol/serverInfo":${serverInfo.toString()}` : '';
  const result = `{"resultType":"complete","_meta":{${tag(id)}${about}}}`;
  return resultMessage(Buffer.from(id), Buffer.from(result));
}

/** A notification as it goes to one stream. */
export function tagged(notification: Buffer, id: string): Buffer {
  const message = readMessage(notification);
  const { text } = message;
  if (text.has(SLOT.metaSubscription))
    return withMembers(message, [[SLOT.metaSubscription, Buffer.from(id)]]);
  if (text.first(SLOT.meta) === OPEN_BRACE) return inserted(text.bytes, text.startOf(SLOT.meta) + 1, tag(id));
  const meta = `"_meta":{${tag(id)}}`;
  if (text.first(SLOT.params) === OPEN_BRACE)
    return inserted(text.bytes, text.startOf(SLOT.params) + 1, meta);
  return splice(text.bytes, [
    { start: text.end - 1, end: text.end - 1, with: Buffer.from(`,"params":{${meta}}`) },
  ]);
}

function tag(id: string): string {
  return `"io.modelcontextprotocol/subscriptionId":${id}`;
}

/** A first member for the object that begins before `at`. The text has no line breaks between its tokens. */
function inserted(bytes: Buffer, at: number, member: string): Buffer {
  let next = at;
  while (bytes[next] === 0x20 || bytes[next] === 0x09) next += 1;
  const alone = bytes[next] === CLOSE_BRACE;
  return splice(bytes, [{ start: at, end: at, with: Buffer.from(alone ? member : `${member},`) }]);
}
