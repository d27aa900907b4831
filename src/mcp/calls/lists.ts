/** The merged lists as one caller sees them, and the way back from an exposed name to its target. */

import { asGatewayError, GatewayError } from '../../core/errors.ts';
import type { GuardedRequest } from '../../core/guard.ts';
import type { ParamHeader } from '../bridge/param-headers.ts';
import { type Catalogue, type Item, LISTS, type ListKind } from '../catalogue.ts';
import type { ServerInfo, ShowingLink } from '../link/opened.ts';
import { listOver, PROBE_READER } from '../target/catalogues.ts';
import { joinedFailure, named } from '../target/failures.ts';
import type { Target } from '../target/target.ts';
import type { Listing } from '../view/listing.ts';
import { mayBeShortened } from '../view/naming.ts';
import type { Member, View } from '../view/view.ts';
import type { Caller } from './caller.ts';
import { neededLogin, tellAfter } from './login.ts';
import { loginCatalogue, loginItem, loginMember } from './login-tool.ts';
import { shownParts } from './permit.ts';

type Part = { readonly target: Member; readonly catalogue: Catalogue };
type Read = {
  readonly parts: readonly Part[];
  readonly missing: readonly { name: string; error: GatewayError }[];
  /** Servers that want a login of this client; what is listed of them is the way to it. */
  readonly waiting: readonly { prefix: string; error: GatewayError }[];
};

/** Undefined: the one server there is offers no such list, so the question is passed on to it. */
export async function readListing(
  caller: Caller,
  kind: ListKind,
  request: GuardedRequest,
): Promise<Listing | undefined> {
  const { single } = caller.view;
  // What a server has that wants a login was not known when the client was told.
  const known = single && !single.outgoing.credentials?.interactive;
  if (known && (await infoFor(caller, single.target)).capabilities[LISTS[kind].capability] === undefined)
    return undefined;
  const { parts, missing } = await readParts(caller, kind);
  if (missing.length > 0 && (!caller.view.failOpen || parts.length === 0))
    throw incomplete(caller.view, missing);
  if (!caller.view.guarded) return caller.view.listing(kind, parts);
  return caller.view.listingOnce(kind, shownParts(caller.view, kind, { parts, request }));
}

export interface Found {
  readonly member: Member;
  readonly native: string;
  readonly repeatable: boolean;
  readonly repeated: readonly ParamHeader[];
  readonly listed: Item | undefined;
}

/** Throws UNKNOWN_ITEM, saying which targets could not be asked, or that two targets claim the name. */
export async function resolveName(
  caller: Caller,
  kind: 'tools' | 'prompts',
  exposed: string,
): Promise<Found> {
  const { view } = caller;
  const { parts, missing, waiting } = await readParts(caller, kind);
  const listing = view.listing(kind, parts);
  const found = listing.names.get(exposed);
  const member = found && view.member(found.target);
  if (found && member) return { member, ...found };
  const login = kind === 'tools' ? loginMember(view, exposed) : undefined;
  if (login) return loginFound(login);
  const judged = forTheOne(caller, kind, exposed);
  if (judged) return judged;
  const wanted = waiting.find(({ prefix }) => prefix !== '' && exposed.startsWith(prefix));
  if (wanted) throw wanted.error;
  const what = kind === 'tools' ? 'tool' : 'prompt';
  if (listing.clashes.has(exposed)) {
    throw new GatewayError(
      'UNKNOWN_ITEM',
      `Unknown ${what}: ${exposed} (two targets offer it: give them a prefix or rename one)`,
    );
  }
  if (missing.length > 0 && !view.failOpen) throw incomplete(caller.view, missing);
  const down = noted('not reachable', missing);
  const denied = noted('not for this client', members(caller, 'denied'));
  throw new GatewayError('UNKNOWN_ITEM', `Unknown ${what}: ${exposed}${down}${denied}`);
}

/**
 * Without waiting, from the catalogues that are at hand: the common case of a call. A target that is down or still
 * connecting must not hold up calls to the others.
 */
export function resolveKnown(caller: Caller, kind: 'tools' | 'prompts', exposed: string): Found | undefined {
  const parts: Part[] = [];
  // See `infoFor`: its list came over the caller's link.
  const { shown, view } = caller;
  for (const member of view.members) {
    const catalogue =
      caller.privateList(member.target, kind) ??
      member.target.catalogues.known(kind, readerFor(caller, member.target));
    if (catalogue && (member.target.info || shown.speaksTo(member.target)))
      parts.push({ target: member, catalogue });
  }
  if (kind === 'tools' && loginMember(view, exposed)) return undefined;
  // A list that would change nothing is not waited for. Rules may read annotations, which stand in it.
  const judged = caller.view.guarded && kind === 'tools';
  if (parts.length === 0 && !judged && !mayBeShortened(exposed)) return forTheOne(caller, kind, exposed);
  const found = caller.view.listing(kind, parts).names.get(exposed);
  const member = found && caller.view.member(found.target);
  return found && member ? { member, ...found } : undefined;
}

