/**
 * Which eras the upstream of one target speaks, and links to it in them. What was found out holds until the probe
 * connects anew, or something contradicts it.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import type { Ports } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { LIST_KINDS, LISTS } from '../catalogue.ts';
import type { Connector } from '../definition.ts';
import { openEither } from '../link/either.ts';
import { type HandshakeOptions, openLink } from '../link/handshake.ts';
import type { LinkEvents } from '../link/link.ts';
import type { ClientIdentity, LinkWithInfo, ServerInfo } from '../link/opened.ts';
import { endsGreeting, refusesEra } from '../link/refusals.ts';
import { type Era, LATEST_LEGACY } from '../revisions.ts';

export interface ErasOptions {
  readonly connector: Connector;
  readonly name: string;
  readonly connectMs: number;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  readonly ended: Cancel;
  /** The gateway's own. */
  readonly version: string;
  /** Something contradicts what was found out: the probe should look again. */
  suspect(): void;
}

/** For whom a link is opened. */
export type Opening = Pick<
  HandshakeOptions,
  'identity' | 'events' | 'headers' | 'owner' | 'purpose' | 'maxQuestions'
>;

/** On behalf of one client; `headers` are those of its own that may travel to the server. */
export interface SessionOpening extends Pick<Opening, 'identity' | 'events' | 'headers' | 'owner'> {
  /** The client's. */
  readonly era: Era;
}

/** The share of the time to connect that server/discover has for itself, and the most it is given. */
const PATIENCE = { share: 0.3, mostMs: 5000 };

export class Eras {
  readonly #options: ErasOptions;
  /** The gateway itself, as a client that can do nothing. */
  readonly #identity: ClientIdentity;
  /** What is known for certain; another map after each connection of the probe. */
  #spoken = new Map<Era, boolean>();
  #infos = new Map<Era, ServerInfo>();
  /** The server dies of server/discover, or does not answer it: it is not asked again as long as initialize works. */
  #deaf = false;
  #probing: Promise<unknown> | undefined;
  #asking: Promise<ServerInfo | undefined> | undefined;

