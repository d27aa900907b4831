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

  serve(path: string, service: Service<Exchange, Answer>): void {
    this.#pages.set(`${PAGES_PATH}${path}`, service);
  }

  layer(
    { address }: Pick<BindPlan, 'address'>,
    { hostname }: Pick<ListenerPlan, 'hostname'>,
  ): Layer<Exchange, Answer> {
    const guard = hostOrigin({
      loopback: address === undefined || isLoopbackHost(address),
      hostNamed: hostname !== undefined,
      originAllowed: () => false,
    });
    const serve = stack([guard], (exchange: Exchange) => this.#answer(exchange));
    return (next) => (exchange) =>
      exchange.path.startsWith(PAGES_PATH) && this.#pages.size > 0 ? serve(exchange) : next(exchange);
  }

  async #answer(exchange: Exchange): Promise<Answer> {
    const page = this.#pages.get(exchange.path);
    if (!page) throw new GatewayError('ROUTE_NOT_FOUND', 'the gateway has no such page');
    return page(exchange);
  }
}
