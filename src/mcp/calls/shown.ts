/**
 * What a client shows of itself to targets: its own login where there is one HTTP server behind the endpoint, and what
 * the policies of a target make of its request. Also for whom the gateway keeps personal credentials. It must not know
 * how they are proved.
 */
import { asGatewayError, type GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import type { ShownHeaders } from '../call.ts';
import { fingerprint } from '../sessions/token.ts';
import { PROBE_READER } from '../target/catalogues.ts';
import type { Target } from '../target/target.ts';
import type { Member, View } from '../view/view.ts';

/** Headers that policies have made of a request, by target; an error where they could not. */
export type Mapped = ReadonlyMap<string, readonly string[] | GatewayError>;

/** Who the client is as far as its request tells. */
export interface ClientContext {
  readonly principal: string;
  /** Headers that a single HTTP target may be shown (flat list): the client's own Authorization. */
  readonly headers: readonly string[];
  readonly mapped?: Mapped | undefined;
}

interface Part {
  /** An error: nothing is sent to this target. */
  readonly headers: readonly string[] | GatewayError;
  /** The gateway keeps credentials for this client there. */
  readonly personal: boolean;
}

const NONE: readonly string[] = [];

export class Shown implements ShownHeaders {
  /** Whose the personal credentials are: the principal, empty for anonymous clients. */
  readonly owner: string;
  /** The client's own login: what has not been made by policies. */
  readonly own: string;
  /** The same for clients that show the same. */
  readonly key: string;
  /** The next request tells what is shown. */
  readonly withdrawn: boolean = false;
  readonly #parts: ReadonlyMap<string, Part>;
  readonly #readers = new Map<string, string>();

  constructor(owner: string, parts: ReadonlyMap<string, Part> = new Map(), own = '') {
    this.owner = owner;
    this.own = own;
    this.#parts = parts;
    this.key = parts.size === 0 ? '' : keyOf(parts);
  }

  headersFor({ name }: { readonly name: string }): readonly string[] {
    const headers = this.#parts.get(name)?.headers ?? NONE;
    if ('code' in headers) throw headers;
    return headers;
  }

  /** Nothing is sent to it for this client, so it is not shown to it either. */
  denies({ name }: Target): boolean {
    const part = this.#parts.get(name);
    return part !== undefined && 'code' in part.headers;
  }

  /** Whether the target is met on behalf of this client, not as the gateway itself. */
  speaksTo({ name }: Target): boolean {
    const part = this.#parts.get(name);
    return part !== undefined && (part.personal || !('code' in part.headers));
  }

  /** Names it among the readers of the target's lists; PROBE_READER: it sees what everyone sees. */
  readerOf({ name }: Target): string {
    const part = this.#parts.get(name);
    if (!part) return PROBE_READER;
    let reader = this.#readers.get(name);
    if (reader === undefined) {
      reader = fingerprint(JSON.stringify([printed(part), part.personal ? this.owner : '']));
      this.#readers.set(name, reader);
    }
    return reader;
  }

  /** Targets that it shows something, as they were in this view. */
  seenBy({ members }: View): Target[] {
    return members.flatMap(({ target }) => (this.speaksTo(target) ? [target] : []));
  }

  /** The view has changed; what is shown is known again with the next request. */
  withdraw(): Shown {
    return new Withdrawn(this.owner);
  }
}

class Withdrawn extends Shown {
  override readonly withdrawn = true;
}

const NOBODY = new Shown('');

export function shownBy(view: View, client: ClientContext): Shown {
  if (!view.shows) return client.principal === '' ? NOBODY : new Shown(client.principal);
  const parts = new Map<string, Part>();
  for (const member of view.members) {
    const part = partOf(view, member, client);
    if (part) parts.set(member.name, part);
  }
  return new Shown(client.principal, parts, ownLogin(view, client));
}

/** The login of the client that travels to the one server there is; empty: none does. */
export function ownLogin({ single }: View, { headers }: ClientContext): string {
  if (headers.length === 0 || !single?.target.connector.takesHeaders) return '';
  return withoutHeaders(headers, namesOf(single.outgoing)).join('\n');
}

/** What the policies of each target make of the request. */
export function mappedBy(view: View, exchange: Exchange): Mapped | undefined {
  if (!view.maps) return undefined;
  const mapped = new Map<string, readonly string[] | GatewayError>();
  for (const { name, outgoing } of view.members) {
    if (!outgoing.mapping) continue;
    try {
      mapped.set(name, outgoing.mapping.map(exchange, name));
    } catch (error) {
      mapped.set(name, asGatewayError(error));
    }
  }
  return mapped;
}

function partOf(view: View, { name, target, outgoing }: Member, client: ClientContext): Part | undefined {
  if (!target.connector.takesHeaders) return undefined;
  const { mapping, credentials } = outgoing;
  const personal = credentials?.personal ?? false;
  const made = mapping ? (client.mapped?.get(name) ?? NONE) : NONE;
  if ('code' in made) return { headers: made, personal };
  const own = view.single ? withoutHeaders(client.headers, namesOf(outgoing)) : NONE;
  if (own.length + made.length === 0 && !personal) return undefined;
  return { headers: own.length === 0 ? made : [...own, ...made], personal };
}

/** What the gateway sets itself, the client does not. */
function namesOf({ mapping, credentials }: Member['outgoing']): readonly string[] {
  return [...(mapping?.names ?? NONE), ...(credentials?.names ?? NONE)];
}

function keyOf(parts: ReadonlyMap<string, Part>): string {
  return JSON.stringify([...parts].map(([name, part]) => [name, printed(part), part.personal]));
}

function printed({ headers }: Part): unknown {
  return 'code' in headers ? headers.message : headers;
}
