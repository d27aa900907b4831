/**
 * Webhooks that a request names, judged before the agent sees them: by what they say, and by where their names lead now.
 * The agent asks the DNS again when it calls them.
 */
import {
  areOutside,
  parseHostPattern,
  unknownName,
  type WebhookRules,
  webhookFault,
} from '../../a2a/webhook.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { type Resolve, resolvingAtMost } from '../../upstream/resolve.ts';
import type { A2aConfig } from './schema.ts';

export interface WebhookDeps {
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  readonly resolve: Resolve;
}

export class Webhooks {
  readonly #rules: WebhookRules;
  readonly #ports: WebhookDeps['ports'];
  readonly #resolve: Resolve;

  constructor({ hosts, others }: A2aConfig['webhooks'], { ports, resolve }: WebhookDeps) {
    this.#rules = { hosts: hosts.flatMap((text) => parseHostPattern(text) ?? []), others };
    this.#ports = ports;
    this.#resolve = resolvingAtMost(LIMITS.webhookHosts.value, resolve);
  }

  /** Rejects with INVALID_PARAMS where one is refused. */
  async check(urls: readonly string[], cancel: Cancel): Promise<void> {
    const names = new Set<string>();
    for (const url of urls) {
      // In protobuf, and in JSON made of it, that is a member that is not there.
      if (url === '') continue;
      const fault = webhookFault(url, this.#rules);
      if (fault !== undefined) throw refused(fault);
      const name = unknownName(url, this.#rules);
      if (name !== undefined) names.add(name);
    }
    if (names.size === 0) return;
    const outside = await Promise.all([...names].map((name) => this.#leadsOutside(name)));
    if (cancel.reason) throw cancel.reason;
    // One sentence, whatever the reason: who asks learns nothing of names that only the gateway's DNS has.
    if (outside.includes(false)) throw refused('leads to no host that is known to be on the Internet');
  }

  /** Rejects with OVERLOADED. */
  async #leadsOutside(name: string): Promise<boolean> {
    const { clock, log } = this.#ports;
    const no = (reason: string): false => {
      log.debug({ host: name, reason }, 'a2a: the host of a webhook is refused');
      return false;
    };
    let timer: Timer | undefined;
    const late = new Promise<false>((settle) => {
      timer = clock.after(LIMITS.webhookLookup.value, () => settle(no('no answer from the DNS')));
    });
    const looked = this.#resolve(name).then(
      (found) => {
        const addresses = found.map(({ address }) => address);
        return areOutside(addresses, this.#rules) || no(`it leads to ${addresses.join(', ')}`);
      },
      (error: Error) => {
        if (error instanceof GatewayError) throw error;
        return no(error.message);
      },
    );
    try {
      return await Promise.race([looked, late]);
    } finally {
      timer?.cancel();
    }
  }
}

function refused(fault: string): GatewayError {
  return new GatewayError('INVALID_PARAMS', `the webhook for push notifications ${fault}`);
}
