/**
 * The pages of a login. Whoever has the link sees whose login it is; a confirmation is taken only from the page itself (a
 * proof made for this browser), and the callback only from the browser that has confirmed. All by one cookie that says nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import { type Answer, type Exchange, header, type Reply } from '../../../core/exchange.ts';
import type { Pages } from '../../../core/pages.ts';
import type { Log, Ports } from '../../../core/ports.ts';
import { Flow } from '../../../lib/flow.ts';
import {
  CALLBACK_PAGE,
  CLIENT_PAGE,
  LOGIN_PAGE,
  type LoginDesk,
  type Outcome,
  type Pending,
} from './desk.ts';
import { confirmation, connected, goTo, page, paragraph } from './html.ts';
import { describedAs } from './oauth.ts';

export interface LoginPagesDeps {
  readonly desk: LoginDesk;
  readonly ports: Pick<Ports, 'random' | 'log'>;
}

const COOKIE = 'agentgateway-login';
const OURS = /^(?:__Host-)?agentgateway-login=[A-Za-z0-9_-]{43}$/;
const FORM_BYTES = 4096;
const CALLBACK_QUERY = 8192;

export class LoginPages {
  readonly #desk: LoginDesk;
  readonly #random: Ports['random'];
  readonly #log: Log;
  readonly #key: Buffer;

  constructor({ desk, ports }: LoginPagesDeps) {
    this.#desk = desk;
    this.#random = ports.random;
    this.#log = ports.log;
    this.#key = ports.random(32);
  }

  serveOn(pages: Pages): void {
    pages.serve(LOGIN_PAGE, (exchange) => this.#answered(exchange, () => this.#login(exchange)));
    pages.serve(CALLBACK_PAGE, (exchange) => this.#answered(exchange, () => this.#callback(exchange)));
  }

  /** What the gateway says of itself as a client whose id is `document`, a URL that leads here (client-id metadata). */
  serveClient(pages: Pages, document: string, redirectUri: string): void {
    const body = JSON.stringify({ client_id: document, ...describedAs(redirectUri) });
    const headers = ['content-type', 'application/json', 'cache-control', 'public, max-age=300'];
    pages.serve(CLIENT_PAGE, async ({ method }) => {
      if (method !== 'GET' && method !== 'HEAD') throw wrongMethod('GET');
      return { status: 200, headers, body: Flow.of(body) };
    });
  }

  async #answered(exchange: Exchange, work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work();
    } catch (cause) {
      const error = asGatewayError(cause);
      exchange.record.reason = error.code;
      if (error.code === 'INTERNAL') this.#log.error({ err: cause }, 'a page of a login failed');
      return failure(error);
    }
  }

  async #login(exchange: Exchange): Promise<Answer> {
    if (exchange.method === 'POST') return this.#confirmed(exchange);
    if (exchange.method !== 'GET') throw wrongMethod('GET, POST');
    const pending = this.#pending(new URLSearchParams(exchange.query).get('id'));
    const base = baseFor(pending, exchange);
    const known = cookieOf(exchange, base);
    const browser = known ?? `${cookieName(base)}=${this.#random(32).toString('base64url')}`;
    const body = confirmation(pending.undertaking, {
      id: pending.id,
      proof: this.#proof(browser, pending.id),
    });
    return page('Connect your account', body, { headers: known ? [] : cookieFor(base, browser) });
  }

  async #confirmed(exchange: Exchange): Promise<Answer> {
    const form = new URLSearchParams((await exchange.body.read(FORM_BYTES)).toString());
    const pending = this.#pending(form.get('id'));
    const base = baseFor(pending, exchange);
    const origin = header(exchange, 'origin');
    if (origin !== undefined && origin !== new URL(base).origin) throw forged();
    const browser = cookieOf(exchange, base);
    if (browser === undefined)
      throw new GatewayError('FORBIDDEN', 'your browser keeps no cookies for this page: a login needs one');
    if (!same(form.get('proof') ?? '', this.#proof(browser, pending.id))) throw forged();
    return goTo(await this.#desk.confirm(pending.id, { browser, base }));
  }

  async #callback(exchange: Exchange): Promise<Answer> {
    if (exchange.method !== 'GET') throw wrongMethod('GET');
    if (exchange.query.length > CALLBACK_QUERY)
      throw new GatewayError('BAD_REQUEST', 'the address is too long');
    const parameters = new URLSearchParams(exchange.query);
    const state = parameters.get('state');
    if (state === null)
      throw new GatewayError('BAD_REQUEST', 'nobody comes here without having begun a login');
    return this.#told(await this.#desk.finish(state, cookiesOf(exchange), parameters));
  }

  #told(outcome: Outcome): Reply {
    if (outcome.kind === 'again') return goTo(outcome.location);
    const { server } = outcome.undertaking;
    if (outcome.kind === 'done') {
      this.#log.info({ server }, 'a login went through');
      return page('You are connected', connected(outcome.undertaking));
    }
    const { error } = outcome;
    this.#log.warn({ server, err: error }, 'a login failed');
    return page('The login failed', paragraph(messageOf(error)) + RETRY, { status: 502 });
  }

  #pending(id: string | null): Pending {
    const pending = this.#desk.find(id);
    if (!pending) throw new GatewayError('FORBIDDEN', 'this login is over, or has never been offered');
    return pending;
  }

  /** Shows that the form came from a page that this browser got. */
  #proof(browser: string, id: string): string {
    return createHmac('sha256', this.#key).update(`${browser} ${id}`).digest('base64url');
  }
}