/** A server may have tools that it does not list; with one server and nothing curated it is the judge of that. */
function forTheOne(caller: Caller, kind: 'tools' | 'prompts', exposed: string): Found | undefined {
  const { single } = caller.view;
  if (!single || (kind === 'tools' && single.curation)) return undefined;
  return { member: single, native: exposed, repeatable: false, repeated: [], listed: undefined };
}

async function readParts(caller: Caller, kind: ListKind): Promise<Read> {
  const asked = members(caller, 'open');
  const read = await Promise.all(asked.map((member) => readPart(caller, member, kind)));
  const parts: Part[] = [];
  const missing: { name: string; error: GatewayError }[] = [];
  const waiting: { prefix: string; error: GatewayError }[] = [];
  for (const [index, each] of read.entries()) {
    const member = asked[index] as Member;
    const login = each instanceof GatewayError ? neededLogin(each)?.login : undefined;
    if (login) {
      tellAfter(caller, login);
      waiting.push({ prefix: member.prefix, error: each as GatewayError });
      parts.push({
        target: { ...member, curation: undefined },
        catalogue: await loginCatalogue(member, kind),
      });
    } else if (each instanceof GatewayError) missing.push({ name: member.name, error: each });
    else parts.push({ target: member, catalogue: each });
  }
  return { parts, missing, waiting };
}

async function loginFound(member: Member): Promise<Found> {
  const listed = await loginItem(member);
  return { member, native: listed.key, repeatable: false, repeated: [], listed };
}

/** A target may be shown nothing of this client, so nothing of it is shown to the client: what it lacks, the log says. */
function members({ view, shown }: Caller, which: 'open' | 'denied'): readonly Member[] {
  return view.members.filter(({ target }) => shown.denies(target) === (which === 'denied'));
}

function noted(what: string, those: readonly { readonly name: string }[]): string {
  return those.length === 0 ? '' : ` (${what}: ${those.map(({ name }) => name).join(', ')})`;
}

async function readPart(caller: Caller, member: Member, kind: ListKind): Promise<Catalogue | GatewayError> {
  const { target } = member;
  try {
    const reading = caller.links.again(target, () => readCatalogue(caller, target, kind));
    return await within(target.catalogues.deadlineMs, reading, caller);
  } catch (error) {
    return named(target.name, asGatewayError(error));
  }
}

/** Connecting, opening a link and fetching each have a deadline; a merged list must not wait for their sum. */
function within<T>(ms: number, work: Promise<T>, { ports }: Caller): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void =>
      reject(new GatewayError('UPSTREAM_TIMEOUT', `its list was not there within ${ms} ms`));
    const timer = ports.clock.after(ms, late);
    void work.then(resolve, reject).finally(() => timer.cancel());
  });
}

/**
 * Whose list it is. A modern server's depends on credentials alone, a legacy server's also on what the client can do;
 * one that speaks both may list other things to each era.
 */
function readerFor(caller: Caller, target: Target): string {
  const era = target.eraFor(caller.era);
  const own = caller.shown.readerOf(target);
  const { capabilityKey } = caller;
  const reader = era === 'modern' || capabilityKey === '' ? own : `${capabilityKey}${own}`;
  return target.era === era ? reader : `${era}:${reader}`;
}

/**
 * How the list of `readerFor` is fetched. It is kept for everyone who shows the same, so it must be fetched with just
 * that: the next request of this client may show something else, and the link goes on with it.
 */
function viaFor(caller: Caller, target: Target): () => Promise<ShowingLink> {
  const { shown, links } = caller;
  if (readerFor(caller, target) === PROBE_READER) return () => target.probe();
  const client = shown.speaksTo(target) ? shown.headersFor(target) : undefined;
  return async () => ({ ...(await links.get(target)), client });
}

/** The arguments that a tool repeats in headers, as its server lists it now. */
export async function readRepeated(
  caller: Caller,
  target: Target,
  native: string,
): Promise<readonly ParamHeader[]> {
  const reader = readerFor(caller, target);
  await target.catalogues.refresh('tools', reader, viaFor(caller, target));
  const tools = target.catalogues.known('tools', reader)?.items ?? [];
  return tools.find(({ key }) => key === native)?.repeated ?? [];
}

async function readCatalogue(caller: Caller, target: Target, kind: ListKind): Promise<Catalogue> {
  const own = caller.privateList(target, kind);
  if (own) return own;
  await infoFor(caller, target);
  const mine = caller.links.opened().find((each) => each.target === target);
  if (mine?.open.link.divergent) {
    const { clock, log } = caller.ports;
    const catalogue = await listOver(mine.open, kind, {
      clock,
      log,
      deadlineMs: target.catalogues.deadlineMs,
    });
    caller.keepPrivate(target, kind, catalogue);
    return catalogue;
  }
  return target.catalogues.get(kind, readerFor(caller, target), viaFor(caller, target));
}

/** A server that wants the client's own credentials is never up for the probe; the caller's link speaks for it. */
async function infoFor(caller: Caller, target: Target): Promise<ServerInfo> {
  if (target.info) return target.info;
  return caller.shown.speaksTo(target) ? (await caller.links.get(target)).info : target.ensure();
}

function incomplete(view: View, missing: Read['missing']): GatewayError {
  return joinedFailure(
    missing.map(({ error }) => error),
    !view.failOpen && view.members.length > 1,
  );
}