  constructor(options: ErasOptions) {
    this.#options = options;
    this.#identity = {
      version: LATEST_LEGACY,
      capabilities: Buffer.from('{}'),
      info: Buffer.from(JSON.stringify({ name: 'agentgateway', version: options.version })),
    };
  }

  /** Whether the server is known to speak it. */
  speaks(era: Era): boolean {
    return this.#spoken.get(era) === true;
  }

  /** Finds out the newest era the server speaks, and opens a link in it. */
  async probe(events: LinkEvents): Promise<LinkWithInfo> {
    const negotiation = this.#negotiate({ ...this.#own, events, maxQuestions: 16 });
    this.#probing = negotiation;
    try {
      const open = await negotiation;
      const { era } = open.link;
      this.#spoken = new Map([[era, true]]);
      if (era === 'legacy') this.#spoken.set('modern', false);
      this.#infos = new Map([[era, open.info]]);
      return open;
    } finally {
      this.#probing = undefined;
    }
  }

  /** The probe has read its lists just now: whatever was refused in its era, it was not because of the era. */
  listed({ link, info }: LinkWithInfo): void {
    // Of a server without any list nothing was asked.
    if (LIST_KINDS.some((kind) => info.capabilities[LISTS[kind].capability] !== undefined))
      this.#spoken.set(link.era, true);
  }

  /** In `wanted` where the server speaks that, else in the other era. */
  async session(opening: Opening, wanted: Era): Promise<LinkWithInfo> {
    if (this.#options.connector.eras === undefined) return this.#open(opening, 'legacy');
    // A verdict is on its way: finding out once more would take as long.
    if (this.#spoken.size === 0) await this.#probing?.catch(() => undefined);
    const other = wanted === 'modern' ? 'legacy' : 'modern';
    const [first, second] =
      this.#spoken.get(wanted) === false ? ([other, wanted] as const) : ([wanted, other] as const);
    const believed = this.#spoken.get(first);
    try {
      return await this.#open(opening, first);
    } catch (cause) {
      if (!this.#goesOn(cause, believed)) throw cause;
      return await this.#open(opening, second).catch((next: unknown) => {
        throw first === 'modern' ? telling(cause, next) : telling(next, cause);
      });
    }
  }

  /** What the server says of itself in `era`, given what it said to the probe; the latter where it does not speak that. */
  async infoAs(era: Era, probed: ServerInfo): Promise<ServerInfo> {
    // The probe asks for the newer era first: a server that answered in the older one speaks no other.
    if (era === probed.era || era === 'modern' || this.#options.connector.lifecycle === 'shared')
      return probed;
    if (this.#spoken.get(era) === false) return probed;
    const known = this.#infos.get(era);
    if (known) return known;
    this.#asking ??= this.#ask(era).finally(() => {
      this.#asking = undefined;
    });
    return (await this.#asking) ?? probed;
  }

  /** Over a link that is closed again. Undefined: it does not speak that era, or could not be asked now. */
  async #ask(era: Era): Promise<ServerInfo | undefined> {
    const infos = this.#infos;
    try {
      const opening = { ...this.#own, events: NOBODY, maxQuestions: 0 };
      const { link, info } = await this.#open(opening, era);
      infos.set(era, info);
      void link.close();
      return info;
    } catch (cause) {
      const { ports, name } = this.#options;
      ports.log.debug({ err: cause, era, target: name }, 'the server was not met in the era of a client');
      return undefined;
    }
  }

  async #open(opening: Opening, era: Era): Promise<LinkWithInfo> {
    const spoken = this.#spoken;
    const believed = spoken.get(era);
    const info = this.#infos.get(era);
    const unsure = era === 'modern' && believed === undefined;
    const connectMs = unsure ? this.#patienceMs : this.#options.connectMs;
    try {
      const open = await openLink({ ...this.#common(opening), era, connectMs, info });
      spoken.set(era, true);
      return open;
    } catch (cause) {
      // Silence and a sudden end are how children refuse; of a remote server they may be trouble that passes.
      const refused = refusesEra(cause) || this.#options.connector.eras === 'together';
      if (refused && this.#goesOn(cause, believed)) {
        spoken.set(era, false);
        if (believed) this.#options.suspect();
      }
      throw cause;
    }
  }

  /** Whether the other era is worth a try. `believed`: what was known of the one that failed. */
  #goesOn(cause: unknown, believed: boolean | undefined): boolean {
    if (this.#options.ended.cancelled || endsGreeting(cause)) return false;
    if (refusesEra(cause)) return true;
    return believed === undefined && asGatewayError(cause).code !== 'UPSTREAM_CHALLENGE';
  }

  #negotiate(opening: Opening): Promise<LinkWithInfo> {
    const { eras } = this.#options.connector;
    if (eras === undefined) return openLink({ ...this.#common(opening), era: 'legacy' });
    return eras === 'together' ? this.#overOneWire(opening) : this.#inTurn(opening);
  }

  async #overOneWire(opening: Opening): Promise<LinkWithInfo> {
    const common = this.#common(opening);
    if (this.#deaf) {
      return openLink({ ...common, era: 'legacy' }).catch((cause: unknown) => {
        if (refusesEra(cause)) this.#deaf = false;
        throw cause;
      });
    }
    try {
      const { open, silent } = await openEither({ ...common, patienceMs: this.#patienceMs });
      this.#deaf = silent;
      return open;
    } catch (cause) {
      // Some servers end when the first request is not initialize; whether this is one shows with a new process.
      const { code } = asGatewayError(cause);
      const died = code === 'PROCESS_EXIT' || code === 'UPSTREAM_CLOSED';
      if (!died || this.#options.ended.cancelled) throw cause;
      const open = await openLink({ ...common, era: 'legacy' });
      this.#deaf = true;
      return open;
    }
  }

  async #inTurn(opening: Opening): Promise<LinkWithInfo> {
    const { connectMs, ended } = this.#options;
    const { clock } = this.#options.ports;
    const common = this.#common(opening);
    const until = clock.monotonic() + connectMs;
    try {
      return await openLink({ ...common, era: 'modern', connectMs: this.#patienceMs });
    } catch (cause) {
      if (ended.cancelled || endsGreeting(cause)) throw cause;
      const rest = Math.max(1, until - clock.monotonic());
      return await openLink({ ...common, era: 'legacy', connectMs: rest }).catch((next: unknown) => {
        throw telling(cause, next);
      });
    }
  }

  /** Links that speak for no client. */
  get #own() {
    return { identity: this.#identity, headers: [], purpose: 'probe' as const };
  }

  get #patienceMs(): number {
    return Math.min(this.#options.connectMs * PATIENCE.share, PATIENCE.mostMs);
  }

  #common(opening: Opening) {
    const { connector, connectMs, ended, ports, name } = this.#options;
    const log = ports.log.child({ target: name });
    const { clock } = ports;
    return { ...opening, connector, connectMs, clock, log, ended, eraLost: () => this.#eraLost() };
  }

  #eraLost(): void {
    this.#spoken.set('modern', false);
    this.#infos.delete('modern');
    this.#options.suspect();
  }
}

const NOBODY: LinkEvents = {
  notification() {},
  ask: () => Promise.reject(new GatewayError('METHOD_NOT_FOUND', 'this connection has no client to ask')),
  closed() {},
};

/** Of the two failures the one that says more: a server that speaks neither era refuses initialize, as it always did. */
function telling(modern: unknown, legacy: unknown): unknown {
  const { code } = asGatewayError(modern);
  const troubled = code === 'UPSTREAM_CHALLENGE' || (code === 'UPSTREAM_STATUS' && !refusesEra(modern));
  return troubled && refusesEra(legacy) ? modern : legacy;
}
