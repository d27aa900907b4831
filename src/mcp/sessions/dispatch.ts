/**
 * From a client's call to its target: names and URIs are resolved by the view, the message is spliced, and the link
 * carries it. Reads as the table of MCP methods.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { quote } from '../../lib/json-text.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import { type ListKind, listOfMethod } from '../catalogue.ts';
import { type Message, numberText, SLOT, withMembers } from '../message.ts';
import type { LinkWithInfo } from '../target/catalogues.ts';
import { named } from '../target/target.ts';
import { exposeUris } from '../view/rewrite.ts';
import type { Member } from '../view/view.ts';
import { readListing, resolveName } from './lists.ts';
import type { Session } from './session.ts';

type Splices = readonly (readonly [number, Buffer])[];

interface Routed {
  readonly member: Member;
  /** Native tool or prompt name, or URI. */
  readonly native: string | undefined;
  readonly splices: Splices;
  /** May be sent again when it is unknown whether the upstream has carried it out. */
  readonly repeatable: boolean;
}

const EMPTY: McpOutcome = { kind: 'result', body: Buffer.from('{}') };
const NONE: Splices = [];

export async function dispatch(session: Session, call: McpCall): Promise<McpOutcome> {
  const { method } = call;
  const list = listOfMethod(method);
  if (list) return listed(session, call, list);
  switch (method) {
    case 'ping':
      return EMPTY;
    case 'initialize':
      throw new GatewayError('INVALID_REQUEST', 'the session is initialized already');
    case 'logging/setLevel':
      await session.setLevel(call.message.text.text(SLOT.level));
      return EMPTY;
    case 'tools/call':
      return send(session, call, await byName(session, call, 'tools'));
    case 'prompts/get':
      return send(session, call, await byName(session, call, 'prompts'));
    case 'resources/read':
      return send(session, call, byUri(session, call, SLOT.uri));
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return subscribe(session, call);
    case 'completion/complete':
      return send(session, call, await byReference(session, call));
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

async function byName(session: Session, call: McpCall, kind: 'tools' | 'prompts'): Promise<Routed> {
  const exposed = call.message.text.text(SLOT.name);
  if (exposed === undefined) throw new GatewayError('INVALID_PARAMS', `${call.method} needs "params.name"`);
  call.record.kind = kind === 'tools' ? 'tool' : 'prompt';
  call.record.name = exposed;
  const found = await resolveName(session, kind, exposed);
  const splices: Splices = found.native === exposed ? NONE : [[SLOT.name, quote(found.native)]];
  return {
    member: found.member,
    native: found.native,
    splices,
    repeatable: kind === 'prompts' || found.repeatable,
  };
}

function byUri(session: Session, call: McpCall, slot: number): Routed {
  const exposed = call.message.text.text(slot);
  if (exposed === undefined) throw new GatewayError('INVALID_PARAMS', `${call.method} needs a "uri"`);
  call.record.kind = 'resource';
  const { member, uri } = session.view.resolveUri(exposed);
  return { member, native: uri, splices: uri === exposed ? NONE : [[slot, quote(uri)]], repeatable: true };
}

async function byReference(session: Session, call: McpCall): Promise<Routed> {
  const { text } = call.message;
  if (text.text(SLOT.refType) === 'ref/resource') return byUri(session, call, SLOT.refUri);
  const exposed = text.text(SLOT.refName);
  if (exposed === undefined)
    throw new GatewayError('INVALID_PARAMS', 'completion/complete needs "ref.name" or "ref.uri"');
  call.record.kind = 'prompt';
  const found = await resolveName(session, 'prompts', exposed);
  const splices: Splices = found.native === exposed ? NONE : [[SLOT.refName, quote(found.native)]];
  return { member: found.member, native: found.native, splices, repeatable: true };
}

/** Methods we do not know have a meaning only where there is one server to ask. */
function passThrough(session: Session, call: McpCall): Routed {
  const member = session.view.single;
  if (!member) throw new GatewayError('METHOD_NOT_FOUND', `Method not found: ${call.method}`);
  return { member, native: undefined, splices: NONE, repeatable: false };
}

async function subscribe(session: Session, call: McpCall): Promise<McpOutcome> {
  const routed = byUri(session, call, SLOT.uri);
  const outcome = await send(session, call, routed);
  if (outcome.kind === 'error') return outcome;
  const { target } = routed.member;
  if (call.method === 'resources/subscribe') session.links.subscribed(target, routed.native as string);
  else session.links.unsubscribed(target, routed.native as string);
  return outcome;
}

async function send(session: Session, call: McpCall, routed: Routed): Promise<McpOutcome> {
  const { member, native } = routed;
  call.record.target = member.name;
  if (native !== undefined) call.record.name = native;
  try {
    const outcome = await sendOnce(session, call, routed);
    return member.mapsUris && outcome.kind === 'result'
      ? { kind: 'result', body: exposeUris(outcome.body, member.name) }
      : outcome;
  } catch (error) {
    throw named(member.name, error);
  }
}

/**
 * One try, and a second where that is safe: the upstream refused the call because it no longer knew the session
 * (so it did not carry it out), or the answer was lost and the call may be repeated.
 */
async function sendOnce(session: Session, call: McpCall, routed: Routed): Promise<McpOutcome> {
  const { target } = routed.member;
  const open = await session.links.get(target);
  try {
    return await over(open, session, { call, routed });
  } catch (cause) {
    const error = asGatewayError(cause);
    if (error.code === 'UPSTREAM_CONNECT' || error.code === 'UPSTREAM_CLOSED') target.suspect();
    const refused = error.code === 'UPSTREAM_SESSION_LOST';
    const uncertain =
      routed.repeatable && (error.code === 'UPSTREAM_CLOSED' || error.code === 'PROCESS_EXIT');
    if (call.cancel.cancelled || !(refused || uncertain)) throw error;
    session.links.drop(target, open);
    if (refused) target.suspect();
    return over(await session.links.get(target), session, { call, routed });
  }
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
    write: (id) => rewritten(call.message, id, routed.splices),
    progressToken: text.has(SLOT.metaProgressToken) ? text.raw(SLOT.metaProgressToken) : undefined,
    peer: call.peer,
    cancel: call.cancel,
    deadline: session.view.deadline(routed.member, tool),
    headers: call.headers,
  });
}

function rewritten(message: Message, id: number, splices: Splices): Buffer {
  const ours = numberText(id);
  return withMembers(message, [[SLOT.id, ours], [SLOT.metaProgressToken, ours], ...splices]);
}
