/** The gateway's own pages on every listener of a generation: see core/pages.ts. */
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { PAGES_PATH, type Pages } from '../core/pages.ts';
import type { BindPlan, ListenerPlan } from '../core/plan.ts';
import { type Layer, type Service, stack } from '../core/service.ts';
import { isLoopbackHost } from '../lib/address.ts';
import { hostOrigin } from '../listen/host-origin.ts';

export class OwnPages implements Pages {
  readonly #pages = new Map<string, Service<Exchange, Answer>>();
  readonly #origins = new Set<string>();
  readonly #hosts = new Set<string>();

  serve(path: string, service: Service<Exchange, Answer>): void {
    this.#pages.set(`${PAGES_PATH}${path}`, service);
  }

  reachedAt(publicUrl: string): void {
    const { origin, host } = new URL(publicUrl);
    this.#origins.add(origin);
    this.#hosts.add(host);
  }

  layer(
    { address }: Pick<BindPlan, 'address'>,
    { hostname }: Pick<ListenerPlan, 'hostname'>,
  ): Layer<Exchange, Answer> {
    const guardFor = (hostNamed: boolean): Layer<Exchange, Answer> =>
      hostOrigin({
        loopback: address === undefined || isLoopbackHost(address),
        hostNamed,
        originAllowed: (origin) => this.#origins.has(origin),
      });
    const answer = (exchange: Exchange): Promise<Answer> => this.#answer(exchange);
    const named = stack([guardFor(true)], answer);
    const other = stack([guardFor(hostname !== undefined)], answer);
    // Which hosts are ours is known when all policies have been built.
    const serve: Service<Exchange, Answer> = (exchange) =>
      this.#hosts.has(exchange.authority) ? named(exchange) : other(exchange);
    return (next) => (exchange) =>
      exchange.path.startsWith(PAGES_PATH) && this.#pages.size > 0 ? serve(exchange) : next(exchange);
  }

  async #answer(exchange: Exchange): Promise<Answer> {
    const page = this.#pages.get(exchange.path);
    if (!page) throw new GatewayError('ROUTE_NOT_FOUND', 'the gateway has no such page');
    return page(exchange);
  }
}
