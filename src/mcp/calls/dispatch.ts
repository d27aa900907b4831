/**
 * From a client's call to its target: names and URIs are resolved by the view, the message is spliced, and the link
 * carries it. Reads as the table of MCP methods.
 */
import { GatewayError } from '../../core/errors.ts';
import { quote } from '../../lib/json-text.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import { type ListKind, listOfMethod } from '../catalogue.ts';
import { numberText, SLOT, withMembers } from '../message.ts';
import type { Session } from '../sessions/session.ts';
import type { LinkWithInfo } from '../target/catalogues.ts';
import { named } from '../target/target.ts';
import { traceEdit } from '../trace.ts';
import { exposeUris } from '../view/rewrite.ts';
import type { Member } from '../view/view.ts';
import { type Found, readListing, resolveKnown, resolveName } from './lists.ts';

type Splices = readonly (readonly [number, Buffer])[];

interface Routed {
  readonly member: Member;
  /** Native tool or prompt name, or URI. */
  readonly native: string | undefined;
  readonly splices: Splices;
  /** May be sent again when it is unknown whether the upstream has carried it out. */
  readonly repeatable: boolean;
}

const EMPTY: Promise<McpOutcome> = Promise.resolve({ kind: 'result', body: Buffer.from('{}') });
const NONE: Splices = [];

/** May throw instead of rejecting: the caller catches both. */
export function dispatch(session: Session, call: McpCall): Promise<McpOutcome> {
  const { method } = call;
  const list = listOfMethod(method);
  if (list) return listed(session, call, list);
  switch (method) {
    case 'ping':
      return EMPTY;
    case 'initialize':
      throw new GatewayError('INVALID_REQUEST', 'the session is initialized already');
    case 'logging/setLevel':
      return session.setLevel(call.message.text.text(SLOT.level)).then(() => EMPTY);
    case 'tools/call':
      return byName(session, call, 'tools');
    case 'prompts/get':
      return byName(session, call, 'prompts');
    case 'resources/read':
      return send(session, call, byUri(session, call, SLOT.uri));
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return subscribe(session, call);
    case 'completion/complete':
      return byReference(session, call);
    default:
      return send(session, call, passThrough(session, call));
  }
}

async function listed(session: Session, call: McpCall, kind: ListKind): Promise<McpOutcome> {
  if (call.message.text.has(SLOT.cursor)) {
    throw new GatewayError(
      'INVALID_PARAMS',
      'unknown cursor: the gateway answers lists whole and gives out no cursors',
    );
  }
  const listing = await readListing(session, kind);
  if (listing) return { kind: 'result', body: listing.body };
  return send(session, call, passThrough(session, call));
}

function byName(session: Session, call: McpCall, kind: 'tools' | 'prompts'): Promise<McpOutcome> {
  return sendNamed(session, call, { kind, slot: SLOT.name, missing: `${call.method} needs "params.name"` });
}

interface Named {
  readonly kind: 'tools' | 'prompts';
  /** Where the exposed name stands. */
  readonly slot: number;
  readonly missing: string;
}

/** Resolves the name without waiting where every catalogue is at hand. */
function sendNamed(session: Session, call: McpCall, named: Named): Promise<McpOutcome> {
  const { kind, slot } = named;
  const exposed = call.message.text.text(slot);
  if (exposed === undefined) throw new GatewayError('INVALID_PARAMS', named.missing);
  call.record.kind = kind === 'tools' ? 'tool' : 'prompt';
  call.record.name = exposed;
  const go = ({ member, native, repeatable }: Found): Promise<McpOutcome> => {
    const splices: Splices = native === exposed ? NONE : [[slot, quote(native)]];
    return send(session, call, { member, native, splices, repeatable: kind === 'prompts' || repeatable });
  };
  const known = resolveKnown(session, kind, exposed);
  return known ? go(known) : resolveName(session, kind, exposed).then(go);
}

