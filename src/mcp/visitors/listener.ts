/** One `subscriptions/listen` of a visitor: which changes it hears of, from every target at once. */

import { asGatewayError, type GatewayError } from '../../core/errors.ts';
import type { GuardedRequest } from '../../core/guard.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import { isObject } from '../../lib/json-value.ts';
import { TASKS_EXTENSION } from '../bridge/tasks.ts';
import { untagged } from '../bridge/untagged.ts';
import type { Links } from '../calls/links.ts';
import { type Heard, type Hearer, mayHear } from '../calls/permit.ts';
import type { LinkWithInfo } from '../link/opened.ts';
import { sendSubscribe } from '../link/own-calls.ts';
import { type Message, SLOT } from '../message.ts';
import type { Target } from '../target/target.ts';
import { exposeTaskUris } from '../view/rewrite.ts';
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

/** Who listens. */
export interface Hearing {
  /** What rules read. */
  readonly exchange: GuardedRequest;
  hear(message: Buffer): void;
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
export interface Host extends Hearer {
  readonly ports: Ports;
  readonly links: Links;
  /** Whether changes of a list can be told. */
  tells(list: List): boolean;
  /** Whether a listener other than `asking` wants to hear of a resource. */
  watches(target: Target, uri: string, asking: Listener): boolean;
  /** A listener has begun or ended to follow tasks of the target. */
  tasksChanged(target: Target): Promise<void>;
}

/** Several servers often change together (a reload, a restart): one notification for all. */
const DEBOUNCE_MS = 50;
/** How long the acknowledgement waits for servers. */
const PATIENCE_MS = 2000;

export class Listener implements Listening {
  readonly ended = new Cancel();
  readonly #host: Host;
  readonly #filter: ListenFilter;
  readonly #hearing: Hearing;
  readonly #uris = new Set<string>();
  readonly #watched: { readonly target: Target; readonly uri: string }[] = [];
  /** Exposed ids. */
  readonly #tasks = new Set<string>();
  /** Native ids. */
  readonly #tasksOf = new Map<Target, Set<string>>();
  readonly #changed = new Set<List>();
  #timer: Timer | undefined;

  constructor(host: Host, filter: ListenFilter, hearing: Hearing) {
    this.#host = host;
    this.#filter = filter;
    this.#hearing = hearing;
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
    await this.#patiently(Promise.all([...uris, this.#watchTasks()]));
  }

  /** A server that is down must not keep the client from hearing of the others; what it grants later is told too. */
  #patiently(told: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const patience = this.#host.ports.clock.after(PATIENCE_MS, resolve);
      void told.finally(() => {
        patience.cancel();
        resolve();
      });
    });
  }

  listChanged(list: List): void {
    if (!this.#filter[list]) return;
    this.#changed.add(list);
    this.#timer ??= this.#host.ports.clock.after(DEBOUNCE_MS, () => {
      this.#timer = undefined;
      this.#tellChanges();
    });
  }

  /** The targets that it hears of by more than their lists. */
  get follows(): readonly Target[] {
    return [...this.#watched.map(({ target }) => target), ...this.#tasksOf.keys()];
  }

  /** Native ids of the target's tasks that it follows. */
  tasksOf(target: Target): Iterable<string> {
    return this.#tasksOf.get(target) ?? [];
  }

  updated(message: Message, exposed: string | undefined): void {
    if (exposed === undefined || !this.#uris.has(exposed)) return;
    this.#say(untagged(message, [[SLOT.uri, quote(exposed)]]));
  }

  /** `target`: whose URIs get its name. */
  taskChanged(message: Message, exposed: string | undefined, target: string | undefined): void {
    if (exposed === undefined || !this.#tasks.has(exposed)) return;
    const said = untagged(message, [[SLOT.taskId, quote(exposed)]]);
    this.#say(target === undefined ? said : exposeTaskUris(said, target));
  }

  close(): void {
    if (this.ended.cancelled) return;
    this.#timer?.cancel();
    // Whoever listens again does not read the lists because of that.
    this.#tellChanges();
    for (const { target, uri } of this.#watched) void this.#unwatch(target, uri);
    this.ended.cancel(new Error('no longer listening'));
    for (const target of this.#tasksOf.keys()) void this.#host.tasksChanged(target);
  }

  #tellChanges(): void {
    for (const each of this.#changed) this.#say(notificationMessage(`notifications/${each}/list_changed`));
    this.#changed.clear();
  }

  #say(message: Buffer): void {
    if (!this.ended.cancelled) this.#hearing.hear(message);
  }

  async #watch(exposed: string): Promise<void> {
    const { view, links, ports } = this.#host;
    try {
      const { member, uri } = view.resolveUri(exposed);
      const { target } = member;
      if (!this.#mayHear({ member, kind: 'resource', name: uri })) return;
      links.checkRoom();
      const open = await links.get(target);
      const offered = open.info.capabilities['resources'];
      if (!isObject(offered) || offered['subscribe'] !== true) return;
      if (open.link.era === 'legacy') {
        const outcome = await links.inTurn(target, uri, () => sendSubscribe(open, uri));
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
    await this.#host.links.endSubscription(target, uri, () => this.#host.watches(target, uri, this));
  }

  watches(target: Target, uri: string): boolean {
    return this.#watched.some((each) => each.target === target && each.uri === uri);
  }

  #mayHear(heard: Heard): boolean {
    return mayHear(this.#host, heard, this.#hearing.exchange);
  }

  async #watchTasks(): Promise<void> {
    const { view } = this.#host;
    const byTarget = new Map<Target, Map<string, string>>();
    for (const exposed of this.#filter.taskIds) {
      const found = view.single ? { member: view.single, uri: exposed } : findTask(view, exposed);
      if (!found || !this.#mayHear({ member: found.member, kind: 'task', name: found.uri })) continue;
      const { target } = found.member;
      byTarget.set(target, (byTarget.get(target) ?? new Map()).set(exposed, found.uri));
    }
    await Promise.all([...byTarget].map(([target, ids]) => this.#follow(target, ids)));
  }

  async #follow(target: Target, ids: ReadonlyMap<string, string>): Promise<void> {
    const open = await this.#host.links.get(target).catch(() => undefined);
    if (!open || !tellsTasks(open, target) || this.ended.cancelled) return;
    for (const exposed of ids.keys()) this.#tasks.add(exposed);
    this.#tasksOf.set(target, new Set(ids.values()));
    await this.#host.tasksChanged(target);
  }
}

/** The tasks extension; the one link of a server that serves everyone listens to nobody's tasks. */
function tellsTasks({ link, info }: LinkWithInfo, { connector }: Target): boolean {
  const { extensions } = info.capabilities;
  return (
    link.era === 'modern' &&
    connector.lifecycle === 'session' &&
    isObject(extensions) &&
    extensions[TASKS_EXTENSION] !== undefined
  );
}

function findTask(view: View, exposed: string): ReturnType<View['resolveTask']> | undefined {
  try {
    return view.resolveTask(exposed);
  } catch {
    return undefined;
  }
}
