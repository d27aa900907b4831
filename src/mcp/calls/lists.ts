/** The merged lists as one session sees them, and the way back from an exposed name to its target. */

import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Catalogue, LISTS, type ListKind } from '../catalogue.ts';
import type { ServerInfo } from '../link/handshake.ts';
import type { Session } from '../sessions/session.ts';
import { listOver, PROBE_READER } from '../target/catalogues.ts';
import { joinedFailure } from '../target/failures.ts';
import { named, type Target } from '../target/target.ts';
import type { Listing } from '../view/listing.ts';
import { mayBeShortened } from '../view/naming.ts';
import type { Member, View } from '../view/view.ts';

type Part = { readonly target: Member; readonly catalogue: Catalogue };
type Read = {
  readonly parts: readonly Part[];
  readonly missing: readonly { name: string; error: GatewayError }[];
};

/** Undefined: the one server there is offers no such list, so the question is passed on to it. */
export async function readListing(session: Session, kind: ListKind): Promise<Listing | undefined> {
  const { single } = session.view;
  if (single && (await infoFor(session, single.target)).capabilities[LISTS[kind].capability] === undefined)
    return undefined;
  const { parts, missing } = await readParts(session, kind);
  if (missing.length > 0 && (!session.view.failOpen || parts.length === 0))
    throw incomplete(session.view, missing);
  return session.view.listing(kind, parts);
}

export interface Found {
  readonly member: Member;
  readonly native: string;
  readonly repeatable: boolean;
}

/** Throws UNKNOWN_ITEM, saying which targets could not be asked, or that two targets claim the name. */
export async function resolveName(
  session: Session,
  kind: 'tools' | 'prompts',
  exposed: string,
): Promise<Found> {
  const { view } = session;
  const { parts, missing } = await readParts(session, kind);
  const listing = view.listing(kind, parts);
  const found = listing.names.get(exposed);
  const member = found && view.member(found.target);
  if (found && member) return { member, native: found.native, repeatable: found.repeatable };
  const judged = forTheOne(session, kind, exposed);
  if (judged) return judged;
  const what = kind === 'tools' ? 'tool' : 'prompt';
  if (listing.clashes.has(exposed)) {
    throw new GatewayError(
      'UNKNOWN_ITEM',
      `Unknown ${what}: ${exposed} (two targets offer it: give them a prefix or rename one)`,
    );
  }
  if (missing.length > 0 && !view.failOpen) throw incomplete(session.view, missing);
  const down = missing.length > 0 ? ` (not reachable: ${missing.map((each) => each.name).join(', ')})` : '';
  throw new GatewayError('UNKNOWN_ITEM', `Unknown ${what}: ${exposed}${down}`);
}

/**
 * Without waiting, from the catalogues that are at hand: the common case of a call. A target that is down or still
 * connecting must not hold up calls to the others.
 */
export function resolveKnown(
  session: Session,
  kind: 'tools' | 'prompts',
  exposed: string,
): Found | undefined {
  const parts: Part[] = [];
  for (const member of session.view.members) {
    const catalogue =
      session.privateList(member.target, kind) ??
      member.target.catalogues.known(kind, session.options.reader);
    if (catalogue && member.target.info) parts.push({ target: member, catalogue });
  }
  // A list that would change nothing is not waited for.
  if (parts.length === 0 && !mayBeShortened(exposed)) return forTheOne(session, kind, exposed);
  const found = session.view.listing(kind, parts).names.get(exposed);
  const member = found && session.view.member(found.target);
  return found && member ? { member, native: found.native, repeatable: found.repeatable } : undefined;
}

/** A server may have tools that it does not list; with one server and nothing curated it is the judge of that. */
function forTheOne(session: Session, kind: 'tools' | 'prompts', exposed: string): Found | undefined {
  const { single } = session.view;
  if (!single || (kind === 'tools' && single.curation)) return undefined;
  return { member: single, native: exposed, repeatable: false };
}

async function readParts(session: Session, kind: ListKind): Promise<Read> {
  const { members } = session.view;
  const read = await Promise.all(members.map((member) => readPart(session, member, kind)));
  const parts: Part[] = [];
  const missing: { name: string; error: GatewayError }[] = [];
  read.forEach((each, index) => {
    const target = members[index] as Member;
    if (each instanceof GatewayError) missing.push({ name: target.name, error: each });
    else parts.push({ target, catalogue: each });
  });
  return { parts, missing };
}

async function readPart(session: Session, member: Member, kind: ListKind): Promise<Catalogue | GatewayError> {
  const { target } = member;
  try {
    const reading = session.links.again(target, () => readCatalogue(session, target, kind));
    return await within(target.catalogues.deadlineMs, reading, session);
  } catch (error) {
    return named(target.name, asGatewayError(error));
  }
}

/** Connecting, opening a link and fetching each have a deadline; a merged list must not wait for their sum. */
function within<T>(ms: number, work: Promise<T>, { options }: Session): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void =>
      reject(new GatewayError('UPSTREAM_TIMEOUT', `its list was not there within ${ms} ms`));
    const timer = options.ports.clock.after(ms, late);
    void work.then(resolve, reject).finally(() => timer.cancel());
  });
}

async function readCatalogue(session: Session, target: Target, kind: ListKind): Promise<Catalogue> {
  const own = session.privateList(target, kind);
  if (own) return own;
  await infoFor(session, target);
  const mine = session.links.opened().find((each) => each.target === target);
  if (mine?.open.link.divergent) {
    const { clock, log } = session.options.ports;
    const catalogue = await listOver(mine.open, kind, {
      clock,
      log,
      deadlineMs: target.catalogues.deadlineMs,
    });
    session.keepPrivate(target, kind, catalogue);
    return catalogue;
  }
  const { reader } = session.options;
  return target.catalogues.get(kind, reader, () =>
    reader === PROBE_READER ? target.probe() : session.links.get(target),
  );
}

/** A server that wants the client's own credentials is never up for the probe; the session's link speaks for it. */
async function infoFor(session: Session, target: Target): Promise<ServerInfo> {
  if (target.info) return target.info;
  return session.options.headers.length > 0 ? (await session.links.get(target)).info : target.ensure();
}

function incomplete(view: View, missing: Read['missing']): GatewayError {
  return joinedFailure(
    missing.map(({ error }) => error),
    !view.failOpen && view.members.length > 1,
  );
}
