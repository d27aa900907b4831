/** What decides about MCP items and calls, once their names have been resolved: the altitude of MCP's own rules. */
import type { Cancel } from '../lib/cancel.ts';
import type { Exchange } from './exchange.ts';

/** A tool, prompt, resource or task, as its server knows it. */
export interface GuardedItem {
  readonly kind: 'tool' | 'prompt' | 'resource' | 'task';
  readonly target: string;
  /** Of a resource the URI, of a task the id. */
  readonly name: string;
  /** Of a tool, as it is listed; undefined where it is not. */
  annotations(): unknown;
}

export interface GuardedCall {
  readonly method: string;
  /** Undefined: a method that names none. */
  readonly item: GuardedItem | undefined;
  readonly sessionId: string | undefined;
  /** Of a tool. */
  arguments(): unknown;
  /** What the client says of itself. */
  client(): unknown;
}

export type Ruling =
  | { readonly allowed: true }
  /** `scopes`: what the client's token would have to grant. */
  | { readonly allowed: false; readonly scopes?: readonly string[] | undefined };

/** What rules may know of the request that brought a call. Undefined over standard input and output. */
export type GuardedRequest = Exchange | undefined;

export interface McpGuard {
  /** The same for guards that decide alike: what they were made from. */
  readonly key: string;
  judge(call: GuardedCall, request: GuardedRequest): Ruling;
  /** Whether a list shows the item to whoever asks. */
  shows(item: GuardedItem, request: GuardedRequest): boolean;
}

/** Limits that a call has to pass once it may be made: how often, how many at a time. */
export interface McpGate {
  /** Throws or rejects with RATE_LIMITED or OVERLOADED. */
  enter(call: GuardedCall, request: GuardedRequest, cancel: Cancel): Entered | Promise<Entered>;
}

/** What runs when the call is over, whatever came of it; undefined: nothing to give back. */
export type Entered = (() => void) | undefined;

/** One after the other; who is refused by a later one gives back what the earlier ones gave. */
export function allGates(gates: readonly (McpGate | undefined)[]): McpGate | undefined {
  const present = gates.filter((gate) => gate !== undefined);
  const [first] = present;
  if (present.length < 2) return first;
  return {
    enter: async (call, request, cancel) => {
      const leave: (() => void)[] = [];
      const leaveAll = (): void => {
        for (const one of leave.splice(0).reverse()) one();
      };
      try {
        for (const gate of present) {
          const entered = await gate.enter(call, request, cancel);
          if (entered) leave.push(entered);
        }
      } catch (error) {
        leaveAll();
        throw error;
      }
      return leave.length > 0 ? leaveAll : undefined;
    },
  };
}

/** All of them have to agree; undefined where there are none. */
export function allGuards(guards: readonly (McpGuard | undefined)[]): McpGuard | undefined {
  const present = guards.filter((guard) => guard !== undefined);
  const [first] = present;
  if (present.length < 2) return first;
  return {
    key: present.map(({ key }) => key).join('\n'),
    judge: (call, request) => {
      for (const guard of present) {
        const ruling = guard.judge(call, request);
        if (!ruling.allowed) return ruling;
      }
      return { allowed: true };
    },
    shows: (item, request) => present.every((guard) => guard.shows(item, request)),
  };
}
