/** A notification of an upstream subscription without that subscription's id: it is the id of another hop. */
import { splice } from '../../lib/json-text.ts';
import { type Member, type Message, replacing } from '../message.ts';
import { withoutSubscription } from './requests.ts';

/** With some members replaced. */
export function untagged(message: Message, members: readonly Member[] = []): Buffer {
  const { text } = message;
  return splice(text.bytes, replacing(text, members, withoutSubscription(text)), text);
}