const RETRY = '<p>Ask for it again in your client to try once more.</p>';

/** Of the gateway, as this browser reaches it. Throws where the login was not offered under that address. */
function baseFor(pending: Pending, { scheme, authority }: Exchange): string {
  const { publicUrl } = pending.undertaking;
  const base = publicUrl ?? `${scheme}://${authority}`;
  if (!pending.isAt(base))
    throw new GatewayError('FORBIDDEN', 'this login was offered at another address of the gateway');
  return base;
}

/**
 * Lax: the callback comes from the site of the authorization server, and a Strict cookie would not come with it. Over plain
 * HTTP, which is this machine alone, browsers take no `__Host-` cookie.
 */
function cookieFor(base: string, browser: string): string[] {
  const secure = base.startsWith('https:') ? '; Secure' : '';
  return ['set-cookie', `${browser}; Path=/; HttpOnly; SameSite=Lax${secure}`];
}

/** With https only the one that no other host can have set. */
function cookieName(base: string): string {
  return base.startsWith('https:') ? `__Host-${COOKIE}` : COOKIE;
}

/** The browser's cookies of ours, with their names. */
function cookiesOf(exchange: Exchange): string[] {
  const text = exchange.headers['cookie'];
  const cookies = (Array.isArray(text) ? text.join(';') : (text ?? '')).split(';');
  return cookies.map((each) => each.trim()).filter((each) => OURS.test(each));
}

function cookieOf(exchange: Exchange, base: string): string | undefined {
  return cookiesOf(exchange).find((each) => each.startsWith(`${cookieName(base)}=`));
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function failure(error: GatewayError): Reply {
  return page('This did not work', paragraph(messageOf(error)) + RETRY, {
    status: error.http === 401 ? 403 : error.http,
    headers: error.detail.headers ?? [],
  });
}

function messageOf(error: GatewayError): string {
  return error.code === 'INTERNAL' ? 'Something went wrong inside the gateway.' : `Reason: ${error.message}.`;
}

function forged(): GatewayError {
  return new GatewayError('FORBIDDEN', 'this confirmation did not come from the page of the login');
}

function wrongMethod(allow: string): GatewayError {
  return new GatewayError('BAD_REQUEST', 'this page takes no such request', {
    http: 405,
    headers: ['allow', allow],
  });
}
