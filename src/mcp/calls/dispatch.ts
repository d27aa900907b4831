/**
 * From a client's call to its target: names and URIs are resolved by the view, the message is spliced, and the link
 * carries it. Reads as the table of MCP methods.
 */
import { GatewayError } from '../../core/errors.ts';
import { quote } from '../../lib/json-text.ts';
import { PAIRS } from '../bridge/pairs.ts';
import type { ParamHeader } from '../bridge/param-headers.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import { type ListKind, listOfMethod } from '../catalogue.ts';
import type { LinkWithInfo } from '../link/opened.ts';
import { SLOT } from '../message.ts';
import { named } from '../target/failures.ts';
import type { Target } from '../target/target.ts';
import { hasTasks } from '../target/task-owners.ts';
import { begunTask, exposeTask, exposeUris } from '../view/rewrite.ts';
import type { Member } from '../view/view.ts';
import type { Caller } from './caller.ts';
import { limited } from './gates.ts';
import type { Links } from './links.ts';
import { type Found, readListing, readRepeated, resolveKnown, resolveName } from './lists.ts';
import { runLoginTool } from './login.ts';
import { isLoginTool } from './login-tool.ts';
import { type Named, permit } from './permit.ts';
import { maySendAgain, retrying } from './retry.ts';
import { Seats } from './seats.ts';

type Splices = readonly (readonly [number, Buffer])[];

interface Routed {
  readonly member: Member;
  /** Native tool or prompt name, or URI. */
  readonly native: string | undefined;
  readonly splices: Splices;
  /** May be sent again when it is unknown whether the upstream has carried it out. */
  readonly repeatable: boolean;
  /** Arguments of the tool that modern servers want repeated in headers. */
  readonly repeated: readonly ParamHeader[];
  /** What rules judge; undefined where the method names nothing. */
  readonly named: Named | undefined;
  /** Milliseconds that are left for all tries. */
  readonly leftMs?: number | undefined;
  /** See `Limited`. */
  readonly entered?: boolean;
}

const EMPTY: Promise<McpOutcome> = Promise.resolve({ kind: 'result', body: Buffer.from('{}') });
const NONE: Splices = [];
const NOT_REPEATED: readonly ParamHeader[] = [];

/** May throw instead of rejecting: the caller catches both. */
export function dispatch(caller: Caller, call: McpCall): Promise<McpOutcome> {
  const { method } = call;
  const list = listOfMethod(method);
  if (list) return listed(caller, call, list);
  switch (method) {
    case 'server/discover':
      return discovered(caller, call);
    case 'ping':
      return EMPTY;
    case 'initialize':
      throw new GatewayError('INVALID_REQUEST', 'the session is initialized already');
    case 'logging/setLevel':
      return caller.setLevel(call.message.text.text(SLOT.level)).then(() => EMPTY);
    case 'tools/call':
      return byName(caller, call, 'tools');
    case 'prompts/get':
      return byName(caller, call, 'prompts');
    case 'resources/read':
      return send(caller, call, byUri(caller, call, SLOT.uri));
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return subscribe(caller, call);
    case 'completion/complete':
      return byReference(caller, call);
    case 'tasks/list':
      return send(caller, call, allTasks(caller, call));
    case 'tasks/get':
    case 'tasks/result':
    case 'tasks/update':
    case 'tasks/cancel':
      return send(caller, call, byTask(caller, call));
    default:
      return send(caller, call, passThrough(caller, call));
  }
}

function discovered(caller: Caller, call: McpCall): Promise<McpOutcome> {
  if (!caller.discover) return send(caller, call, passThrough(caller, call));
  return caller.discover().then((body) => ({ kind: 'result', body }));
}

async function listed(caller: Caller, call: McpCall, kind: ListKind): Promise<McpOutcome> {
  if (call.message.text.has(SLOT.cursor)) {
    throw new GatewayError(
      'INVALID_PARAMS',
      'unknown cursor: the gateway answers lists whole and gives out no cursors',
    );
  }
  // Before anything is read: what has to be fetched is what a limit is there for.
  return limited({ caller, call, at: { member: undefined } }, () => readList(caller, call, kind));
}

async function readList(caller: Caller, call: McpCall, kind: ListKind): Promise<McpOutcome> {
  const { ports, view } = caller;
  const { retry: plan, requestMs: withinMs } = view;
  const read = () => readListing(caller, kind, call.exchange);
  const listing = await (plan && maySendAgain(plan, call)
    ? retrying({ plan, withinMs, ports }, call, read)
    : read());
  if (!listing) return send(caller, call, { ...passThrough(caller, call), entered: true });
  return { kind: 'result', body: listing.bodyFor(caller.era) };
}

function byName(caller: Caller, call: McpCall, kind: 'tools' | 'prompts'): Promise<McpOutcome> {
  const missing = `${call.method} needs "params.name"`;
  return sendNamed(caller, call, { kind, slot: SLOT.name, missing });
}

