/**
 * One `subscriptions/listen`: the acknowledgement first, then every change, tagged with the request's id, until the
 * client leaves or the endpoint ends it. Knows no transport: a stream over HTTP, or a channel that it shares.
 */
import { GatewayError } from '../../../core/errors.ts';
import type { GuardedRequest } from '../../../core/guard.ts';
import { LIMITS } from '../../../core/limits.ts';
import { isObject } from '../../../lib/json-value.ts';
import { type Message, SLOT } from '../../message.ts';
import type { ListenFilter, Listening } from '../../visitors/listener.ts';
import type { Visitor } from '../../visitors/visitor.ts';
import { acknowledgement, ending, tagged } from './tag.ts';

export interface ListenOptions {
  readonly visitor: Pick<Visitor, 'listen'>;
  /** What rules read. */
  readonly exchange: GuardedRequest;
  /** Raw JSON text of the request's id. */
  readonly id: string;
  /** Raw JSON object: what results say of the server. */
  readonly serverInfo: Buffer | undefined;
  send(message: Buffer): void;
  /** The complete response: nothing follows it. */
  ended(response: Buffer): void;
}

/** Changes that may come before the servers have been told and the acknowledgement can be given. */
const MAX_EARLY = 1000;

export class ListenCall {
  readonly #options: ListenOptions;
  #listening: Listening | undefined;
  #early: Buffer[] = [];
  #over = false;

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  /** Resolves with the acknowledgement; rejects when there is nothing to listen to. */
  async begin(filter: ListenFilter): Promise<void> {
    const { visitor, exchange, id, send } = this.#options;
    const listening = await visitor.listen(filter, { exchange, hear: (message) => this.#heard(message) });
    if (this.#over) return listening.close();
    this.#listening = listening;
    const { honoured, ended } = listening;
    send(acknowledgement(id, honoured));
    for (const message of this.#early.splice(0)) this.#heard(message);
    // Nothing would ever come: the official SDK's servers end such a stream too.
    if (isEmpty(honoured)) this.end();
    else ended.onCancel(() => this.end());
  }

  /** The client does not want more. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#listening?.close();
  }

  /** It ends from our side. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    const { id, serverInfo, ended } = this.#options;
    ended(ending(id, serverInfo));
    this.#listening?.close();
  }

  #heard(message: Buffer): void {
    if (this.#over) return;
    if (this.#listening) this.#options.send(tagged(message, this.#options.id));
    else if (this.#early.length < MAX_EARLY) this.#early.push(message);
  }
}

function isEmpty(honoured: Buffer): boolean {
  return honoured.toString('latin1').trim() === '{}';
}

/** What the client wants to hear of. Throws INVALID_PARAMS. */
export function readFilter({ text }: Message): ListenFilter {
  const value: unknown = text.has(SLOT.notifications)
    ? JSON.parse(text.raw(SLOT.notifications).toString('utf8'))
    : undefined;
  if (!isObject(value)) throw invalid('needs "params.notifications", an object');
  return {
    tools: flag(value, 'toolsListChanged'),
    prompts: flag(value, 'promptsListChanged'),
    resources: flag(value, 'resourcesListChanged'),
    uris: texts(value, 'resourceSubscriptions'),
    taskIds: texts(value, 'taskIds'),
  };
}

function flag(filter: Record<string, unknown>, name: string): boolean {
  const value = filter[name] ?? false;
  if (typeof value !== 'boolean') throw invalid(`"notifications.${name}" must be true or false`);
  return value;
}

function texts(filter: Record<string, unknown>, name: string): readonly string[] {
  const value = filter[name] ?? [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw invalid(`"notifications.${name}" must be an array of strings`);
  const most = LIMITS.subscriptions.value;
  if (value.length > most) throw invalid(`"notifications.${name}" may name ${most}, not ${value.length}`);
  return [...new Set<string>(value)];
}

function invalid(fault: string): GatewayError {
  return new GatewayError('INVALID_PARAMS', `subscriptions/listen: ${fault}`);
}
