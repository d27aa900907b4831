/** A notification of an upstream subscription without that subscription's id: it is the id of another hop. */
import { splice, without } from '../../lib/json-text.ts';
import { type Member, type Message, replacing, SLOT } from '../message.ts';
import { spans } from './requests.ts';

const TAG = [[SLOT.metaSubscription, 'io.modelcontextprotocol/subscriptionId']] as const;

/** With some members replaced. */
export function untagged({ text }: Message, members: readonly Member[] = []): Buffer {
  const gone = without(text.bytes, spans(text, TAG));
  return splice(text.bytes, replacing(text, members, gone), text);
}
