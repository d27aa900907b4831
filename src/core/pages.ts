/** Pages of the gateway itself, for browsers: where a login ends. They stand in front of policies and routes. */
import type { Answer, Exchange } from './exchange.ts';
import type { Service } from './service.ts';

/** Paths below it are the gateway's own on every listener. */
export const PAGES_PATH = '/.agentgateway/';

export interface Pages {
  /** `path`: below PAGES_PATH, e.g. `oauth/callback`. Said again, the last one counts. */
  serve(path: string, service: Service<Exchange, Answer>): void;
  /** Browsers reach them under this URL too, through a proxy: its host and origin are the gateway's own. */
  reachedAt(publicUrl: string): void;
}