function byUri(session: Session, call: McpCall, slot: number): Routed {
  const exposed = call.message.text.text(slot);
  if (exposed === undefined) throw new GatewayError('INVALID_PARAMS', `${call.method} needs a "uri"`);
  call.record.kind = 'resource';
  const { member, uri } = session.view.resolveUri(exposed);
  return { member, native: uri, splices: uri === exposed ? NONE : [[slot, quote(uri)]], repeatable: true };
}

function byReference(session: Session, call: McpCall): Promise<McpOutcome> {
  const { text } = call.message;
  if (text.text(SLOT.refType) === 'ref/resource')
    return send(session, call, byUri(session, call, SLOT.refUri));
  const missing = 'completion/complete needs "ref.name" or "ref.uri"';
  return sendNamed(session, call, { kind: 'prompts', slot: SLOT.refName, missing });
}

/** Methods we do not know have a meaning only where there is one server to ask. */
function passThrough(session: Session, call: McpCall): Routed {
  const member = session.view.single;
  if (!member) throw new GatewayError('METHOD_NOT_FOUND', `Method not found: ${call.method}`);
  return { member, native: undefined, splices: NONE, repeatable: false };
}

async function subscribe(session: Session, call: McpCall): Promise<McpOutcome> {
  const routed = byUri(session, call, SLOT.uri);
  const { target } = routed.member;
  const uri = routed.native as string;
  if (call.method === 'resources/unsubscribe') {
    return session.links.unsubscribe(target, uri) ? send(session, call, routed) : EMPTY;
  }
  const outcome = await send(session, call, routed);
  if (outcome.kind === 'result') session.links.subscribed(target, uri);
  return outcome;
}

async function send(session: Session, call: McpCall, routed: Routed): Promise<McpOutcome> {
  const { member, native } = routed;
  const { target } = member;
  call.record.target = member.name;
  if (native !== undefined) call.record.name = native;
  let open: LinkWithInfo | undefined;
  try {
    open = session.links.ready(target) ?? (await session.links.get(target));
    return shown(await over(open, session, { call, routed }), member);
  } catch (cause) {
    const error = named(member.name, cause);
    if (!mayRepeat(error, call, routed) || !open) throw error;
    session.links.drop(target, open);
  }
  try {
    return shown(await over(await session.links.get(target), session, { call, routed }), member);
  } catch (cause) {
    throw named(member.name, cause);
  }
}

function shown(outcome: McpOutcome, member: Member): McpOutcome {
  if (!member.mapsUris || outcome.kind === 'error') return outcome;
  const body = exposeUris(outcome.body, member.name);
  return body === outcome.body ? outcome : { kind: 'result', body };
}

/**
 * A second try where that is safe: the upstream refused the call because it no longer knew the session (so it did not
 * carry it out), or the answer was lost and the call may be repeated.
 */
function mayRepeat(error: GatewayError, call: McpCall, { member, repeatable }: Routed): boolean {
  const { code } = error;
  const refused = code === 'UPSTREAM_SESSION_LOST';
  const lost = code === 'UPSTREAM_CLOSED' || code === 'PROCESS_EXIT';
  if (refused || code === 'UPSTREAM_CLOSED' || code === 'UPSTREAM_CONNECT') member.target.suspect();
  return !call.cancel.cancelled && (refused || (lost && repeatable));
}

function over(
  { link }: LinkWithInfo,
  session: Session,
  sent: { call: McpCall; routed: Routed },
): Promise<McpOutcome> {
  const { call, routed } = sent;
  const { text } = call.message;
  const tool = call.method === 'tools/call' ? routed.native : undefined;
  return link.call({
    method: call.method,
    name: routed.native,
    write: (id) => rewritten(call, id, routed.splices),
    progressToken: text.has(SLOT.metaProgressToken) ? text.raw(SLOT.metaProgressToken) : undefined,
    peer: call.peer,
    cancel: call.cancel,
    deadline: session.view.deadline(routed.member, tool),
    headers: call.headers,
  });
}

function rewritten({ message, headers }: McpCall, id: number, splices: Splices): Buffer {
  const ours = numberText(id);
  const trace = headers && traceEdit(message.text, headers);
  return withMembers(message, [[SLOT.id, ours], [SLOT.metaProgressToken, ours], ...splices], trace);
}
