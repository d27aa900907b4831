/**
 * What one endpoint shows: its targets in order, how their names and URIs look, and the merged lists. Immutable;
 * a reload makes a new one and rebases the sessions on it.
 */
import { GatewayError } from '../../core/errors.ts';
import type { McpGate, McpGuard } from '../../core/guard.ts';
import { NOTHING_OUTGOING, type Outgoing } from '../../core/outgoing.ts';
import type { CallRetry } from '../../core/resilience.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Catalogue, ListKind } from '../catalogue.ts';
import type { Deadline } from '../link/flight.ts';
import type { Target } from '../target/target.ts';
import { buildListing, type ListedTarget, type Listing } from './listing.ts';
import { type Curation, isPrefixed, mapsUris, type PrefixMode, resolveUri } from './naming.ts';

export interface MemberPlan {
  readonly target: Target;
  readonly curation: Curation | undefined;
  readonly deadline: Deadline;
  /** Deadline per native tool name. */
  readonly toolDeadlines: ReadonlyMap<string, Deadline>;
  /** Rules of this target alone. */
  readonly guard?: McpGuard | undefined;
  /** Limits on its calls. */
  readonly gate?: McpGate | undefined;
  /** What requests to it carry. */
  readonly outgoing?: Outgoing | undefined;
}

export interface ViewPlan {
  readonly members: readonly MemberPlan[];
  readonly prefixMode: PrefixMode;
  readonly failureMode: 'failClosed' | 'failOpen';
  readonly nameLimit: number;
  /** Legacy clients have no sessions. */
  readonly stateless?: boolean;
  /** Rules about what this endpoint shows and carries out, whichever target it is of. */
  readonly guard?: McpGuard | undefined;
  /** Limits on calls, whichever target they go to. */
  readonly gate?: McpGate | undefined;
  /** How often calls that may be repeated are sent again; undefined: once, where an answer was lost. */
  readonly retry?: CallRetry | undefined;
  /** Milliseconds for all tries of a call. */
  readonly requestMs?: number | undefined;
}

export interface Member extends MemberPlan, ListedTarget {
  readonly outgoing: Outgoing;
}

type Parts = readonly { readonly target: Member; readonly catalogue: Catalogue }[];

/** Merged listings kept; each is as large as what it lists. */
const MAX_LISTINGS = 64;

export class View {
  readonly members: readonly Member[];
  readonly failOpen: boolean;
  readonly stateless: boolean;
  readonly guard: McpGuard | undefined;
  readonly gate: McpGate | undefined;
  readonly retry: CallRetry | undefined;
  readonly requestMs: number | undefined;
  /** Rules decide about what it lists and calls. */
  readonly guarded: boolean;
  /** Rules, limits or a policy read the requests that bring its calls. */
  readonly reads: boolean;
  /** Some target is shown something of the client. */
  readonly shows: boolean;
  /** Some target is shown what policies make of requests. */
  readonly maps: boolean;
  readonly sharedTargets: readonly Target[];
  /** The one target of an endpoint that merges nothing: what is not merged passes through untouched. */
  readonly single: Member | undefined;
  readonly #limit: number;
  readonly #shape: string;
  readonly #showing: string;
  readonly #byName: ReadonlyMap<string, Member>;
  readonly #last = new Map<ListKind, { readonly parts: Parts; readonly listing: Listing }>();
  readonly #listings = new Map<string, Listing>();