interface Naming {
  readonly kind: 'tools' | 'prompts';
  /** Where the exposed name stands. */
  readonly slot: number;
  readonly missing: string;
}

/** Resolves the name without waiting where every catalogue is at hand. */
function sendNamed(caller: Caller, call: McpCall, naming: Naming): Promise<McpOutcome> {
  const { kind, slot } = naming;
  const exposed = call.message.text.text(slot);
  if (exposed === undefined) throw new GatewayError('INVALID_PARAMS', naming.missing);
  const what = kind === 'tools' ? 'tool' : 'prompt';
  call.record.kind = what;
  call.record.name = exposed;
  const go = ({ member, native, repeatable, repeated, listed }: Found): Promise<McpOutcome> => {
    if (isLoginTool(listed)) return runLoginTool(caller, call, member);
    const splices: Splices = native === exposed ? NONE : [[slot, quote(native)]];
    const again = kind === 'prompts' || repeatable;
    const named = { kind: what, name: native, exposed, listed } as const;
    return send(caller, call, { member, native, splices, repeatable: again, repeated, named });
  };
  const known = resolveKnown(caller, kind, exposed);
  return known ? go(known) : resolveName(caller, kind, exposed).then(go);
}

function byUri(caller: Caller, call: McpCall, slot: number): Routed {
  const exposed = call.message.text.text(slot);
  if (exposed === undefined) throw new GatewayError('INVALID_PARAMS', `${call.method} needs a "uri"`);
  call.record.kind = 'resource';
  const { member, uri } = caller.view.resolveUri(exposed);
  const splices: Splices = uri === exposed ? NONE : [[slot, quote(uri)]];
  const named = { kind: 'resource', name: uri, exposed } as const;
  return { member, native: uri, splices, repeatable: true, repeated: NOT_REPEATED, named };
}

/** A task leads back to the server that made it: merged endpoints put its target into the id, but for older tasks. */
function byTask(caller: Caller, call: McpCall): Routed {
  const exposed = call.message.text.text(SLOT.taskId);
  if (exposed === undefined) return passThrough(caller, call);
  if (caller.view.single || caller.era === 'legacy') {
    const named = { kind: 'task', name: exposed, exposed } as const;
    return { ...passThrough(caller, call), native: exposed, named };
  }
  const { member, uri: native } = caller.view.resolveTask(exposed);
  const splices: Splices = [[SLOT.taskId, quote(native)]];
  const repeatable = call.method === 'tasks/get';
  const named = { kind: 'task', name: native, exposed } as const;
  return { member, native, splices, repeatable, repeated: NOT_REPEATED, named };
}

/** A link that everyone shares lists the tasks of everyone. */
function allTasks(caller: Caller, call: McpCall): Routed {
  const routed = passThrough(caller, call);
  if (routed.member.target.connector.lifecycle !== 'shared') return routed;
  throw new GatewayError(
    'METHOD_NOT_FOUND',
    'Method not found: tasks/list: the server is shared by its clients',
  );
}

function byReference(caller: Caller, call: McpCall): Promise<McpOutcome> {
  const { text } = call.message;
  if (text.text(SLOT.refType) === 'ref/resource') return send(caller, call, byUri(caller, call, SLOT.refUri));
  const missing = 'completion/complete needs "ref.name" or "ref.uri"';
  return sendNamed(caller, call, { kind: 'prompts', slot: SLOT.refName, missing });
}

/** Methods we do not know have a meaning only where there is one server to ask. */
function passThrough(caller: Caller, call: McpCall): Routed {
  const member = caller.view.single;
  if (!member) throw new GatewayError('METHOD_NOT_FOUND', `Method not found: ${call.method}`);
  const nothing = { native: undefined, named: undefined, splices: NONE, repeated: NOT_REPEATED };
  return { ...nothing, member, repeatable: false };
}

/** A modern server has no such request: what is subscribed to becomes part of one stream that listens. */
async function subscribe(caller: Caller, call: McpCall): Promise<McpOutcome> {
  const routed = byUri(caller, call, SLOT.uri);
  permit(caller, call, routed);
  const { target } = routed.member;
  const uri = routed.native as string;
  const { links } = caller;
  call.record.target = routed.member.name;
  const open = links.ready(target) ?? (await links.get(target));
  const modern = open.link.era === 'modern';
  if (call.method === 'resources/unsubscribe') {
    return links.unsubscribe(target, uri) && !modern ? send(caller, call, routed) : EMPTY;
  }
  if (!links.isSubscribed(target, uri)) links.checkRoom();
  caller.subscribes?.(call.exchange);
  const told = modern ? limited({ caller, call, at: routed }, () => EMPTY) : send(caller, call, routed);
  const outcome = await told;
  if (outcome.kind === 'result') await links.subscribed(target, uri);
  return outcome;
}

async function send(caller: Caller, call: McpCall, routed: Routed): Promise<McpOutcome> {
  const { member, native } = routed;
  call.record.target = member.name;
  if (native !== undefined) call.record.name = native;
  permit(caller, call, routed);
  refuseTaskOfOthers(caller, routed);
  return limited({ caller, call, at: routed }, () => tries(caller, call, routed));
}

