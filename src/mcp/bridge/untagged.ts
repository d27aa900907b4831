/** A notification of an upstream subscription without that subscription's id: it is the id of another hop. */
import { type Edit, splice } from '../../lib/json-text.ts';
import { type Member, type Message, SLOT } from '../message.ts';

/** With some members replaced. */
export function untagged(message: Message, members: readonly Member[] = []): Buffer {
  const { text } = message;
  const edits: Edit[] = members.flatMap(([slot, value]) =>
    text.has(slot) ? [{ start: text.startOf(slot), end: text.endOf(slot), with: value }] : [],
  );
  if (text.has(SLOT.metaSubscription)) edits.push(withoutTag(message));
  edits.sort((a, b) => a.start - b.start);
  return splice(text.bytes, edits, text);
}

/** `_meta` of a notification is small: it is made anew. */
function withoutTag({ text }: Message): Edit {
  const meta = JSON.parse(text.raw(SLOT.meta).toString('utf8')) as Record<string, unknown>;
  const { 'io.modelcontextprotocol/subscriptionId': _, ...rest } = meta;
  return {
    start: text.startOf(SLOT.meta),
    end: text.endOf(SLOT.meta),
    with: Buffer.from(JSON.stringify(rest)),
  };
}
