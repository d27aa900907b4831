/** One `subscriptions/listen` of a visitor: which changes it hears of, from every target at once. */
import { asGatewayError, type GatewayError } from '../../core/errors.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import { isObject } from '../../lib/json-value.ts';
import { untagged } from '../bridge/untagged.ts';
import type { Links } from '../calls/links.ts';
import { sendSubscribe, sendUnsubscribe } from '../link/own-calls.ts';
import { type Message, SLOT } from '../message.ts';
import type { Target } from '../target/target.ts';
import type { View } from '../view/view.ts';

export interface ListenFilter {
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  /** Exposed URIs. */
  readonly uris: readonly string[];
  /** Exposed ids (the tasks extension). */
  readonly taskIds: readonly string[];
}

export interface Listening {
  /** The filter as far as it can be kept: a JSON object. */
  readonly honoured: Buffer;
  /** Cancelled when no more will come. */
  readonly ended: Cancel;
  close(): void;
}

const LISTS = ['tools', 'prompts', 'resources'] as const;
type List = (typeof LISTS)[number];

/** Whoever listens. */
export interface Host {
  readonly ports: Ports;
  readonly view: View;
  readonly links: Links;
  /** Whether changes of a list can be told. */
  tells(list: List): boolean;
  /** Whether a listener other than `asking` wants to hear of a resource. */
  watches(target: Target, uri: string, asking: Listener): boolean;
}

/** Several servers often change together (a reload, a restart): one notification for all. */
const DEBOUNCE_MS = 50;

export class Listener implements Listening {
  readonly ended = new Cancel();
  readonly #host: Host;
  readonly #filter: ListenFilter;
  readonly #sink: (message: Buffer) => void;
  readonly #uris = new Set<string>();
  readonly #watched: { readonly target: Target; readonly uri: string }[] = [];
  readonly #tasks = new Set<string>();
  readonly #changed = new Set<List>();
  #timer: Timer | undefined;

  constructor(host: Host, filter: ListenFilter, sink: (message: Buffer) => void) {
    this.#host = host;
    this.#filter = filter;
    this.#sink = sink;
  }

  get honoured(): Buffer {
    const [tools, prompts, resources] = LISTS.map((list) => this.#filter[list] && this.#host.tells(list));
    return Buffer.from(
      JSON.stringify({
        ...(tools && { toolsListChanged: true }),
        ...(prompts && { promptsListChanged: true }),
        ...(resources && { resourcesListChanged: true }),
        ...(this.#uris.size > 0 && { resourceSubscriptions: [...this.#uris] }),
        ...(this.#tasks.size > 0 && { taskIds: [...this.#tasks] }),
      }),
    );
  }

  /** Tells the servers. What one of them refuses is left out of what is honoured. */
  async begin(): Promise<void> {
    const uris = this.#filter.uris.map((uri) => this.#watch(uri));
    await Promise.all([...uris, this.#watchTasks()]);
  }

  listChanged(list: List): void {
    if (!this.#filter[list]) return;
    this.#changed.add(list);
    this.#timer ??= this.#host.ports.clock.after(DEBOUNCE_MS, () => {
      this.#timer = undefined;
      for (const each of this.#changed) this.#say(notificationMessage(`notifications/${each}/list_changed`));
      this.#changed.clear();
    });
  }

  updated(message: Message, exposed: string | undefined): void {
    if (exposed === undefined || !this.#uris.has(exposed)) return;
    this.#say(untagged(message, [[SLOT.uri, quote(exposed)]]));
  }

  taskChanged(message: Message, exposed: string | undefined): void {
    if (exposed === undefined || !this.#tasks.has(exposed)) return;
    this.#say(untagged(message, [[SLOT.taskId, quote(exposed)]]));
  }

  close(): void {
    if (this.ended.cancelled) return;
    this.#timer?.cancel();
    for (const { target, uri } of this.#watched) void this.#unwatch(target, uri);
    this.ended.cancel(new Error('no longer listening'));
  }

  #say(message: Buffer): void {
    if (!this.ended.cancelled) this.#sink(message);
  }

  async #watch(exposed: string): Promise<void> {
    const { view, links, ports } = this.#host;
    try {
      const { member, uri } = view.resolveUri(exposed);
      const { target } = member;
      const open = await links.get(target);
      const offered = open.info.capabilities['resources'];
      if (!isObject(offered) || offered['subscribe'] !== true) return;
      if (open.link.era === 'legacy') {
        const outcome = await sendSubscribe(open, uri);
        if (outcome?.kind === 'error') return;
      }
      await links.subscribed(target, uri);
      if (this.ended.cancelled) return void this.#unwatch(target, uri);
      this.#watched.push({ target, uri });
      this.#uris.add(exposed);
    } catch (cause) {
      const { message }: GatewayError = asGatewayError(cause);
      ports.log.debug({ uri: exposed, reason: message }, 'a resource cannot be listened to');
    }
  }

  /** Another listener of the visitor may still want it. */
  async #unwatch(target: Target, uri: string): Promise<void> {
    const { links } = this.#host;
    if (this.#host.watches(target, uri, this) || !links.unsubscribe(target, uri)) return;
    const open = links.ready(target);
    if (open?.link.era === 'legacy') await sendUnsubscribe(open, uri).catch(() => undefined);
  }

  watches(target: Target, uri: string): boolean {
    return this.#watched.some((each) => each.target === target && each.uri === uri);
  }

  async #watchTasks(): Promise<void> {
    const { view, links } = this.#host;
    const byTarget = new Map<Target, Set<string>>();
    for (const exposed of this.#filter.taskIds) {
      const single = view.single;
      const found = single ? { member: single, uri: exposed } : findTask(view, exposed);
      if (!found) continue;
      this.#tasks.add(exposed);
      const { target } = found.member;
      byTarget.set(target, (byTarget.get(target) ?? new Set()).add(found.uri));
    }
    await Promise.all(
      [...byTarget].map(([target, ids]) => links.watchTasks(target, ids).catch(() => undefined)),
    );
  }
}

function findTask(view: View, exposed: string): ReturnType<View['resolveTask']> | undefined {
  try {
    return view.resolveTask(exposed);
  } catch {
    return undefined;
  }
}