function refuseTaskOfOthers({ shown: { owner } }: Caller, { member, named: task }: Routed): void {
  if (task?.kind !== 'task' || member.target.tasks.mayUse(task.name, owner)) return;
  throw new GatewayError('UNKNOWN_ITEM', `Unknown task: ${task.exposed}`);
}

/** Where the route says how often a call is sent again, nothing else does. */
function tries(caller: Caller, call: McpCall, routed: Routed): Promise<McpOutcome> {
  const { retry: plan, requestMs: withinMs } = caller.view;
  if (!plan) return carry(caller, call, routed);
  const once = { ...routed, repeatable: false };
  if (!routed.repeatable || !maySendAgain(plan, call)) return carry(caller, call, once);
  const { ports } = caller;
  return retrying({ plan, withinMs, ports }, call, (watched, leftMs) =>
    carry(caller, watched, { ...once, leftMs }),
  );
}

async function carry(caller: Caller, call: McpCall, routed: Routed): Promise<McpOutcome> {
  const { target } = routed.member;
  const { seats } = caller;
  if (!seats || !Seats.needed(target)) return sendOver(caller.links, caller, { call, routed });
  const links = await seats.take(target, call.cancel);
  let settled = false;
  try {
    const outcome = await sendOver(links, caller, { call, routed });
    settled = true;
    return outcome;
  } finally {
    seats.free(links, target, settled);
  }
}

interface Sent {
  readonly call: McpCall;
  readonly routed: Routed;
}

async function sendOver(links: Links, caller: Caller, sent: Sent): Promise<McpOutcome> {
  const { call, routed } = sent;
  const { member } = routed;
  const { target } = member;
  let open: LinkWithInfo | undefined;
  try {
    open = links.ready(target) ?? (await links.get(target));
    return shown(await over(open, caller, sent), { caller, call, open, member });
  } catch (cause) {
    const error = named(member.name, cause);
    if (wantsOtherHeaders(error)) return await withFreshHeaders(links, caller, sent);
    if (!mayRepeat(error, call, routed) || !open) throw error;
    links.drop(target, open);
  }
  return await lastTry(links, caller, sent);
}

async function lastTry(links: Links, caller: Caller, sent: Sent): Promise<McpOutcome> {
  const { call, routed } = sent;
  const { member } = routed;
  try {
    const open = await links.get(member.target);
    return shown(await over(open, caller, sent), { caller, call, open, member });
  } catch (cause) {
    throw named(member.name, cause);
  }
}

const HEADER_MISMATCH = -32020;

/** Refused before it was carried out: the tool repeats other arguments in headers than its list said when we read it. */
function wantsOtherHeaders({ detail }: GatewayError): boolean {
  return detail.data?.['upstreamCode'] === HEADER_MISMATCH;
}

async function withFreshHeaders(links: Links, caller: Caller, sent: Sent): Promise<McpOutcome> {
  const { call, routed } = sent;
  const { member, native } = routed;
  const isTool = call.method === 'tools/call' && native !== undefined;
  const repeated = isTool ? await readRepeated(caller, member.target, native) : NOT_REPEATED;
  return await lastTry(links, caller, { call, routed: { ...routed, repeated } });
}

function shown(
  outcome: McpOutcome,
  { caller, call, open, member }: { caller: Caller; call: McpCall; open: LinkWithInfo; member: Member },
): McpOutcome {
  if (call.method === 'tools/call' && hasTasks(open.info)) noteTask(outcome, member.target, caller);
  if (!member.mapsUris || outcome.kind === 'error') return outcome;
  let body = exposeUris(outcome.body, member.name);
  if (open.link.era === 'modern') body = exposeTask(body, member.name, call.method);
  return body === outcome.body ? outcome : { kind: 'result', body };
}

function noteTask({ kind, body }: McpOutcome, { tasks }: Target, { shown: { owner } }: Caller): void {
  const id = kind === 'result' ? begunTask(body) : undefined;
  if (id !== undefined) tasks.begun(id, owner);
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

function over(open: LinkWithInfo, caller: Caller, { call, routed }: Sent): Promise<McpOutcome> {
  const { member, native, splices, repeated, leftMs } = routed;
  const tool = call.method === 'tools/call' ? native : undefined;
  const found = caller.view.deadline(member, tool);
  // It is answered when the task is over (2025-11-25), and a server that has nothing to say meanwhile is not stuck.
  const asFound = call.method === 'tasks/result' ? { ...found, ms: found.maxMs } : found;
  const deadline = leftMs === undefined ? asFound : { ...asFound, ms: Math.min(asFound.ms, leftMs) };
  const client = call.shown?.headersFor(member.target);
  const crossing = { call, caller, open, target: member.name, native, splices, deadline, repeated, client };
  return PAIRS[caller.era][open.link.era](crossing);
}
