/**
 * Whether a call may be made, and what a list shows, by the guards of the endpoint and of the target. What is denied
 * looks like what does not exist, unless the rule says what the client would have to be granted.
 */
import { GatewayError } from '../../core/errors.ts';
import {
  allGuards,
  type GuardedCall,
  type GuardedItem,
  type GuardedRequest,
  type McpGuard,
} from '../../core/guard.ts';
import type { McpCall } from '../call.ts';
import { type Catalogue, type Item, itemBytes, type ListKind } from '../catalogue.ts';
import { SLOT } from '../message.ts';
import type { Member, View } from '../view/view.ts';
import type { Caller } from './caller.ts';
import { isLoginCatalogue } from './login-tool.ts';

/** What a call names, before it is known whether it may. */
export interface Named {
  readonly kind: GuardedItem['kind'];
  /** Native. */
  readonly name: string;
  /** As the client knows it, for the refusal. */
  readonly exposed: string;
  readonly listed?: Item | undefined;
}

/** Throws UNKNOWN_ITEM, METHOD_NOT_FOUND, or SCOPE_MISSING. */
export function permit(
  caller: Caller,
  call: McpCall,
  at: { readonly member: Member; readonly named: Named | undefined },
): void {
  const guard = guardOf(caller.view, at.member);
  if (!guard) return;
  const ruling = guard.judge(guardedCall(caller, call, at), call.exchange);
  if (!ruling.allowed) throw refusal(call, at.named, ruling.scopes);
}

/** A call as rules and limits read it. */
export function guardedCall(
  caller: Caller,
  call: McpCall,
  { member, named }: { readonly member: Member | undefined; readonly named?: Named | undefined },
): GuardedCall {
  const { text } = call.message;
  return {
    method: call.method,
    item: named && member && itemOf(member, named.kind, named),
    sessionId: caller.sessionId,
    arguments: () => (text.has(SLOT.arguments) ? JSON.parse(text.raw(SLOT.arguments).toString()) : {}),
    client: () => clientOf(caller),
  };
}

/** What is listened to: a resource, or a task of a modern server. */
export interface Heard {
  readonly member: Member;
  readonly kind: 'resource' | 'task';
  /** Native URI or id. */
  readonly name: string;
}

/** Whoever listens; in a session by its earlier request. */
export type Hearer = Pick<Caller, 'view' | 'sessionId' | 'envelope'>;

/** Whether it may be listened to: what is heard of it is as much as reading it. */
export function mayHear(hearer: Hearer, { member, kind, name }: Heard, request: GuardedRequest): boolean {
  const guard = guardOf(hearer.view, member);
  if (!guard) return true;
  const call: GuardedCall = {
    method: HEARING[kind],
    item: itemOf(member, kind, { name }),
    sessionId: hearer.sessionId,
    arguments: () => undefined,
    client: () => clientOf(hearer),
  };
  return guard.judge(call, request).allowed;
}

const HEARING = { resource: 'resources/subscribe', task: 'tasks/get' } as const;

function clientOf(caller: Pick<Caller, 'envelope'>): unknown {
  const { info } = caller.envelope();
  return info && JSON.parse(info.toString());
}

const KINDS: Readonly<Record<ListKind, GuardedItem['kind']>> = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  templates: 'resource',
};

type Part = { readonly target: Member; readonly catalogue: Catalogue };

/** The parts of a list as far as whoever asks may see them; what depends on who asks is for nobody else to keep. */
export function shownParts(
  view: View,
  kind: ListKind,
  { parts, request }: { parts: readonly Part[]; request: GuardedRequest },
): readonly Part[] {
  return parts.map((part) => {
    const guard = guardOf(view, part.target);
    if (!guard || isLoginCatalogue(part.catalogue)) return part;
    const items = part.catalogue.items.filter((item) =>
      guard.shows(itemOf(part.target, KINDS[kind], { name: item.key, listed: item }), request),
    );
    const caching = { ...part.catalogue.caching, scope: 'private' as const };
    return { target: part.target, catalogue: { ...part.catalogue, items, whole: undefined, caching } };
  });
}

const both = new WeakMap<Member, McpGuard>();

function guardOf(view: View, member: Member): McpGuard | undefined {
  if (!view.guard || !member.guard) return view.guard ?? member.guard;
  let guard = both.get(member);
  if (!guard) {
    guard = allGuards([view.guard, member.guard]) as McpGuard;
    both.set(member, guard);
  }
  return guard;
}

function itemOf(
  { name: target }: Member,
  kind: GuardedItem['kind'],
  { name, listed }: { name: string; listed?: Item | undefined },
): GuardedItem {
  return { kind, target, name, annotations: () => annotationsOf(listed) };
}

function annotationsOf(listed: Item | undefined): unknown {
  if (!listed) return undefined;
  return (JSON.parse(itemBytes(listed).toString()) as { annotations?: unknown }).annotations;
}

function refusal(
  call: McpCall,
  named: Named | undefined,
  scopes: readonly string[] | undefined,
): GatewayError {
  if (scopes && scopes.length > 0) {
    const wanted = scopes.join(' ');
    return new GatewayError('SCOPE_MISSING', `the token does not grant what this takes: ${wanted}`, {
      headers: ['www-authenticate', `Bearer error="insufficient_scope", scope="${wanted}"`],
      data: { scopes },
    });
  }
  if (!named) return new GatewayError('METHOD_NOT_FOUND', `Method not found: ${call.method}`);
  const data = named.kind === 'resource' ? { data: { uri: named.exposed } } : {};
  return new GatewayError('UNKNOWN_ITEM', `Unknown ${named.kind}: ${named.exposed}`, data);
}