  constructor(plan: ViewPlan) {
    const prefixed = isPrefixed(plan.prefixMode, plan.members.length);
    const maps = mapsUris(plan.prefixMode, plan.members.length);
    this.members = plan.members.map((member) => {
      const { name } = member.target;
      const { outgoing = NOTHING_OUTGOING } = member;
      return { ...member, outgoing, name, prefix: prefixed ? `${name}_` : '', mapsUris: maps };
    });
    this.sharedTargets = this.members.flatMap(({ target }) =>
      target.connector.lifecycle === 'shared' ? [target] : [],
    );
    this.stateless = plan.stateless ?? false;
    this.guard = plan.guard;
    this.failOpen = plan.failureMode === 'failOpen';
    this.single = this.members.length === 1 && !maps ? this.members[0] : undefined;
    this.gate = plan.gate;
    this.retry = plan.retry;
    this.requestMs = plan.requestMs;
    this.guarded = plan.guard !== undefined || plan.members.some(({ guard }) => guard !== undefined);
    const gated = plan.gate !== undefined || plan.members.some(({ gate }) => gate !== undefined);
    // The pages of a login are where the client reaches the gateway.
    const interactive = this.members.some(({ outgoing }) => outgoing.credentials?.interactive);
    this.reads = this.guarded || gated || interactive || plan.retry !== undefined;
    this.maps = this.members.some(({ outgoing }) => outgoing.mapping !== undefined);
    const personal = this.members.some(({ outgoing }) => outgoing.credentials?.personal);
    this.shows = this.maps || personal || this.single?.target.connector.takesHeaders === true;
    this.#limit = plan.nameLimit;
    const shown = this.members.map(({ name, prefix, curation, guard }) => [
      name,
      prefix,
      curation,
      guard?.key,
    ]);
    this.#shape = canonicalJson([shown, maps, plan.nameLimit, plan.guard?.key]);
    this.#byName = new Map(this.members.map((member) => [member.name, member]));
    const showing = this.members.map(({ name, outgoing: { mapping, credentials } }) => [
      name,
      mapping?.key,
      credentials?.key,
    ]);
    this.#showing = canonicalJson([showing, this.single?.name]);
  }

  /** Whether as much of a client is shown to the same targets. */
  tellsSame(other: View): boolean {
    return this.#showing === other.#showing;
  }

  /** Whether a client would see the same lists and names: the same targets, named and curated alike. */
  showsSame(other: View): boolean {
    return (
      this.#shape === other.#shape &&
      this.members.every((each, at) => each.target === other.members[at]?.target)
    );
  }

  member(name: string): Member | undefined {
    return this.#byName.get(name);
  }

  /** A challenge can only be met where there is one server: the credentials of clients go nowhere else. */
  told(error: GatewayError): GatewayError {
    if (this.single || error.code !== 'UPSTREAM_CHALLENGE') return error;
    const { data } = error.detail;
    return new GatewayError('UPSTREAM_STATUS', error.message, { cause: error, ...(data && { data }) });
  }

  /** The member and native URI behind an exposed one. Throws UNKNOWN_ITEM. */
  resolveUri(exposed: string): { member: Member; uri: string } {
    if (this.single) return { member: this.single, uri: exposed };
    const split = resolveUri(exposed);
    const member = split && this.#byName.get(split.target);
    if (!member)
      throw new GatewayError('UNKNOWN_ITEM', `Unknown resource: ${exposed}`, { data: { uri: exposed } });
    return { member, uri: split.uri };
  }

  /** The member and native id behind an exposed task id. Throws UNKNOWN_ITEM. */
  resolveTask(exposed: string): { member: Member; uri: string } {
    const split = resolveUri(exposed);
    const member = split && this.#byName.get(split.target);
    if (!member) throw new GatewayError('UNKNOWN_ITEM', `Unknown task: ${exposed}`);
    return { member, uri: split.uri };
  }

  /** The merged list of these catalogues; the same catalogues give the same listing object. */
  listing(kind: ListKind, parts: Parts): Listing {
    // Calls come in runs over the same catalogues: comparing them is cheaper than making a key of their versions.
    const last = this.#last.get(kind);
    if (last && sameParts(last.parts, parts)) return last.listing;
    const listing = this.#keyed(kind, parts);
    this.#last.set(kind, { parts, listing });
    return listing;
  }

  /** Of parts that hold for one request: not kept. */
  listingOnce(kind: ListKind, parts: Parts): Listing {
    return buildListing({ kind, limit: this.#limit, parts });
  }

  #keyed(kind: ListKind, parts: Parts): Listing {
    let key: string = kind;
    for (const part of parts) key += `|${part.target.name}:${part.catalogue.version}`;
    let listing = this.#listings.get(key);
    if (listing) return listing;
    listing = buildListing({ kind, limit: this.#limit, parts });
    if (this.#listings.size >= MAX_LISTINGS) {
      const [oldest] = this.#listings.keys();
      if (oldest !== undefined) this.#listings.delete(oldest);
    }
    this.#listings.set(key, listing);
    return listing;
  }

  deadline(member: Member, tool: string | undefined): Deadline {
    return (tool === undefined ? undefined : member.toolDeadlines.get(tool)) ?? member.deadline;
  }
}

function sameParts(one: Parts, other: Parts): boolean {
  return (
    one.length === other.length &&
    one.every((part, index) => {
      const twin = other[index];
      return part.catalogue === twin?.catalogue && part.target === twin.target;
    })
  );
}
