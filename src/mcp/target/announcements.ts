/**
 * What a modern server tells by itself over the probe: that lists have changed, and, where the probe serves everyone,
 * the resources that somebody subscribes to. A legacy server tells without being asked.
 */
import type { Ports } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { isObject } from '../../lib/json-value.ts';
import type { LinkWithInfo } from '../link/opened.ts';
import { Subscription } from '../link/subscription.ts';

export interface AnnouncementsOptions {
  readonly ports: Pick<Ports, 'clock' | 'log' | 'random'>;
  readonly probe: LinkWithInfo;
  /** The resources subscribed to now. */
  uris(): Iterable<string>;
  /** An announcement may have been missed. */
  missed(kind: (typeof LISTS)[number]): void;
}

const LISTS = ['tools', 'prompts', 'resources'] as const;
/** A server that does not acknowledge must not keep its target from coming up. */
const PATIENCE_MS = 2000;

export class Announcements implements Closable {
  readonly #options: AnnouncementsOptions;
  readonly #subscription: Subscription;

  constructor(options: AnnouncementsOptions) {
    const { probe, ports } = options;
    this.#options = options;
    const missed = (): void => {
      for (const kind of LISTS) options.missed(kind);
    };
    this.#subscription = new Subscription({ ...ports, open: probe, missed });
    this.update();
  }

  /** Settles when the server tells: lists that are read after that are not older than what it tells of. */
  begun(): Promise<void> {
    return new Promise((resolve) => {
      const patience = this.#options.ports.clock.after(PATIENCE_MS, resolve);
      void this.#subscription.ready().then(() => {
        patience.cancel();
        resolve();
      });
    });
  }

  /** The resources that are subscribed to may have changed. */
  update(): void {
    const { capabilities } = this.#options.probe.info;
    const announces = (list: string): boolean => {
      const capability = capabilities[list];
      return isObject(capability) && capability['listChanged'] === true;
    };
    this.#subscription.want({
      tools: announces('tools'),
      prompts: announces('prompts'),
      resources: announces('resources'),
      uris: new Set(this.#options.uris()),
    });
  }

  close(): void {
    this.#subscription.close();
  }
}
