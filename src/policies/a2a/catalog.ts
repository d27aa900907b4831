/** Which agents of a generation are listed, by listener, and the layer that serves the list. */
import { CATALOG_PATH, CATALOG_TYPE, catalogText } from '../../a2a/catalog.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import type { RouteMatch } from '../../core/plan.ts';
import type { RouteFacts } from '../../core/policy.ts';
import type { Scope } from '../../core/scope.ts';
import type { Service } from '../../core/service.ts';
import { hostOf } from '../../lib/address.ts';
import { tagged } from './cards.ts';
import { baseOf } from './place.ts';
import type { A2aConfig, CatalogConfig } from './schema.ts';

export const CATALOG_MATCH: RouteMatch = {
  path: { kind: 'exact', value: CATALOG_PATH },
  method: undefined,
  headers: [],
  query: [],
};

const CARD = '/.well-known/agent-card.json';

interface Listed extends CatalogConfig {
  /** Of its card. */
  readonly path: string;
  readonly config: A2aConfig;
  readonly hostnames: readonly string[];
}

export interface Listing {
  readonly config: A2aConfig;
  readonly catalog: CatalogConfig;
  readonly route: RouteFacts | undefined;
  /** Of the generation. */
  readonly scope: Scope;
}

/** Of each generation, which its scope stands for: what is gone from the configuration is gone from the list. */
const catalogues = new WeakMap<Scope, Map<string, Catalogue>>();

/** The catalogue of the listener, with one more agent in it. */
export function listed({ config, catalog, route, scope }: Listing): Catalogue {
  const { hostnames = [], listener = '', matches = [] } = route ?? {};
  const path = cardPath(matches);
  if (path === undefined)
    throw new GatewayError('CONFIG_INVALID', 'a2a: `catalog` needs a route with a path that leads to a card');
  const byListener = catalogues.get(scope) ?? new Map<string, Catalogue>();
  catalogues.set(scope, byListener);
  const catalogue = byListener.get(listener) ?? new Catalogue();
  byListener.set(listener, catalogue);
  catalogue.add({ ...catalog, path, config, hostnames });
  return catalogue;
}

class Catalogue {
  readonly #agents: Listed[] = [];

  add(agent: Listed): void {
    this.#agents.push(agent);
  }

  layer(next: Service<Exchange, Answer>): Service<Exchange, Answer> {
    return async (exchange) => {
      if (exchange.path !== CATALOG_PATH) return next(exchange);
      if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
        throw new GatewayError('METHOD_NOT_ALLOWED', 'the catalogue is only read', {
          headers: ['allow', 'GET, HEAD'],
        });
      const host = hostOf(exchange.authority);
      const here = this.#agents.filter(({ hostnames }) => isAmong(host, hostnames));
      const entries = here.map((agent) => ({
        ...agent,
        url: `${baseOf(exchange, agent.config)}${agent.path}`,
      }));
      return tagged(
        exchange,
        ['content-type', CATALOG_TYPE, 'cache-control', 'no-cache'],
        catalogText(entries),
      );
    };
  }
}

/** Where the card of a route's agent is found. */
function cardPath(matches: readonly RouteMatch[]): string | undefined {
  const paths = matches.map(({ path }) => path);
  const exact = paths.find(({ kind, value }) => kind === 'exact' && value.endsWith(CARD));
  const prefix = paths.find(({ kind }) => kind === 'prefix');
  return exact?.value ?? (prefix && `${prefix.value.replace(/\/$/, '')}${CARD}`);
}

/** None: any host. */
function isAmong(host: string, hostnames: readonly string[]): boolean {
  if (hostnames.length === 0) return true;
  return hostnames.some((name) => (name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name));
}
